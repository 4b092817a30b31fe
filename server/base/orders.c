// SPDX-License-Identifier: ISC
// What the host has ordered.
#include "server/base/orders.h"

#include <string.h>

enum {
	FLAG_PAUSED = 1 << 0,
	FLAG_LOCKED = 1 << 1,
	FLAG_ASK = 1 << 2,
	FLAG_HIDDEN = 1 << 3,
	FLAG_GRANTED = 1 << 4,
};

// ---- rules -------------------------------------------------------------------------------------

void
orders_who_get(struct reader *reader, struct order_who *who)
{
	memset(who, 0, sizeof(*who));
	view_text_get(reader, who->key, LIMIT_KEY);
	view_text_get(reader, who->name, LIMIT_NAME);
	who->uid = reader_bounded(reader, UINT32_MAX);
}

void
orders_who_put(struct buf *out, const struct order_who *who)
{
	buf_put_bytes(out, who->key, strlen(who->key));
	buf_put_bytes(out, who->name, strlen(who->name));
	buf_put_varint(out, who->uid);
}

bool
orders_who_of(const struct view_person *person, struct order_who *who)
{
	memset(who, 0, sizeof(*who));
	strcpy(who->name, person->name);
	who->uid = person->uid;
	if (strlen(person->key) > LIMIT_KEY)
		return false;
	strcpy(who->key, person->key);
	return true;
}

static bool
same_text(const char *a, const char *b)
{
	return *a && strcmp(a, b) == 0;
}

static bool
has_words(const struct order_who *who)
{
	return *who->key || *who->name;
}

bool
orders_may_be(const struct order_who *meant, const struct order_who *who)
{
	if (same_text(meant->key, who->key) || same_text(meant->name, who->name))
		return true;
	return !has_words(meant) && !has_words(who) && meant->uid == who->uid;
}

// Nobody but them: another key of the same name is somebody to ask about.
static bool
is_certainly(const struct order_who *meant, const struct order_who *who)
{
	if (*meant->key)
		return strcmp(meant->key, who->key) == 0;
	return orders_may_be(meant, who);
}

static void
remove_rule(struct orders *orders, size_t at)
{
	orders->rules--;
	memmove(&orders->rule[at], &orders->rule[at + 1],
	    (orders->rules - at) * sizeof(orders->rule[0]));
}

static void
remove_rules(struct orders *orders, const struct order_who *who)
{
	for (size_t i = orders->rules; i-- > 0;) {
		if (orders_may_be(who, &orders->rule[i].who))
			remove_rule(orders, i);
	}
}

// Somebody who was let in can be asked about again; who was shut out stays out.
static bool
make_room(struct orders *orders)
{
	for (size_t i = 0; i < orders->rules && orders->rules == LIMIT_RULES; i++) {
		if (orders->rule[i].admit)
			remove_rule(orders, i);
	}
	return orders->rules < LIMIT_RULES;
}

static enum order_status
add_rule(struct orders *orders, bool admit, struct reader *reader)
{
	struct order_who who;

	orders_who_get(reader, &who);
	if (reader->bad)
		return ORDER_MALFORMED;
	remove_rules(orders, &who);
	if (!make_room(orders))
		return ORDER_FULL;
	orders->rule[orders->rules++] = (struct order_rule){.admit = admit, .who = who};
	return ORDER_DONE;
}

static enum order_status
forget(struct orders *orders, struct reader *reader)
{
	size_t before = orders->rules;
	struct order_who who;

	orders_who_get(reader, &who);
	if (reader->bad)
		return ORDER_MALFORMED;
	remove_rules(orders, &who);
	return orders->rules == before ? ORDER_SAME : ORDER_DONE;
}

// ---- orders ------------------------------------------------------------------------------------

static enum order_status
set(bool *flag, bool value)
{
	if (*flag == value)
		return ORDER_SAME;
	*flag = value;
	return ORDER_DONE;
}

static enum order_status
set_say(struct orders *orders, struct reader *reader)
{
	char text[LIMIT_SAY + 1];

	view_text_get(reader, text, LIMIT_SAY);
	if (reader->bad)
		return ORDER_MALFORMED;
	if (strcmp(text, orders->say) == 0)
		return ORDER_SAME;
	strcpy(orders->say, text);
	return ORDER_DONE;
}

enum order_status
orders_take(struct orders *orders, enum order order, struct reader *reader)
{
	switch (order) {
	case ORDER_PAUSE: return set(&orders->paused, true);
	case ORDER_RESUME: return set(&orders->paused, false);
	case ORDER_TOGGLE: return set(&orders->paused, !orders->paused);
	case ORDER_LOCK: return set(&orders->locked, true);
	case ORDER_UNLOCK: return set(&orders->locked, false);
	case ORDER_ASK: return set(&orders->ask, true);
	case ORDER_UNASK: return set(&orders->ask, false);
	case ORDER_SAY: return set_say(orders, reader);
	case ORDER_ADMIT: return add_rule(orders, true, reader);
	case ORDER_BAN: return add_rule(orders, false, reader);
	case ORDER_FORGET: return forget(orders, reader);
	case ORDER_GRANT:
	case ORDER_REVOKE: break; // the keeper's: there is a socket to be made
	}
	return ORDER_MALFORMED;
}

// ---- from the keeper to the mirror -------------------------------------------------------------

static uint8_t *
put_varint(uint8_t *to, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*to++ = (uint8_t)(value | 0x80);
	*to++ = (uint8_t)value;
	return to;
}

static uint8_t *
put_string(uint8_t *to, const char *text)
{
	size_t len = strlen(text);

	to = put_varint(to, len);
	memcpy(to, text, len);
	return to + len;
}

static uint8_t *
put_who(uint8_t *to, const struct order_who *who)
{
	to = put_string(to, who->key);
	to = put_string(to, who->name);
	return put_varint(to, who->uid);
}

size_t
orders_put(const struct orders *orders, uint8_t out[ORDERS_WIRE_MAX])
{
	uint8_t *to = out;

	*to++ = (uint8_t)((orders->paused ? FLAG_PAUSED : 0) | (orders->locked ? FLAG_LOCKED : 0) |
			  (orders->ask ? FLAG_ASK : 0) | (orders->hidden ? FLAG_HIDDEN : 0) |
			  (orders->granted ? FLAG_GRANTED : 0));
	to = put_varint(to, orders->resumed_at);
	to = put_string(to, orders->say);
	if (orders->granted) {
		to = put_who(to, &orders->holder);
		memcpy(to, orders->token, GRANT_TOKEN);
		to += GRANT_TOKEN;
	}
	to = put_varint(to, orders->rules);
	for (size_t i = 0; i < orders->rules; i++) {
		const struct order_rule *rule = &orders->rule[i];

		*to++ = rule->admit;
		to = put_who(to, &rule->who);
	}
	return (size_t)(to - out);
}

static void
get_grant(struct orders *orders, struct reader *reader)
{
	const uint8_t *token;

	orders_who_get(reader, &orders->holder);
	token = reader_raw(reader, GRANT_TOKEN);
	if (token)
		memcpy(orders->token, token, GRANT_TOKEN);
}

bool
orders_get(struct orders *orders, struct reader *reader)
{
	uint8_t flags = reader_u8(reader);

	orders->paused = flags & FLAG_PAUSED;
	orders->locked = flags & FLAG_LOCKED;
	orders->ask = flags & FLAG_ASK;
	orders->hidden = flags & FLAG_HIDDEN;
	orders->resumed_at = reader_varint(reader);
	view_text_get(reader, orders->say, LIMIT_SAY);
	orders->granted = flags & FLAG_GRANTED;
	if (orders->granted)
		get_grant(orders, reader);
	orders->rules = reader_bounded(reader, LIMIT_RULES);
	for (size_t i = 0; i < orders->rules && !reader->bad; i++) {
		orders->rule[i].admit = reader_u8(reader);
		orders_who_get(reader, &orders->rule[i].who);
	}
	return reader_done(reader);
}

// ---- who may see -------------------------------------------------------------------------------

enum orders_verdict
orders_judge(const struct orders *orders, const struct view_person *person, bool was_in)
{
	struct order_who who;
	bool known = orders_who_of(person, &who), admitted = false;

	for (size_t i = 0; i < orders->rules; i++) {
		const struct order_rule *rule = &orders->rule[i];

		if (!rule->admit && orders_may_be(&rule->who, &who))
			return VERDICT_OUT;
		admitted |= rule->admit && known && is_certainly(&rule->who, &who);
	}
	if (was_in)
		return VERDICT_IN;
	if (orders->locked)
		return VERDICT_LOCKED;
	return orders->ask && !admitted ? VERDICT_ASK : VERDICT_IN;
}

bool
orders_open(const struct orders *orders)
{
	bool bans = false;

	for (size_t i = 0; i < orders->rules; i++)
		bans |= !orders->rule[i].admit;
	return !orders->locked && !orders->ask && !bans;
}

bool
orders_know(const struct orders *orders, const struct order_who *who)
{
	for (size_t i = 0; i < orders->rules; i++) {
		if (orders_may_be(who, &orders->rule[i].who))
			return true;
	}
	return false;
}

bool
orders_holds(const struct order_who *meant, const struct view_person *person)
{
	struct order_who who;

	return person->pair && orders_who_of(person, &who) && is_certainly(meant, &who);
}
