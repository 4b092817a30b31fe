// SPDX-License-Identifier: ISC
// What a host has ordered: taken, handed to a mirror, and applied to people.
#include "server/base/orders.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct orders orders;

static enum order_status
take_bytes(enum order order, const struct buf *bytes)
{
	struct reader reader = {.data = bytes->data, .len = bytes->len};

	return orders_take(&orders, order, &reader);
}

static enum order_status
about(enum order order, const char *key, const char *name, uint32_t uid)
{
	struct order_who who = {.uid = uid};
	struct buf bytes = {0};
	enum order_status status;

	strcpy(who.key, key);
	strcpy(who.name, name);
	orders_who_put(&bytes, &who);
	status = take_bytes(order, &bytes);
	buf_fini(&bytes);
	return status;
}

static enum orders_verdict
judge(const char *key, const char *name, uint32_t uid, bool was_in)
{
	struct view_person person = {.uid = uid};

	strcpy(person.key, key);
	strcpy(person.name, name);
	return orders_judge(&orders, &person, was_in);
}

static int
forget_all(void **state)
{
	(void)state;
	orders = (struct orders){.paused = false};
	return 0;
}

static void
who_is_shut_out_is_so_by_key_and_by_name(void **state)
{
	(void)state;
	assert_int_equal(about(ORDER_BAN, "k1", "bob", 7), ORDER_DONE);
	assert_int_equal(judge("k1", "bob", 7, true), VERDICT_OUT);
	assert_int_equal(judge("k2", "bob", 7, true), VERDICT_OUT);
	assert_int_equal(judge("k1", "eve", 8, false), VERDICT_OUT);
	assert_int_equal(judge("", "eve", 7, false), VERDICT_IN);
	assert_int_equal(judge("", "", 7, false), VERDICT_IN); // the uid is that of all guests
	assert_int_equal(about(ORDER_ADMIT, "", "bob", 0), ORDER_DONE);
	assert_int_equal(judge("k1", "bob", 7, false), VERDICT_IN);
	assert_int_equal(orders.rules, 1);
	assert_int_equal(about(ORDER_BAN, "", "", 7), ORDER_DONE);
	assert_int_equal(judge("", "", 7, true), VERDICT_OUT);
	assert_int_equal(judge("", "", 8, true), VERDICT_IN);
	assert_int_equal(judge("", "carol", 7, true), VERDICT_IN);
	assert_int_equal(about(ORDER_FORGET, "", "", 7), ORDER_DONE);
	assert_int_equal(about(ORDER_FORGET, "", "", 7), ORDER_SAME);
	assert_int_equal(judge("", "", 7, false), VERDICT_IN);
}

static void
another_key_of_the_same_name_is_asked_about(void **state)
{
	struct buf none = {0};

	(void)state;
	assert_int_equal(take_bytes(ORDER_ASK, &none), ORDER_DONE);
	assert_int_equal(take_bytes(ORDER_ASK, &none), ORDER_SAME);
	assert_int_equal(about(ORDER_ADMIT, "k1", "bob", 7), ORDER_DONE);
	assert_int_equal(judge("k1", "bob", 7, false), VERDICT_IN);
	assert_int_equal(judge("k2", "bob", 7, false), VERDICT_ASK);
	assert_int_equal(judge("k2", "bob", 7, true), VERDICT_IN);
	assert_int_equal(take_bytes(ORDER_LOCK, &none), ORDER_DONE);
	assert_int_equal(judge("k1", "bob", 7, false), VERDICT_LOCKED);
	assert_int_equal(judge("k1", "bob", 7, true), VERDICT_IN);
}

// Those who were let in make room; those who are shut out never do.
static void
a_full_memory_forgets_no_ban(void **state)
{
	char name[16];

	(void)state;
	assert_int_equal(about(ORDER_ADMIT, "", "friend", 0), ORDER_DONE);
	for (int i = 0; i < LIMIT_RULES; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		assert_int_equal(about(ORDER_BAN, "", name, 0), ORDER_DONE);
	}
	assert_int_equal(orders.rules, LIMIT_RULES);
	assert_int_equal(about(ORDER_BAN, "", "one more", 0), ORDER_FULL);
	assert_int_equal(about(ORDER_ADMIT, "", "one more", 0), ORDER_FULL);
	assert_int_equal(about(ORDER_BAN, "", "n7", 0), ORDER_DONE); // again
	assert_int_equal(judge("", "n0", 0, true), VERDICT_OUT);
}

static void
what_is_put_is_got(void **state)
{
	static struct orders got;
	static uint8_t wire[ORDERS_WIRE_MAX];
	char name[LIMIT_NAME + 1], key[LIMIT_KEY + 1];
	struct reader reader;
	size_t len;

	(void)state;
	memset(name, 'n', LIMIT_NAME);
	memset(key, 'k', LIMIT_KEY);
	name[LIMIT_NAME] = key[LIMIT_KEY] = '\0';
	for (int i = 0; i < LIMIT_RULES; i++) { // as long as they get, each another
		name[0] = key[0] = (char)('a' + i % 26);
		name[1] = key[1] = (char)('a' + i / 26);
		assert_int_equal(about(ORDER_BAN, key, name, UINT32_MAX), ORDER_DONE);
	}
	memset(orders.say, 's', LIMIT_SAY);
	orders.paused = orders.locked = orders.ask = orders.hidden = orders.granted = true;
	orders.resumed_at = UINT64_MAX;
	orders.holder = orders.rule[0].who;
	memset(orders.token, 0xa5, GRANT_TOKEN);
	len = orders_put(&orders, wire);
	assert_true(len <= sizeof(wire));
	reader = (struct reader){.data = wire, .len = len};
	assert_true(orders_get(&got, &reader));
	assert_memory_equal(&got, &orders, sizeof(got));
	for (size_t cut = 0; cut < len; cut += cut < 600 ? 1 : 997) {
		reader = (struct reader){.data = wire, .len = cut};
		assert_false(orders_get(&got, &reader));
	}
}

static void
what_cannot_be_printed_is_no_order(void **state)
{
	struct buf bytes = {0};

	(void)state;
	assert_int_equal(about(ORDER_BAN, "", "b\033[ob", 0), ORDER_MALFORMED);
	buf_put_bytes(&bytes, "a\nb", 3);
	assert_int_equal(take_bytes(ORDER_SAY, &bytes), ORDER_MALFORMED);
	assert_int_equal(take_bytes((enum order)99, &bytes), ORDER_MALFORMED);
	assert_int_equal(orders.rules, 0);
	buf_fini(&bytes);
}

static void
only_who_may_pair_holds_the_keyboard(void **state)
{
	const struct order_who meant = {.name = "bob", .key = "k1"};
	struct view_person bob = {.name = "bob", .key = "k1"};

	(void)state;
	assert_false(orders_holds(&meant, &bob));
	bob.pair = true;
	assert_true(orders_holds(&meant, &bob));
	strcpy(bob.key, "k2");
	assert_false(orders_holds(&meant, &bob));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(who_is_shut_out_is_so_by_key_and_by_name, forget_all),
	    cmocka_unit_test_setup(another_key_of_the_same_name_is_asked_about, forget_all),
	    cmocka_unit_test_setup(a_full_memory_forgets_no_ban, forget_all),
	    cmocka_unit_test_setup(what_is_put_is_got, forget_all),
	    cmocka_unit_test_setup(what_cannot_be_printed_is_no_order, forget_all),
	    cmocka_unit_test_setup(only_who_may_pair_holds_the_keyboard, forget_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
