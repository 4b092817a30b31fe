// SPDX-License-Identifier: ISC
// Links and passes of those who watch in a browser, under a clock that is given.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "web/access.h"

#define NOW 1000u

static struct access_link *
invite(struct access *access, const char *name, uint32_t uses, const char *token)
{
	const struct access_terms terms = {
	    .name = name, .session = "", .now = NOW, .expires = NOW + 100, .uses = uses};

	return access_invite(access, &terms, token);
}

static enum access_verdict
admit(struct access *access, const char *token, const char *fresh, uint64_t *pass)
{
	struct access_grant grant = {0};
	enum access_verdict verdict = access_admit(access, token, fresh, NOW + 1, &grant);

	if (pass)
		*pass = grant.pass;
	return verdict;
}

static void
a_token_is_all_of_its_random_bits(void **state)
{
	uint8_t bytes[ACCESS_TOKEN_BYTES];
	char text[ACCESS_TOKEN_TEXT + 1];

	(void)state;
	for (uint8_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 17);
	access_token(bytes, text);
	assert_string_equal(text, "ABEiM0RVZneImaq7zN3u_w");
}

static void
a_link_is_opened_as_often_as_it_says(void **state)
{
	struct access access = {0};
	uint64_t first, second;

	(void)state;
	assert_non_null(invite(&access, "bob", 2, "link"));
	assert_int_equal(admit(&access, "link", "a", &first), ACCESS_ADMITTED);
	assert_int_equal(admit(&access, "link", "b", &second), ACCESS_ADMITTED);
	assert_int_not_equal(first, second);
	access_confirm(&access, second);
	assert_int_equal(admit(&access, "link", "c", NULL), ACCESS_USED_UP);
	assert_int_equal(admit(&access, "kink", "c", NULL), ACCESS_UNKNOWN);
	assert_int_equal(access_opened(&access, access_find(&access, "bob")), 2);
	access_fini(&access);
}

static void
the_last_use_lasts_until_the_page_shows_that_it_was_let_in(void **state)
{
	struct access access = {0};
	uint64_t first, again;

	(void)state;
	invite(&access, "bob", 1, "link");
	assert_int_equal(admit(&access, "link", "lost", &first), ACCESS_ADMITTED);
	assert_int_equal(admit(&access, "link", "a", &again), ACCESS_ADMITTED);
	assert_int_equal(first, again);
	assert_int_equal(admit(&access, "lost", "b", NULL), ACCESS_UNKNOWN);
	access_confirm(&access, first);
	assert_int_equal(admit(&access, "link", "b", NULL), ACCESS_USED_UP);
	assert_int_equal(admit(&access, "a", "b", NULL), ACCESS_ADMITTED);
	access_fini(&access);
}

static void
a_token_for_coming_back_is_replaced_by_the_next(void **state)
{
	struct access access = {0};
	uint64_t pass;

	(void)state;
	invite(&access, "bob", 1, "link");
	admit(&access, "link", "a", &pass);
	access_confirm(&access, pass);
	assert_int_equal(admit(&access, "a", "b", NULL), ACCESS_ADMITTED);
	assert_int_equal(admit(&access, "a", "c", NULL), ACCESS_ADMITTED); // b was lost
	assert_int_equal(admit(&access, "b", "d", NULL), ACCESS_UNKNOWN);
	access_confirm(&access, pass);
	assert_int_equal(admit(&access, "a", "d", NULL), ACCESS_UNKNOWN);
	assert_int_equal(admit(&access, "c", "d", NULL), ACCESS_ADMITTED);
	access_fini(&access);
}

static void
what_has_expired_lets_nobody_in_nor_back(void **state)
{
	struct access access = {0};
	struct access_grant grant;

	(void)state;
	invite(&access, "bob", ACCESS_USES_ANY, "link");
	admit(&access, "link", "a", NULL);
	assert_int_equal(access_admit(&access, "link", "b", NOW + 100, &grant), ACCESS_EXPIRED);
	assert_int_equal(access_admit(&access, "a", "b", NOW + 100, &grant), ACCESS_EXPIRED);
	access_sweep(&access, NOW + 101);
	assert_non_null(access_find(&access, "bob"));
	access_sweep(&access, NOW + 1000000);
	assert_null(access_find(&access, "bob"));
	assert_int_equal(access.passes_len, 0);
	access_fini(&access);
}

static void
revoking_takes_the_passes_along_and_no_others(void **state)
{
	struct access access = {0};
	uint64_t bob, eve;

	(void)state;
	invite(&access, "bob", 1, "x");
	invite(&access, "eve", 1, "y");
	assert_null(invite(&access, "bob", 1, "z")); // a name is of one link
	admit(&access, "x", "a", &bob);
	admit(&access, "y", "b", &eve);
	assert_true(access_revoke(&access, "bob"));
	assert_false(access_revoke(&access, "bob"));
	assert_false(access_has_pass(&access, bob));
	assert_true(access_has_pass(&access, eve));
	assert_int_equal(admit(&access, "a", "c", NULL), ACCESS_UNKNOWN);
	assert_non_null(invite(&access, "bob", 1, "z"));
	access_drop(&access, eve);
	assert_int_equal(admit(&access, "b", "c", NULL), ACCESS_UNKNOWN);
	access_fini(&access);
}

static void
passes_are_bounded_and_the_oldest_goes(void **state)
{
	struct access access = {0};
	struct access_grant grant;
	uint64_t first = 0;

	(void)state;
	invite(&access, "all", ACCESS_USES_ANY, "link");
	access_find(&access, "all")->expires = UINT32_MAX;
	for (uint64_t i = 0; i <= ACCESS_PASSES_MAX; i++) {
		char fresh[32];

		snprintf(fresh, sizeof(fresh), "%llu", (unsigned long long)i);
		access_admit(&access, "link", fresh, NOW + i, &grant);
		first = i == 0 ? grant.pass : first;
	}
	assert_int_equal(access.passes_len, ACCESS_PASSES_MAX);
	assert_false(access_has_pass(&access, first));
	access_fini(&access);
}

static void
json_brings_all_of_it_back_and_nothing_that_is_broken(void **state)
{
	struct access access = {.url = "http://localhost:1"}, back;
	struct buf out = {0}, again = {0};

	(void)state;
	invite(&access, "bob é", 1, "x");
	invite(&access, "eve", ACCESS_USES_ANY, "y");
	admit(&access, "x", "a", NULL);
	admit(&access, "y", "b", NULL);
	access_put(&access, &out);
	for (size_t len = 0; len < out.len; len++)
		assert_false(access_get(&back, (const char *)out.data, len));
	assert_true(access_get(&back, (const char *)out.data, out.len));
	access_put(&back, &again);
	assert_int_equal(out.len, again.len);
	assert_memory_equal(out.data, again.data, out.len);
	assert_int_equal(admit(&back, "x", "c", NULL), ACCESS_ADMITTED); // not confirmed yet
	assert_int_equal(admit(&back, "b", "d", NULL), ACCESS_ADMITTED);
	buf_fini(&out);
	buf_fini(&again);
	access_fini(&access);
	access_fini(&back);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_token_is_all_of_its_random_bits),
	    cmocka_unit_test(a_link_is_opened_as_often_as_it_says),
	    cmocka_unit_test(the_last_use_lasts_until_the_page_shows_that_it_was_let_in),
	    cmocka_unit_test(a_token_for_coming_back_is_replaced_by_the_next),
	    cmocka_unit_test(what_has_expired_lets_nobody_in_nor_back),
	    cmocka_unit_test(revoking_takes_the_passes_along_and_no_others),
	    cmocka_unit_test(passes_are_bounded_and_the_oldest_goes),
	    cmocka_unit_test(json_brings_all_of_it_back_and_nothing_that_is_broken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
