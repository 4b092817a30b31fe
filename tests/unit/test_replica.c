// SPDX-License-Identifier: ISC
// An edge's copy of the screen: it follows frames, and knows what to do about those that do not fit.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "server/base/proto.h"
#include "server/edge/replica.h"
#include "vt/frame.h"
#include "vt/model.h"

static struct screen *
screen_of(const char *text)
{
	struct model *model = model_new(4, 20, NULL);
	struct screen *screen;

	model_feed(model, text, strlen(text));
	screen = model_screen(model);
	model_free(model);
	return screen;
}

static enum replica_result
apply(
    struct replica *replica, uint8_t flags, const struct screen *base, const struct screen *target)
{
	struct buf out = {0};
	enum replica_result result;
	struct msg msg;

	buf_put_u8(&out, flags);
	frame_encode(base, target, &out);
	msg = (struct msg){.type = VIEW_FRAME, .data = out.data, .len = out.len};
	result = replica_apply(replica, &msg);
	buf_fini(&out);
	return result;
}

static enum replica_result
apply_bytes(struct replica *replica, const char *bytes, size_t len)
{
	struct msg msg = {.type = VIEW_FRAME, .data = (const uint8_t *)bytes, .len = len};

	return replica_apply(replica, &msg);
}

static void
a_replica_follows_frames(void **state)
{
	struct screen *one = screen_of("one"), *two = screen_of("one two");
	struct replica replica;
	(void)state;

	replica_init(&replica);
	assert_int_equal(apply(&replica, VIEW_FRAME_KEY, NULL, one), REPLICA_CHANGED);
	assert_true(screen_equal(replica.screen, one));
	assert_int_equal(apply(&replica, 0, one, two), REPLICA_CHANGED);
	assert_true(screen_equal(replica.screen, two));
	replica_fini(&replica);
	screen_unref(one);
	screen_unref(two);
}

static void
a_frame_without_its_base_is_passed_over(void **state)
{
	struct screen *one = screen_of("one"), *two = screen_of("one two");
	struct replica replica;
	(void)state;

	replica_init(&replica);
	assert_int_equal(apply(&replica, 0, one, two), REPLICA_SKIPPED);
	assert_null(replica.screen);
	assert_int_equal(apply(&replica, VIEW_FRAME_KEY, NULL, two), REPLICA_CHANGED);
	replica_fini(&replica);
	screen_unref(one);
	screen_unref(two);
}

static void
a_broken_frame_asks_once_for_a_key_frame(void **state)
{
	struct screen *one = screen_of("one"), *two = screen_of("one two");
	struct replica replica;
	(void)state;

	replica_init(&replica);
	apply(&replica, VIEW_FRAME_KEY, NULL, one);
	assert_int_equal(apply_bytes(&replica, "\0\xff\xff\xff\xff", 5), REPLICA_ASK);
	assert_true(screen_equal(replica.screen, one)); // still shown
	assert_int_equal(apply_bytes(&replica, "\0\xff\xff\xff\xff", 5), REPLICA_SKIPPED);
	assert_int_equal(apply(&replica, 0, one, two), REPLICA_SKIPPED);
	assert_int_equal(apply(&replica, VIEW_FRAME_KEY, NULL, two), REPLICA_CHANGED);
	assert_true(screen_equal(replica.screen, two));
	replica_fini(&replica);
	screen_unref(one);
	screen_unref(two);
}

static void
a_broken_key_frame_ends_it(void **state)
{
	struct replica replica;
	(void)state;

	replica_init(&replica);
	assert_int_equal(apply_bytes(&replica, "\1\xff\xff\xff\xff", 5), REPLICA_BROKEN);
	assert_int_equal(apply_bytes(&replica, "", 0), REPLICA_BROKEN);
	assert_int_equal(apply_bytes(&replica, "\x02", 1), REPLICA_BROKEN); // an unknown flag
	replica_fini(&replica);
}

static void
after_a_new_connection_the_old_screen_is_shown_until_a_key_frame(void **state)
{
	struct screen *one = screen_of("one"), *two = screen_of("one two");
	struct replica replica;
	(void)state;

	replica_init(&replica);
	apply(&replica, VIEW_FRAME_KEY, NULL, one);
	replica_restart(&replica);
	assert_true(screen_equal(replica.screen, one));
	assert_int_equal(apply(&replica, 0, one, two), REPLICA_SKIPPED);
	assert_int_equal(apply(&replica, VIEW_FRAME_KEY, NULL, two), REPLICA_CHANGED);
	replica_fini(&replica);
	screen_unref(one);
	screen_unref(two);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_replica_follows_frames),
	    cmocka_unit_test(a_frame_without_its_base_is_passed_over),
	    cmocka_unit_test(a_broken_frame_asks_once_for_a_key_frame),
	    cmocka_unit_test(a_broken_key_frame_ends_it),
	    cmocka_unit_test(after_a_new_connection_the_old_screen_is_shown_until_a_key_frame),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
