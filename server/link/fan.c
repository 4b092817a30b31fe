// SPDX-License-Identifier: ISC
// A ring of steps: the newest screens that were sent to anybody, each with the frame that led to it
// as the shared stream has it. A step is made when a viewer that can take one is due, so one viewer
// alone has a stream at its own pace. Who is at most a packet behind, or cheaper off so, gets the
// steps it misses; others a START from what they have, which is made once for all at the same place.
//
// In and out of the stream. A START costs more than the steps it stands for where the screen changes
// little, for it has no history; and less where the viewer skips most of it. To come back in step a
// viewer has to be given the stream's window, some KB. So `gain` adds up what the stream would have
// saved, and once that pays for the window the viewer gets it. The cost is at most about twice that
// of having known.
//
// Joining. What a joiner inflates last is the window, and ends at a whole byte. So the stream is
// aligned there too, with bytes that stand at the front of the next step for all but joiners.
#include "server/link/fan.h"

#include "vt/frame.h"
#include "vt/zstream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define STEPS 256u                   // screens kept, for those who lag or come back
#define STEPS_BYTES (2u << 20)       // what they may take in memory, beyond the newest
#define STEP_US LINKPACE_MIN_US      // between two steps
#define BATCH_BYTES 1400u            // steps missed that are sent without asking what is cheaper
#define WINDOW_BYTES_FIRST (4 << 10) // what a window costs, until one was made
#define STARTS 16u                   // of one step, shared by viewers in the same place

struct step {
	struct screen *screen;       // a reference
	struct fan_message *message; // leads here from the step before; NULL: nobody was in step
	struct fan_message *joined;  // the same for who has joined at the step before; or NULL
	size_t cost;                 // bytes of memory that it keeps alive, about
	uint32_t viewers;            // in step that are here
};

struct start {
	uint64_t base;
	bool in_step; // who gets it is in step then,
	bool joined;  // behind the stream's window, so without the alignment
	struct fan_message *message;
};

struct fan {
	uint64_t epoch;
	struct screen *newest;    // a reference, or NULL
	uint64_t first, head;     // of `steps`; head 0: none yet
	struct step steps[STEPS]; // seq at seq % STEPS
	size_t cost;
	uint64_t stepped_at;
	bool ahead;       // `newest` is not the screen of `head`
	uint32_t in_step; // viewers, as far as their steps are kept
	struct start starts[STARTS];
	unsigned starts_len, starts_next;
	struct deflater *stream, *alone; // of steps; of what begins a stream. NULL until needed
	struct buf align;                // owned: of the stream, to go before the next step
	int64_t window_bytes;            // what a window adds to a START
};

// ---- messages ----------------------------------------------------------------------------------

struct fan_message *
fan_message_ref(struct fan_message *message)
{
	message->refs++;
	return message;
}

void
fan_message_unref(struct fan_message *message)
{
	if (message && --message->refs == 0)
		free(message);
}

uint8_t *
fan_message_head(struct fan_message *message)
{
	return (uint8_t *)(message + 1) + FAN_HEADROOM;
}

static struct fan_message *
message_new(enum fan_kind kind, const struct buf *front, const struct buf *body)
{
	size_t front_len = front ? front->len : 0, len = 1 + front_len + body->len;
	struct fan_message *message = malloc(sizeof(*message) + FAN_HEADROOM + len);
	uint8_t *data;

	if (!message)
		abort();
	data = fan_message_head(message);
	*message = (struct fan_message){.refs = 1, .len = (uint32_t)len, .data = data};
	data[0] = (uint8_t)kind;
	if (front_len)
		memcpy(data + 1, front->data, front_len);
	if (body->len)
		memcpy(data + 1 + front_len, body->data, body->len);
	return message;
}

// ---- steps -------------------------------------------------------------------------------------

static struct step *
step_at(struct fan *fan, uint64_t seq)
{
	return &fan->steps[seq % STEPS];
}

static bool
is_kept(const struct fan *fan, uint64_t seq)
{
	return fan->head && seq >= fan->first && seq <= fan->head;
}

static void
drop_first(struct fan *fan)
{
	struct step *step = step_at(fan, fan->first++);

	fan->in_step -= step->viewers; // they will find out
	fan->cost -= step->cost;
	screen_unref(step->screen);
	fan_message_unref(step->message);
	fan_message_unref(step->joined);
	*step = (struct step){0};
}

static void
drop_starts(struct fan *fan)
{
	for (unsigned i = 0; i < fan->starts_len; i++) {
		fan_message_unref(fan->starts[i].message);
		fan->starts[i].message = NULL;
	}
	fan->starts_len = fan->starts_next = 0;
}

// Rows that have moved count as new: too much, which only makes the ring shorter.
static size_t
cost_of(const struct screen *screen, const struct screen *before)
{
	size_t cost = sizeof(*screen) + screen->rows * sizeof(screen->row[0]);

	for (size_t i = 0; i < screen->rows; i++)
		if (!before || i >= before->rows || before->row[i] != screen->row[i])
			cost += sizeof(struct row) + screen->cols * sizeof(struct cell);
	return cost;
}

static struct deflater *
begun(struct deflater **deflater)
{
	if (*deflater)
		deflater_reset(*deflater);
	else
		*deflater = deflater_new();
	return *deflater;
}

// The frame from `base` through the shared stream.
static void
put_step(struct fan *fan, struct step *step, const struct screen *base)
{
	struct buf frame = {0}, packed = {0};

	frame_encode(base, step->screen, &frame);
	deflater_put(fan->stream, frame.data, frame.len, &packed);
	step->message = message_new(FAN_STEP, &fan->align, &packed);
	if (fan->align.len)
		step->joined = message_new(FAN_STEP, NULL, &packed);
	fan->align.len = 0;
	step->cost += step->message->len;
	buf_fini(&frame);
	buf_fini(&packed);
}

static void
make_step(struct fan *fan, uint64_t now_us)
{
	struct screen *base = fan->head ? step_at(fan, fan->head)->screen : NULL;
	struct step *step;

	if (fan->head && fan->head - fan->first + 1 == STEPS)
		drop_first(fan);
	step = step_at(fan, ++fan->head);
	*step = (struct step){.screen = screen_ref(fan->newest)};
	step->cost = cost_of(step->screen, base);
	if (fan->in_step)
		put_step(fan, step, base);
	fan->cost += step->cost;
	while (fan->first < fan->head && fan->cost - step->cost > STEPS_BYTES)
		drop_first(fan);
	drop_starts(fan);
	fan->ahead = false;
	fan->stepped_at = now_us;
}

// ---- starts ------------------------------------------------------------------------------------

static struct start *
remember(struct fan *fan, const struct start *made)
{
	struct start *start;

	if (fan->starts_len < STARTS)
		start = &fan->starts[fan->starts_len++];
	else
		start = &fan->starts[fan->starts_next++ % STARTS];
	fan_message_unref(start->message);
	*start = *made;
	return start;
}

static struct start *
remembered(struct fan *fan, uint64_t base, bool in_step)
{
	for (unsigned i = 0; i < fan->starts_len; i++)
		if (fan->starts[i].base == base && fan->starts[i].in_step == in_step)
			return &fan->starts[i];
	return NULL;
}

static void
put_start(struct fan *fan, uint64_t base, struct buf *plain)
{
	struct buf frame = {0};

	frame_encode(
	    base ? step_at(fan, base)->screen : NULL, step_at(fan, fan->head)->screen, &frame);
	buf_put_varint(plain, fan->head);
	buf_put_varint(plain, base);
	buf_put_bytes(plain, frame.data, frame.len);
	buf_fini(&frame);
}

static struct start *
finish(struct fan *fan, struct start *start, struct buf *plain, struct buf *packed)
{
	start->message = message_new(FAN_START, NULL, packed);
	buf_fini(plain);
	buf_fini(packed);
	return remember(fan, start);
}

// What brings a viewer from `base` (0: nothing) to the newest step.
static struct start *
start_alone(struct fan *fan, uint64_t base)
{
	struct start *made = remembered(fan, base, false), start = {.base = base};
	struct buf plain = {0}, packed = {0};

	if (made)
		return made;
	put_start(fan, base, &plain);
	deflater_put(begun(&fan->alone), plain.data, plain.len, &packed);
	return finish(fan, &start, &plain, &packed);
}

// The same, and it is in step then: with the stream's window,
static struct start *
start_joining(struct fan *fan, uint64_t base)
{
	struct start start = {.base = base, .in_step = true, .joined = true};
	struct buf plain = {0}, packed = {0};

	put_start(fan, base, &plain);
	deflater_window(fan->stream, &plain);
	deflater_put(begun(&fan->alone), plain.data, plain.len, &packed);
	deflater_align(fan->alone, &packed);
	deflater_align(fan->stream, &fan->align);
	return finish(fan, &start, &plain, &packed);
}

// or, if nobody is in step, as the beginning of a new stream.
static struct start *
start_stream(struct fan *fan, uint64_t base)
{
	struct start start = {.base = base, .in_step = true};
	struct buf plain = {0}, packed = {0};

	drop_starts(fan); // of the stream before
	put_start(fan, base, &plain);
	deflater_put(begun(&fan->stream), plain.data, plain.len, &packed);
	fan->align.len = 0;
	return finish(fan, &start, &plain, &packed);
}

// ---- the fan -----------------------------------------------------------------------------------

struct fan *
fan_new(uint64_t epoch)
{
	struct fan *fan = calloc(1, sizeof(*fan));

	if (!fan)
		abort();
	fan->epoch = epoch;
	fan->first = 1;
	fan->window_bytes = WINDOW_BYTES_FIRST;
	return fan;
}

void
fan_free(struct fan *fan)
{
	if (!fan)
		return;
	while (fan->first <= fan->head)
		drop_first(fan);
	drop_starts(fan);
	screen_unref(fan->newest);
	deflater_free(fan->stream);
	deflater_free(fan->alone);
	buf_fini(&fan->align);
	free(fan);
}

uint64_t
fan_epoch(const struct fan *fan)
{
	return fan->epoch;
}

void
fan_show(struct fan *fan, struct screen *screen)
{
	struct screen *old = fan->newest;

	fan->newest = screen_ref(screen);
	screen_unref(old);
	fan->ahead = !fan->head || !screen_equal(step_at(fan, fan->head)->screen, screen);
}

// ---- viewers -----------------------------------------------------------------------------------

void
fan_viewer_init(
    struct fan *fan, struct fan_viewer *viewer, uint64_t now_us, uint64_t epoch, uint64_t seq)
{
	*viewer = (struct fan_viewer){0};
	linkpace_init(&viewer->pace, now_us);
	if (epoch == fan->epoch && is_kept(fan, seq))
		viewer->seq = viewer->until = viewer->acked = seq;
}

static void
leave_step(struct fan *fan, struct fan_viewer *viewer)
{
	if (!viewer->in_step)
		return;
	if (is_kept(fan, viewer->seq)) { // else it went with its step
		step_at(fan, viewer->seq)->viewers--;
		fan->in_step--;
	}
	viewer->in_step = viewer->joined = false;
	viewer->until = viewer->seq;
	viewer->gain = 0;
}

void
fan_viewer_fini(struct fan *fan, struct fan_viewer *viewer)
{
	leave_step(fan, viewer);
}

uint64_t
fan_due(const struct fan *fan, struct fan_viewer *viewer, uint64_t now_us)
{
	uint64_t due, step_at_us = fan->head ? fan->stepped_at + STEP_US : now_us;

	if (viewer->seq < viewer->until)
		return now_us;
	if (viewer->seq == fan->head && !fan->ahead)
		return LINKPACE_NEVER;
	linkpace_want(&viewer->pace);
	due = linkpace_due(&viewer->pace, now_us);
	return viewer->seq == fan->head && due < step_at_us ? step_at_us : due;
}

// Bytes of the steps that it misses; SIZE_MAX if not all are kept.
static size_t
missing(struct fan *fan, uint64_t seq)
{
	size_t bytes = 0;

	if (!is_kept(fan, seq))
		return SIZE_MAX;
	while (++seq <= fan->head) {
		const struct step *step = step_at(fan, seq);

		if (!step->message)
			return SIZE_MAX;
		bytes += step->message->len;
	}
	return bytes;
}

static void
paced(struct fan_viewer *viewer, uint64_t now_us, size_t bytes)
{
	linkpace_sent(&viewer->pace, now_us, bytes);
	viewer->sent[viewer->pace.sent % LINKPACE_RING] = (uint32_t)viewer->until;
}

static struct fan_message *
give(struct fan_viewer *viewer, struct fan_message *message)
{
	viewer->bytes += message->len;
	viewer->messages++;
	return fan_message_ref(message);
}

static struct fan_message *
give_step(struct fan *fan, struct fan_viewer *viewer)
{
	bool joined = viewer->joined;
	struct step *step;

	step_at(fan, viewer->seq)->viewers--;
	step = step_at(fan, ++viewer->seq);
	step->viewers++;
	// Also where the stream needed no alignment: a later one is not this joiner's.
	viewer->joined = false;
	return give(viewer, joined && step->joined ? step->joined : step->message);
}

// The START that is best for a viewer with `base`, or with nothing.
static struct start *
choose_start(struct fan *fan, struct fan_viewer *viewer, uint64_t base)
{
	size_t bytes = missing(fan, viewer->seq), len;
	struct start *start;

	if (!fan->in_step)
		return start_stream(fan, base);
	start = remembered(fan, base, true);
	if (start)
		return start;
	start = start_alone(fan, base);
	len = start->message->len;
	viewer->gain = bytes < SIZE_MAX ? viewer->gain + (int64_t)len - (int64_t)bytes : 0;
	if (viewer->gain < 0)
		viewer->gain = 0;
	if (viewer->gain < fan->window_bytes)
		return start;
	start = start_joining(fan, base);
	fan->window_bytes = (int64_t)start->message->len - (int64_t)len;
	return start;
}

static struct fan_message *
give_start(struct fan *fan, struct fan_viewer *viewer, uint64_t now_us)
{
	const struct start *start =
	    choose_start(fan, viewer, is_kept(fan, viewer->seq) ? viewer->seq : 0);

	if (start->in_step) {
		step_at(fan, fan->head)->viewers++;
		fan->in_step++;
		viewer->gain = 0;
	}
	viewer->in_step = start->in_step;
	viewer->joined = start->joined;
	viewer->seq = viewer->until = fan->head;
	paced(viewer, now_us, start->message->len);
	return give(viewer, start->message);
}

// Whether the steps that it misses are what it should get.
static bool
is_worth_steps(struct fan *fan, const struct fan_viewer *viewer)
{
	size_t bytes = missing(fan, viewer->seq);

	return bytes <= BATCH_BYTES ||
	       (bytes < SIZE_MAX &&
		   bytes <= BATCH_BYTES + start_alone(fan, viewer->seq)->message->len);
}

struct fan_message *
fan_next(struct fan *fan, struct fan_viewer *viewer, uint64_t now_us)
{
	if (fan_due(fan, viewer, now_us) > now_us)
		return NULL;
	if (viewer->seq == viewer->until) {
		if (fan->ahead && (!fan->head || now_us - fan->stepped_at >= STEP_US))
			make_step(fan, now_us);
		if (viewer->in_step && is_worth_steps(fan, viewer)) {
			viewer->until = fan->head;
			paced(viewer, now_us, missing(fan, viewer->seq));
		}
	}
	if (viewer->in_step && viewer->seq < viewer->until && is_kept(fan, viewer->seq))
		return give_step(fan, viewer);
	leave_step(fan, viewer);
	return give_start(fan, viewer, now_us);
}

bool
fan_ack(struct fan_viewer *viewer, uint64_t now_us, uint64_t seq, uint64_t held_us)
{
	uint64_t frames = viewer->pace.acked;

	if (seq > viewer->seq || seq < viewer->acked)
		return false;
	viewer->acked = seq;
	while (frames < viewer->pace.sent &&
	       (int32_t)(viewer->sent[(frames + 1) % LINKPACE_RING] - (uint32_t)seq) <= 0)
		frames++;
	// in the middle of a batch: there is nothing to learn
	return frames == viewer->pace.acked ||
	       linkpace_acked(&viewer->pace, now_us, frames, held_us);
}
