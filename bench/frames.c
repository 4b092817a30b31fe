// SPDX-License-Identifier: ISC
// How many bytes recordings take at each stage: raw, ANSI, frames, each with and without deflate.
//
// Screens are cut as an eager sender would: 8 ms after the first change that follows quiet, then
// every 1/fps while there are changes. Every frame goes through the deflate stream, comes out of it
// again, is applied to what the last one gave, and must give the model's screen.
#include "server/base/msg.h"
#include "server/base/proto.h"
#include "tests/lib/cast.h"
#include "vt/ansi.h"
#include "vt/frame.h"
#include "vt/model.h"
#include "vt/zstream.h"

#include <errno.h>
#include <getopt.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <zlib.h>

#define FIRST_S 0.008 // from the first change after quiet to its frame
#define FPS 20
#define FPS_MAX 240
#define INFLATED_MAX MSG_MAX

// In a deflated stream, before any message but a frame from the last one: 0, type, payload.
static const uint8_t key_header[] = {0, VIEW_FRAME, 1};

struct result {
	const char *file;
	size_t frames;
	size_t raw, raw_zlib, ansi, ansi_zlib, frames_raw, frames_zlib; // bytes
	double encode_us, deflate_us, apply_us;                         // of all frames
};

struct run {
	const struct cast *cast;
	struct result *result;
	struct model *model;
	double interval; // seconds
	double due;      // of the next frame, if `pending`
	double last;     // time of the last frame
	bool pending;
	struct screen *sent; // what the viewer has by the model; NULL before the first frame
	struct screen *seen; // what the viewer has by its frames
	struct ansi *ansi;
	struct deflater *ansi_deflater, *frame_deflater;
	struct inflater *frame_inflater;
	struct buf plain, packed, message; // scratch
};

// CPU time, so that a busy machine does not count.
static double
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

// ---- Stages ------------------------------------------------------------------------------------

// As `ssh -C` sends it: one stream, flushed after each write of the program.
static size_t
deflate_raw(const struct cast *cast)
{
	z_stream z = {0};
	uint8_t out[4096];

	if (deflateInit2(&z, 6, Z_DEFLATED, 15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		abort();
	for (size_t i = 0; i < cast->count; i++) {
		if (cast->events[i].kind != 'o' || cast->events[i].len == 0)
			continue;
		z.next_in = cast->bytes.data + cast->events[i].at;
		z.avail_in = (uInt)cast->events[i].len;
		do {
			z.next_out = out;
			z.avail_out = sizeof(out);
			deflate(&z, Z_PARTIAL_FLUSH);
		} while (z.avail_out == 0);
	}
	deflateEnd(&z);
	return z.total_out;
}

static void
paint(struct run *run, struct screen *screen)
{
	run->plain.len = run->packed.len = 0;
	ansi_paint(run->ansi, screen, &run->plain);
	deflater_put(run->ansi_deflater, run->plain.data, run->plain.len, &run->packed);
	run->result->ansi += run->plain.len;
	run->result->ansi_zlib += run->packed.len;
}

static void
fail_frame(const struct run *run, const char *why)
{
	fprintf(stderr, "frames: %s: frame %zu: %s\n", run->result->file, run->result->frames, why);
	exit(EX_SOFTWARE);
}

// What a viewer does: inflates the message and applies it.
static void
verify(struct run *run, const struct screen *screen)
{
	size_t header = run->seen == NULL ? sizeof(key_header) : 0;
	struct buf inflated = {0};
	struct screen *seen;
	const char *why;
	char diff[256];
	double start;

	if (!inflater_put(
		run->frame_inflater, run->packed.data, run->packed.len, INFLATED_MAX, &inflated))
		fail_frame(run, "does not inflate");
	start = now_us();
	seen = frame_apply(run->seen, inflated.data + header, inflated.len - header, &why);
	run->result->apply_us += now_us() - start;
	if (seen == NULL)
		fail_frame(run, why);
	if (!screen_explain(seen, screen, diff, sizeof(diff)))
		fail_frame(run, diff);
	screen_unref(run->seen);
	run->seen = seen;
	buf_fini(&inflated);
}

// As on a link: the length, then the frame deflated. docs/protocol.md, "Frames through one stream".
static void
send_frame(struct run *run, struct screen *screen)
{
	struct result *result = run->result;
	double start = now_us(), encoded;

	run->plain.len = run->packed.len = run->message.len = 0;
	if (run->sent == NULL)
		buf_put(&run->plain, key_header, sizeof(key_header));
	frame_encode(run->sent, screen, &run->plain);
	encoded = now_us();
	deflater_put(run->frame_deflater, run->plain.data, run->plain.len, &run->packed);
	result->encode_us += encoded - start;
	result->deflate_us += now_us() - encoded;
	result->frames++;
	buf_put_varint(&run->message, run->packed.len);
	result->frames_zlib += run->message.len + run->packed.len;
	run->message.len = 0;
	buf_put_varint(&run->message, 2 + run->plain.len); // type and flags: not deflated, in full
	result->frames_raw += run->message.len + 2 + run->plain.len;
	verify(run, screen);
}

// ---- Cutting -----------------------------------------------------------------------------------

static void
cut(struct run *run, double time)
{
	struct screen *screen = model_screen(run->model);

	if (run->sent != NULL && screen_equal(screen, run->sent)) { // changed, and back
		screen_unref(screen);
		return;
	}
	paint(run, screen);
	send_frame(run, screen);
	screen_unref(run->sent);
	run->sent = screen;
	run->last = time;
}

static void
play_event(struct run *run, const struct cast_event *event)
{
	struct screen *screen;

	if (run->pending && event->time > run->due) {
		run->pending = false;
		cut(run, run->due);
	}
	if (event->kind == 'o')
		model_feed(run->model, run->cast->bytes.data + event->at, event->len);
	else
		model_resize(run->model, event->rows, event->cols);
	screen = model_screen(run->model);
	if (!run->pending && screen != run->sent) {
		double next = run->last + run->interval;

		run->pending = true;
		run->due = run->sent == NULL || event->time > next ? event->time + FIRST_S : next;
	}
	screen_unref(screen);
}

static void
play(const struct cast *cast, double fps, struct result *result)
{
	struct ansi_caps caps = ansi_caps_modern();
	struct run run = {.cast = cast,
	    .result = result,
	    .interval = 1 / fps,
	    .model = model_new(cast->rows, cast->cols, NULL),
	    .ansi = ansi_new(&caps),
	    .ansi_deflater = deflater_new(),
	    .frame_deflater = deflater_new(),
	    .frame_inflater = inflater_new()};

	result->raw = cast->bytes.len;
	result->raw_zlib = deflate_raw(cast);
	for (size_t i = 0; i < cast->count; i++)
		play_event(&run, &cast->events[i]);
	if (run.pending)
		cut(&run, run.due);
	screen_unref(run.sent);
	screen_unref(run.seen);
	model_free(run.model);
	ansi_free(run.ansi);
	deflater_free(run.ansi_deflater);
	deflater_free(run.frame_deflater);
	inflater_free(run.frame_inflater);
	buf_fini(&run.plain);
	buf_fini(&run.packed);
	buf_fini(&run.message);
}

// ---- Results -----------------------------------------------------------------------------------

static double
per_frame(const struct result *result, double us)
{
	return result->frames > 0 ? us / (double)result->frames : 0;
}

static void
print_row(const char *name, const struct result *r)
{
	printf("%-44.44s %7zu %10zu %9zu %9zu %8zu %9zu %8zu %6.1f %6.1f %6.1f\n", name, r->frames,
	    r->raw, r->raw_zlib, r->ansi, r->ansi_zlib, r->frames_raw, r->frames_zlib,
	    per_frame(r, r->encode_us), per_frame(r, r->deflate_us), per_frame(r, r->apply_us));
}

static void
print_table(const struct result *results, size_t count)
{
	struct result sum = {0};

	printf("%-44s %7s %10s %9s %9s %8s %9s %8s %6s %6s %6s\n", "recording", "frames", "raw",
	    "raw+z", "ansi", "ansi+z", "frames", "frames+z", "encode", "zlib", "apply");
	for (size_t i = 0; i < count; i++) {
		const struct result *r = &results[i];
		const char *slash = strrchr(r->file, '/');

		print_row(slash != NULL ? slash + 1 : r->file, r);
		sum.frames += r->frames;
		sum.raw += r->raw;
		sum.raw_zlib += r->raw_zlib;
		sum.ansi += r->ansi;
		sum.ansi_zlib += r->ansi_zlib;
		sum.frames_raw += r->frames_raw;
		sum.frames_zlib += r->frames_zlib;
		sum.encode_us += r->encode_us;
		sum.deflate_us += r->deflate_us;
		sum.apply_us += r->apply_us;
	}
	print_row("total", &sum);
	puts("bytes; encode, zlib and apply in microseconds of CPU per frame; +z: one deflate "
	     "stream");
}

static json_t *
to_json(const struct result *r)
{
	return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f}", "file",
	    r->file, "frames", (json_int_t)r->frames, "raw", (json_int_t)r->raw, "raw_zlib",
	    (json_int_t)r->raw_zlib, "ansi", (json_int_t)r->ansi, "ansi_zlib",
	    (json_int_t)r->ansi_zlib, "frames_raw", (json_int_t)r->frames_raw, "frames_zlib",
	    (json_int_t)r->frames_zlib, "us_per_frame", per_frame(r, r->encode_us + r->deflate_us),
	    "us_encode", per_frame(r, r->encode_us), "us_deflate", per_frame(r, r->deflate_us),
	    "us_apply", per_frame(r, r->apply_us));
}

static void
print_json(const struct result *results, size_t count)
{
	json_t *list = json_array(), *all;

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, to_json(&results[i]));
	all = json_pack("{s:o}", "recordings", list);
	json_dumpf(all, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(all);
}

// ---- Command line ------------------------------------------------------------------------------

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: frames [--fps=N] [--json] FILE.cast...\n"
	    "Bytes of each stage for asciicast v2 recordings, at N frames a second (1 to %d, else "
	    "%d).\n",
	    FPS_MAX, FPS);
}

static double
parse_fps(const char *text)
{
	char *end;
	long fps;

	errno = 0;
	fps = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || fps < 1 || fps > FPS_MAX) {
		fprintf(stderr, "frames: --fps=%s: a frame rate is a number from 1 to %d\n", text,
		    FPS_MAX);
		exit(EX_USAGE);
	}
	return (double)fps;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {{"fps", required_argument, NULL, 'f'},
	    {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {0}};
	struct result *results;
	double fps = FPS;
	bool json = false;
	size_t count;
	char why[512];

	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		switch (option) {
		case 'f': fps = parse_fps(optarg); break;
		case 'j': json = true; break;
		case 'h': usage(stdout); return 0;
		default: usage(stderr); return EX_USAGE;
		}
	}
	if (optind == argc) {
		usage(stderr);
		return EX_USAGE;
	}
	count = (size_t)(argc - optind);
	results = calloc(count, sizeof(*results));
	if (results == NULL)
		abort();
	for (size_t i = 0; i < count; i++) {
		struct cast cast;

		results[i].file = argv[optind + (int)i];
		if (!cast_load(&cast, results[i].file, why, sizeof(why))) {
			fprintf(stderr, "frames: %s\n", why);
			free(results);
			return EX_DATAERR;
		}
		play(&cast, fps, &results[i]);
		cast_fini(&cast);
	}
	if (json)
		print_json(results, count);
	else
		print_table(results, count);
	free(results);
	return 0;
}
