// SPDX-License-Identifier: ISC
// One sender and many viewers, joined by memory, under a clock of our own.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "server/base/proto.h"
#include "server/link/fan.h"
#include "server/link/fan_reader.h"
#include "tests/lib/feed.h"
#include "vt/format.h"

#define EPOCH 77
#define MS 1000u
#define MESSAGES 512 // on the way to one viewer

// A viewer behind a line with a rate and a delay.
struct far {
	struct fan_viewer viewer;
	struct fan_reader reader;
	uint64_t rate, delay_us, busy_until;
	bool stopped;
	struct {
		struct fan_message *message;
		uint64_t there_at, seq;
	} line[MESSAGES];
	size_t line_first, line_len;
	uint64_t ack_at, came_at, acked;
	size_t held;
	size_t starts, steps;
	size_t outstanding_max;
};

struct world {
	struct fan *fan;
	struct model *model;
	struct screen *newest;
	uint64_t now, seed;
	struct far *far;
	size_t count;
};

static struct world
world_new(size_t count)
{
	struct world world = {.fan = fan_new(EPOCH), .now = 1000000, .seed = 1, .count = count};

	world.model = model_new(24, 80, NULL);
	world.far = calloc(count, sizeof(*world.far));
	assert_non_null(world.far);
	for (size_t i = 0; i < count; i++) {
		fan_viewer_init(world.fan, &world.far[i].viewer, world.now, 0, 0);
		fan_reader_init(&world.far[i].reader);
	}
	return world;
}

static void
drop_line(struct far *far)
{
	while (far->line_len) {
		fan_message_unref(far->line[far->line_first++ % MESSAGES].message);
		far->line_len--;
	}
}

static void
world_free(struct world *world)
{
	for (size_t i = 0; i < world->count; i++) {
		struct far *far = &world->far[i];

		drop_line(far);
		fan_viewer_fini(world->fan, &far->viewer);
		fan_reader_fini(&far->reader);
	}
	free(world->far);
	fan_free(world->fan);
	screen_unref(world->newest);
	model_free(world->model);
}

static uint32_t
random_below(struct world *world, uint32_t count)
{
	world->seed = world->seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(world->seed >> 33) % count;
}

static void
show(struct world *world, const char *text)
{
	model_feed(world->model, text, strlen(text));
	screen_unref(world->newest);
	world->newest = model_screen(world->model);
	fan_show(world->fan, world->newest);
}

// A line somewhere, of a kind that a program draws again and again.
static void
show_line(struct world *world)
{
	static const char *const words[] = {"Entering directory '/usr/src/linux'",
	    "\x1b[32mPASS\x1b[m tests/unit/test_fan.c::", "warning: unused variable 'len' in",
	    "\x1b[1;34mCompiling\x1b[m serde_derive v1.0.", "drwxr-xr-x 2 root root 4096 Nov"};
	char text[128];

	snprintf(text, sizeof(text), "\x1b[%u;%uH%s %u", 1 + random_below(world, 24),
	    1 + random_below(world, 30), words[random_below(world, 5)], random_below(world, 1000));
	show(world, text);
}

// What a flood of lines leaves: a screen that has nothing of the one before.
static void
show_flood(struct world *world)
{
	char text[24 * 80];
	size_t len = 0;

	for (int i = 0; i < 24; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "\r\n%u %u %x and so on %u",
		    random_below(world, 1000000), random_below(world, 1000000),
		    random_below(world, 1000000), random_below(world, 1000000));
	show(world, text);
}

static void
give(struct world *world, struct far *far)
{
	struct fan_message *message;

	while (far->line_len < MESSAGES &&
	       (message = fan_next(world->fan, &far->viewer, world->now))) {
		size_t i = (far->line_first + far->line_len++) % MESSAGES;
		uint64_t from = far->busy_until > world->now ? far->busy_until : world->now;

		if (message->data[0] == FAN_START)
			far->starts++;
		else
			far->steps++;
		far->busy_until = from + (far->rate ? message->len * 1000000u / far->rate : 0);
		far->line[i].message = message;
		far->line[i].there_at = far->busy_until + far->delay_us;
		far->line[i].seq = far->viewer.seq;
		if (far->viewer.pace.outstanding - message->len > far->outstanding_max)
			far->outstanding_max = far->viewer.pace.outstanding - message->len;
	}
}

static void
get(struct world *world, struct far *far)
{
	while (far->line_len && far->line[far->line_first % MESSAGES].there_at <= world->now) {
		struct fan_message *message = far->line[far->line_first % MESSAGES].message;
		const char *why = "";

		if (!fan_reader_put(&far->reader, message->data, message->len, &why))
			fail_msg("%s", why);
		assert_int_equal(far->reader.seq, far->line[far->line_first % MESSAGES].seq);
		far->held += message->len;
		far->came_at = world->now;
		if (!far->ack_at)
			far->ack_at = world->now + (far->acked ? 100 * MS : 0);
		fan_message_unref(message);
		far->line_first++;
		far->line_len--;
	}
	// the ACK is on its way for as long as a frame
	if (far->ack_at && world->now >= far->ack_at + far->delay_us) {
		assert_true(fan_ack(&far->viewer, world->now, far->reader.seq,
		    world->now - far->came_at - far->delay_us < world->now
			? world->now - far->came_at - far->delay_us
			: 0));
		far->acked = far->reader.seq;
		far->ack_at = 0;
	}
}

static void
pass(struct world *world, uint64_t us)
{
	uint64_t until = world->now + us;

	for (; world->now < until; world->now += 1 * MS)
		for (size_t i = 0; i < world->count; i++) {
			struct far *far = &world->far[i];

			if (!far->stopped)
				get(world, far);
			give(world, far);
		}
}

static void
assert_current(struct world *world, size_t i)
{
	char why[200];

	assert_non_null(world->far[i].reader.screen);
	if (!screen_explain(world->far[i].reader.screen, world->newest, why, sizeof(why)))
		fail_msg("viewer %zu: %s", i, why);
}

static void
viewers_in_step_share_every_message(void **state)
{
	struct world world = world_new(3);
	(void)state;

	for (int i = 0; i < 50; i++) {
		struct fan_message *first = NULL;

		show_line(&world);
		for (size_t k = 0; k < 3; k++) {
			give(&world, &world.far[k]);
			if (!world.far[k].line_len)
				continue;
			if (!k)
				first =
				    world.far[k].line[world.far[k].line_first % MESSAGES].message;
			assert_ptr_equal(
			    first, world.far[k].line[world.far[k].line_first % MESSAGES].message);
		}
		pass(&world, 150 * MS);
		for (size_t k = 0; k < 3; k++)
			assert_current(&world, k);
	}
	assert_int_equal(world.far[0].starts, 1);
	assert_true(world.far[0].steps > 30);
	world_free(&world);
}

static void
nothing_is_due_while_nothing_changes(void **state)
{
	struct world world = world_new(2);
	(void)state;

	assert_int_equal(fan_due(world.fan, &world.far[0].viewer, world.now), LINKPACE_NEVER);
	show_line(&world);
	pass(&world, 1000 * MS);
	show(&world, "");
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(
		    fan_due(world.fan, &world.far[i].viewer, world.now), LINKPACE_NEVER);
		assert_null(fan_next(world.fan, &world.far[i].viewer, world.now));
	}
	world_free(&world);
}

// Others have been in step for long: the one who joins is given what is on the screen at once, and
// the window only when it pays.
static void
one_who_joins_comes_in_step(void **state)
{
	struct world world = world_new(3);
	size_t starts;
	(void)state;

	world.far[2].stopped = true;
	for (int i = 0; i < 100; i++) {
		show_line(&world);
		pass(&world, 50 * MS);
	}
	drop_line(&world.far[2]);
	fan_viewer_fini(world.fan, &world.far[2].viewer);
	fan_viewer_init(world.fan, &world.far[2].viewer, world.now, 0, 0);
	world.far[2].stopped = false;
	world.far[2].starts = world.far[2].steps = world.far[2].busy_until = 0;
	pass(&world, 100 * MS);
	assert_current(&world, 2);
	assert_int_equal(world.far[2].starts, 1);
	starts = world.far[0].starts;
	for (int i = 0; i < 600 && !world.far[2].viewer.in_step; i++) {
		show_line(&world);
		pass(&world, 50 * MS);
	}
	for (int i = 0; i < 100; i++) {
		show_line(&world);
		pass(&world, 50 * MS);
	}
	pass(&world, 500 * MS);
	for (size_t k = 0; k < 3; k++)
		assert_current(&world, k);
	assert_true(world.far[2].viewer.in_step);
	assert_true(world.far[2].steps > 90);
	assert_int_equal(world.far[0].starts, starts); // the others noticed nothing
	world_free(&world);
}

static void
a_stopped_viewer_is_given_no_more_than_its_share_and_then_one_message(void **state)
{
	struct world world = world_new(2);
	size_t messages;
	(void)state;

	for (uint32_t i = 0; i < 20; i++) {
		show_flood(&world);
		pass(&world, 50 * MS);
	}
	world.far[1].stopped = true;
	for (uint32_t i = 20; i < 1200; i++) { // a minute
		show_flood(&world);
		pass(&world, 50 * MS);
	}
	assert_true(world.far[1].viewer.pace.outstanding <= LIMIT_LINK_OUTSTANDING);
	assert_current(&world, 0);
	assert_true(world.far[0].steps > 1100);
	world.far[1].stopped = false;
	messages = world.far[1].starts + world.far[1].steps;
	pass(&world, 300 * MS);
	assert_current(&world, 1);
	assert_true(world.far[1].starts + world.far[1].steps - messages <= 2);
	world_free(&world);
}

// A line that cannot take the flood gets what it can take, and is no older than a frame's time.
static void
a_slow_viewer_skips_and_the_fast_one_does_not_notice(void **state)
{
	struct world world = world_new(2);
	size_t bytes;
	(void)state;

	world.far[1].rate = 7000;
	world.far[1].delay_us = 150 * MS;
	for (uint32_t i = 0; i < 400; i++) {
		show_flood(&world);
		pass(&world, 50 * MS);
		if (i > 100)
			assert_true(world.far[1].busy_until < world.now + 1000 * MS);
	}
	assert_true(world.far[0].steps > 380);
	assert_false(world.far[1].viewer.in_step);
	bytes = world.far[1].viewer.bytes;
	assert_true(bytes > 7000 * 5 && bytes < 7000 * 20);
	pass(&world, 3000 * MS);
	assert_current(&world, 1);
	// the flood ends, and what there is now the line can take
	for (int i = 0; i < 600; i++) {
		show_line(&world);
		pass(&world, 200 * MS);
	}
	assert_true(world.far[1].viewer.in_step);
	world_free(&world);
}

static void
who_comes_back_is_given_what_changed(void **state)
{
	struct world world = world_new(1);
	struct far *far = &world.far[0];
	struct fan_message *message;
	const char *why;
	(void)state;

	show_flood(&world);
	pass(&world, 100 * MS);
	fan_viewer_fini(world.fan, &far->viewer);
	show_line(&world);
	for (int i = 0; i < 2; i++) {
		struct fan_reader reader = far->reader;
		struct fan_viewer again;

		reader.screen = screen_ref(far->reader.screen);
		reader.inflater = NULL;
		fan_viewer_init(
		    world.fan, &again, world.now + 50 * MS, i ? EPOCH : EPOCH + 1, reader.seq);
		message = fan_next(world.fan, &again, world.now + 50 * MS);
		assert_non_null(message);
		assert_true(fan_reader_put(&reader, message->data, message->len, &why));
		assert_true(screen_equal(reader.screen, world.newest));
		if (i)
			assert_true(message->len < 60);
		else
			assert_true(message->len > 300);
		fan_message_unref(message);
		fan_viewer_fini(world.fan, &again);
		fan_reader_fini(&reader);
	}
	// up to date: nothing to say
	fan_viewer_init(world.fan, &far->viewer, world.now, EPOCH, 2);
	assert_int_equal(fan_due(world.fan, &far->viewer, world.now), LINKPACE_NEVER);
	world_free(&world);
}

static void
an_ack_of_what_was_not_sent_is_refused(void **state)
{
	struct world world = world_new(1);
	struct fan_viewer *viewer = &world.far[0].viewer;
	(void)state;

	assert_false(fan_ack(viewer, world.now, 1, 0));
	show_line(&world);
	give(&world, &world.far[0]);
	assert_false(fan_ack(viewer, world.now, 2, 0));
	assert_true(fan_ack(viewer, world.now + 1000, 1, 0));
	assert_false(fan_ack(viewer, world.now + 1000, 0, 0));
	world_free(&world);
}

// Any mix of lines, stops and connections that are cut: every message applies, every screen is right.
static void
everybody_ends_with_the_newest_screen(void **state)
{
	struct world world = world_new(40);
	(void)state;

	for (size_t i = 0; i < world.count; i++) {
		world.far[i].delay_us = i * i * 100;
		world.far[i].rate = i % 3 == 0 ? 3000 + 1000 * i : 0;
	}
	for (uint32_t round = 0; round < 1500; round++) {
		struct far *far = &world.far[random_below(&world, 32)];

		if (round % 200 > 150)
			show_flood(&world);
		else
			show_line(&world);
		pass(&world, (1 + random_below(&world, 40)) * MS);
		if (random_below(&world, 5) == 0)
			far->stopped = !far->stopped;
		if (random_below(&world, 7) == 0) { // cut, and back with what it has
			uint64_t epoch = random_below(&world, 2) ? EPOCH : 0;

			drop_line(far);
			fan_viewer_fini(world.fan, &far->viewer);
			fan_reader_restart(&far->reader);
			fan_viewer_init(world.fan, &far->viewer, world.now, epoch, far->reader.seq);
			far->ack_at = far->busy_until = far->acked = 0;
		}
	}
	for (size_t i = 0; i < world.count; i++)
		world.far[i].stopped = false;
	pass(&world, 20000 * MS);
	for (size_t i = 0; i < world.count; i++) {
		assert_current(&world, i);
		assert_true(world.far[i].outstanding_max <= LIMIT_LINK_OUTSTANDING);
	}
	world_free(&world);
}

// Until that viewer, who comes new, shares the stream with the first.
static void
join(struct world *world, size_t i)
{
	struct far *far = &world->far[i];

	drop_line(far);
	fan_viewer_fini(world->fan, &far->viewer);
	fan_viewer_init(world->fan, &far->viewer, world->now, 0, 0);
	far->stopped = false;
	far->busy_until = 0;
	for (int round = 0; round < 600 && !far->viewer.in_step; round++) {
		show_line(world);
		pass(world, 50 * MS);
	}
	assert_true(far->viewer.in_step);
}

// Where the stream is at a whole byte, which is one time in eight, a joiner needs no alignment; that is
// said of this step alone, and not of the next joiner's.
static void
those_who_join_one_after_another_read_on(void **state)
{
	(void)state;

	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct world world = world_new(3);

		world.seed = seed;
		world.far[1].stopped = world.far[2].stopped = true;
		show_line(&world);
		pass(&world, 50 * MS);
		for (size_t i = 1; i < world.count; i++)
			join(&world, i);
		for (int i = 0; i < 3; i++) {
			show_line(&world);
			pass(&world, 200 * MS);
		}
		for (size_t i = 0; i < world.count; i++)
			assert_current(&world, i);
		world_free(&world);
	}
}

static void
a_reader_refuses_what_does_not_fit(void **state)
{
	static const char *const cases[] = {"", "\x01", "\x01xxx", "\x03", "\x02\x07", "\x02\x03"};
	struct fan_reader reader;
	const char *why;
	(void)state;

	fan_reader_init(&reader);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_false(
		    fan_reader_put(&reader, (const uint8_t *)cases[i], strlen(cases[i]), &why));
	fan_reader_fini(&reader);
}

static void
the_example_of_the_protocol_is_read(void **state)
{
	size_t len;
	char *doc = (char *)feed_file(SOURCE_DIR "/docs/protocol.md", &len), *line, *next;
	struct fan_reader reader;
	struct buf text = {0};
	(void)state;

	assert_non_null(doc);
	doc[len - 1] = '\0';
	line = strstr(doc, "### Frames to many");
	assert_non_null(line);
	fan_reader_init(&reader);
	while ((line = strstr(line, "\n    ")) && reader.seq < 2) {
		uint8_t data[64];
		const char *why = "";

		for (len = 0, line += 5; strspn(line, "0123456789abcdef") == 2; line = next)
			data[len++] = (uint8_t)strtoul(line, &next, 16), next += *next == ' ';
		assert_true(fan_reader_put(&reader, data, len, &why));
	}
	assert_int_equal(reader.seq, 2);
	format_text(reader.screen, &text);
	assert_memory_equal(text.data, "$ make\nok\n$", 11);
	buf_fini(&text);
	fan_reader_fini(&reader);
	free(doc);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(viewers_in_step_share_every_message),
	    cmocka_unit_test(nothing_is_due_while_nothing_changes),
	    cmocka_unit_test(one_who_joins_comes_in_step),
	    cmocka_unit_test(a_stopped_viewer_is_given_no_more_than_its_share_and_then_one_message),
	    cmocka_unit_test(a_slow_viewer_skips_and_the_fast_one_does_not_notice),
	    cmocka_unit_test(who_comes_back_is_given_what_changed),
	    cmocka_unit_test(an_ack_of_what_was_not_sent_is_refused),
	    cmocka_unit_test(everybody_ends_with_the_newest_screen),
	    cmocka_unit_test(those_who_join_one_after_another_read_on),
	    cmocka_unit_test(a_reader_refuses_what_does_not_fit),
	    cmocka_unit_test(the_example_of_the_protocol_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
