// SPDX-License-Identifier: ISC
// A guest in what has scrolled away, with a mirror of numbers under a fake clock.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "server/edge/scroll.h"

#define T0 1000000u
#define ROWS 10

struct guest {
	struct scroll scroll;
	uint64_t now;
	uint64_t oldest, end; // what the mirror keeps
	int asked;            // requests
};

static struct guest
guest_new(void)
{
	return (struct guest){.now = T0, .oldest = 100, .end = 1000};
}

// What the mirror says (docs/protocol.md, "History").
static void
answer(struct guest *guest, struct view_history_ask ask)
{
	struct view_history history = {.oldest = guest->oldest, .end = guest->end};
	uint64_t len = guest->end - guest->oldest, count = ask.count < len ? ask.count : len;

	history.first = ask.first > guest->end - count ? guest->end - count : ask.first;
	if (history.first < guest->oldest)
		history.first = guest->oldest;
	history.rows = count ? screen_blank((uint16_t)count, 80) : NULL;
	scroll_take(&guest->scroll, &history);
	screen_unref(history.rows);
}

// Asks and answers until there is nothing to ask.
static void
settle(struct guest *guest)
{
	uint64_t due;

	while ((due = scroll_due(&guest->scroll, guest->now)) != SCROLL_NEVER) {
		if (guest->now < due)
			guest->now = due;
		guest->asked++;
		answer(guest, scroll_ask(&guest->scroll, guest->now, ROWS));
	}
}

static void
press(struct guest *guest, enum key key)
{
	assert_true(scroll_key(&guest->scroll, key, ROWS));
	settle(guest);
}

static void
assert_line(const struct guest *guest, const char *text)
{
	assert_true(guest->scroll.on);
	assert_non_null(strstr(guest->scroll.line, text));
}

static void
pages_go_back_and_forth_and_end_at_the_live_screen(void **state)
{
	struct guest guest = guest_new();
	(void)state;

	press(&guest, KEY_PAGE_UP);
	assert_line(&guest, "history, 10 lines back;");
	press(&guest, KEY_PAGE_UP);
	assert_int_equal(guest.scroll.first, 980);
	press(&guest, KEY_UP);
	assert_line(&guest, "history, 21 lines back;");
	press(&guest, KEY_DOWN);
	press(&guest, KEY_PAGE_DOWN);
	assert_int_equal(guest.scroll.first, 990);
	press(&guest, KEY_PAGE_DOWN);
	assert_false(guest.scroll.on);
	assert_null(guest.scroll.page);
}

static void
a_page_stands_while_the_session_scrolls(void **state)
{
	struct guest guest = guest_new();
	(void)state;

	press(&guest, KEY_PAGE_UP);
	guest.end += 500;
	assert_int_equal(guest.scroll.first, 990);
	press(&guest, KEY_PAGE_DOWN); // there is more now
	assert_line(&guest, "history, 500 lines back;");
	assert_int_equal(guest.scroll.first, 1000);
	scroll_fini(&guest.scroll);
}

// As through a relay whose host is away.
static void
nobody_to_ask_leaves_what_is_shown_and_can_be_tried_again(void **state)
{
	const struct view_history away = {.away = true};
	struct guest guest = guest_new();
	(void)state;

	assert_true(scroll_key(&guest.scroll, KEY_PAGE_UP, ROWS));
	scroll_ask(&guest.scroll, guest.now, ROWS);
	scroll_take(&guest.scroll, &away);
	assert_line(&guest, "the host's link is lost");
	assert_null(guest.scroll.page);
	assert_int_equal(scroll_due(&guest.scroll, guest.now), SCROLL_NEVER);
	press(&guest, KEY_PAGE_UP); // the host is back
	assert_int_equal(guest.scroll.first, 990);
	assert_true(scroll_key(&guest.scroll, KEY_PAGE_UP, ROWS));
	scroll_ask(&guest.scroll, guest.now, ROWS);
	scroll_take(&guest.scroll, &away);
	assert_line(&guest, "the host's link is lost");
	assert_int_equal(guest.scroll.page->rows, ROWS);
	press(&guest, KEY_PAGE_UP); // from the page that is shown
	assert_int_equal(guest.scroll.first, 980);
	scroll_fini(&guest.scroll);
}

static void
the_oldest_line_is_the_end_of_the_way_back(void **state)
{
	struct guest guest = guest_new();
	(void)state;

	press(&guest, KEY_PAGE_UP);
	press(&guest, KEY_FOLLOW);
	assert_int_equal(guest.scroll.first, 100);
	assert_line(&guest, "900 lines back, the oldest;");
	press(&guest, KEY_PAGE_UP);
	assert_int_equal(guest.scroll.first, 100);
	guest.oldest = 300; // gone meanwhile
	press(&guest, KEY_DOWN);
	assert_int_equal(guest.scroll.first, 300);
	scroll_fini(&guest.scroll);
}

static void
every_way_back_to_the_live_screen_works(void **state)
{
	static const enum key ways[] = {KEY_BACK, KEY_ESCAPE, KEY_END};
	(void)state;

	for (size_t i = 0; i < 3; i++) {
		struct guest guest = guest_new();

		assert_false(scroll_key(&guest.scroll, ways[i], ROWS)); // it is live: not for us
		press(&guest, KEY_PAGE_UP);
		assert_false(scroll_key(&guest.scroll, KEY_LEAVE, ROWS));
		press(&guest, ways[i]);
		assert_false(guest.scroll.on);
	}
}

static void
without_history_the_guest_is_told_so(void **state)
{
	struct guest guest = guest_new();
	(void)state;

	guest.oldest = guest.end;
	press(&guest, KEY_PAGE_UP);
	assert_line(&guest, "nothing has scrolled away");
	press(&guest, KEY_PAGE_UP);
	press(&guest, KEY_DOWN);
	assert_false(guest.scroll.on);
}

static void
a_held_key_asks_five_times_a_second(void **state)
{
	struct guest guest = guest_new();
	(void)state;

	guest.end = 100000;
	press(&guest, KEY_PAGE_UP);
	guest.asked = 0;
	for (int i = 0; i < 60; i++, guest.now += 33333) { // two seconds
		scroll_key(&guest.scroll, KEY_PAGE_UP, ROWS);
		if (scroll_due(&guest.scroll, guest.now) <= guest.now) {
			guest.asked++;
			answer(&guest, scroll_ask(&guest.scroll, guest.now, ROWS));
		}
	}
	assert_in_range(guest.asked, 8, 10);
	settle(&guest);
	assert_int_equal(guest.scroll.first, 100000 - 61 * ROWS);
	scroll_fini(&guest.scroll);
}

static void
an_answer_that_never_comes_is_given_up(void **state)
{
	struct guest guest = guest_new();
	(void)state;

	scroll_key(&guest.scroll, KEY_PAGE_UP, ROWS);
	scroll_ask(&guest.scroll, guest.now, ROWS);
	assert_int_equal(scroll_due(&guest.scroll, guest.now), SCROLL_NEVER);
	scroll_key(&guest.scroll, KEY_FOLLOW, ROWS);
	assert_int_equal(scroll_due(&guest.scroll, guest.now), guest.now + SCROLL_LOST_US);
	settle(&guest);
	assert_int_equal(guest.scroll.first, 100);
	scroll_fini(&guest.scroll);
}

static void
an_answer_that_comes_after_the_guest_went_live_is_nothing(void **state)
{
	struct guest guest = guest_new();
	struct view_history_ask ask;
	(void)state;

	scroll_key(&guest.scroll, KEY_PAGE_UP, ROWS);
	ask = scroll_ask(&guest.scroll, guest.now, ROWS);
	scroll_key(&guest.scroll, KEY_ESCAPE, ROWS);
	answer(&guest, ask);
	assert_false(guest.scroll.on);
	assert_null(guest.scroll.page);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pages_go_back_and_forth_and_end_at_the_live_screen),
	    cmocka_unit_test(a_page_stands_while_the_session_scrolls),
	    cmocka_unit_test(nobody_to_ask_leaves_what_is_shown_and_can_be_tried_again),
	    cmocka_unit_test(the_oldest_line_is_the_end_of_the_way_back),
	    cmocka_unit_test(every_way_back_to_the_live_screen_works),
	    cmocka_unit_test(without_history_the_guest_is_told_so),
	    cmocka_unit_test(a_held_key_asks_five_times_a_second),
	    cmocka_unit_test(an_answer_that_never_comes_is_given_up),
	    cmocka_unit_test(an_answer_that_comes_after_the_guest_went_live_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
