// SPDX-License-Identifier: ISC
// The keeper's part of the host's hand: it keeps the orders for whichever mirror lives, tells those who
// listen what happens, and looks whether typing shows.
#include "server/keeper/keeper_parts.h"

#include <string.h>
#include <time.h>

#define LOOK_FIRST_MS 8 // from what was typed or printed to the first look at the terminal's modes,
#define LOOKS 4         // and each of the others after four times as long: up to 0.7 s

// ---- events --------------------------------------------------------------------------------------

static uint64_t
unix_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

// The message as it will be sent to everybody, to be filled and ended.
static struct tx *
event_begin(struct keeper *k, uint8_t kind)
{
	struct tx *tx = &k->event[k->events % LIMIT_EVENTS];

	k->events++;
	tx_begin(tx, CONTROL_EVENT);
	tx_varint(tx, k->events);
	tx_varint(tx, unix_ms());
	tx_raw(tx, &kind, 1);
	return tx;
}

void
event_tell(struct keeper *k, uint8_t kind)
{
	tx_end(event_begin(k, kind), NULL, 0);
}

void
event_tell_number(struct keeper *k, uint8_t kind, uint64_t number)
{
	struct tx *tx = event_begin(k, kind);

	tx_varint(tx, number);
	tx_end(tx, NULL, 0);
}

static void
tell_text(struct keeper *k, uint8_t kind, const char *text)
{
	struct tx *tx = event_begin(k, kind);

	tx_string(tx, text);
	tx_end(tx, NULL, 0);
}

// Fields that are not looked at: a mirror's, or those of an order that has just been taken.
static void
tell_raw(struct keeper *k, uint8_t kind, const uint8_t *data, size_t len)
{
	struct tx *tx = event_begin(k, kind);

	tx_raw(tx, data, len);
	tx_end(tx, NULL, 0);
}

bool
event_next(struct keeper *k, struct conn *conn)
{
	if (!conn->listens || conn->heard == k->events)
		return false;
	if (k->events - conn->heard > LIMIT_EVENTS) {
		if (conn != k->front) {
			conn->closing = true; // nobody waits for it
			return false;
		}
		conn->heard = k->events - LIMIT_EVENTS;
	}
	conn->tx = k->event[conn->heard++ % LIMIT_EVENTS];
	return true;
}

// ---- orders --------------------------------------------------------------------------------------

static void
tell_order(struct keeper *k, enum order order, const struct reader *fields)
{
	static const uint8_t kinds[] = {
	    [ORDER_LOCK] = EVENT_LOCKED,
	    [ORDER_UNLOCK] = EVENT_UNLOCKED,
	    [ORDER_ASK] = EVENT_ASK_ON,
	    [ORDER_UNASK] = EVENT_ASK_OFF,
	};

	switch (order) {
	case ORDER_PAUSE:
	case ORDER_RESUME:
	case ORDER_TOGGLE: event_tell(k, k->orders.paused ? EVENT_PAUSED : EVENT_RESUMED); break;
	case ORDER_SAY: tell_text(k, EVENT_SAID, k->orders.say); break;
	case ORDER_ADMIT: tell_raw(k, EVENT_ADMITTED, fields->data, fields->len); break;
	case ORDER_BAN: tell_raw(k, EVENT_BANNED, fields->data, fields->len); break;
	case ORDER_FORGET: tell_raw(k, EVENT_FORGOTTEN, fields->data, fields->len); break;
	default: event_tell(k, kinds[order]);
	}
}

// The two orders that are not about what the mirror does alone.
static enum order_status
lend(struct keeper *k, bool front, enum order order, struct reader *reader)
{
	struct reader fields = *reader;
	struct order_who who;
	uint64_t seconds;
	size_t len;

	if (order == ORDER_REVOKE) {
		if (!reader_done(reader))
			return ORDER_MALFORMED;
		grant_end(k, front ? GRANT_TYPED : GRANT_REVOKED);
		return ORDER_DONE;
	}
	orders_who_get(reader, &who);
	len = fields.len - reader->len;
	seconds = reader_bounded(reader, UINT32_MAX);
	if (!reader_done(reader))
		return ORDER_MALFORMED;
	if (!grant_begin(k, &who, seconds))
		return ORDER_FAILED;
	tell_raw(k, EVENT_GRANTED, fields.data, len);
	return ORDER_DONE;
}

// Not the rest of what the mirror says of them; nor whom no rule could be about.
static void
remember_asking(struct keeper *k, struct reader fields)
{
	struct order_who who;

	orders_who_get(&fields, &who);
	if (!fields.bad)
		k->asked[k->asks++ % KEEPER_ASKED] = who;
}

// Somebody asks, has asked, or was ruled about: else the host has mistaken the name.
static bool
is_known(const struct keeper *k, struct reader fields)
{
	size_t count = k->asks < KEEPER_ASKED ? (size_t)k->asks : KEEPER_ASKED;
	struct order_who who;

	orders_who_get(&fields, &who);
	for (size_t i = 0; i < count; i++) {
		if (orders_may_be(&who, &k->asked[i]))
			return true;
	}
	return fields.bad || orders_know(&k->orders, &who);
}

enum order_status
orders_give(struct keeper *k, bool front, struct reader *reader)
{
	enum order order = reader_u8(reader);
	struct reader fields = *reader;
	bool was_paused = k->orders.paused;
	enum order_status status;
	uint64_t seconds;

	if (order == ORDER_GRANT || order == ORDER_REVOKE)
		return lend(k, front, order, reader);
	if (order == ORDER_ADMIT && !is_known(k, fields))
		return ORDER_NOBODY;
	status = orders_take(&k->orders, order, reader);
	seconds = order == ORDER_SAY ? reader_bounded(reader, UINT32_MAX) : 0;
	if (!reader_done(reader))
		status = ORDER_MALFORMED;
	if (status != ORDER_DONE && status != ORDER_SAME)
		return status;
	if (order == ORDER_SAY)
		k->say_ms = seconds ? k->now_ms + seconds * 1000 : 0;
	if (status == ORDER_DONE) {
		if (was_paused && !k->orders.paused)
			k->orders.resumed_at = k->ring.end;
		k->orders_number++;
		tell_order(k, order, &fields);
	}
	return status;
}

// The orders as the next message to the mirror.
void
orders_send(struct keeper *k)
{
	struct tx *tx = &k->mirror.tx;

	tx_begin(tx, KEEPER_ORDERS);
	tx_varint(tx, k->orders_number);
	tx_end(tx, k->orders_wire, orders_put(&k->orders, k->orders_wire));
	k->mirror.ordered = k->orders_number;
}

bool
orders_obeyed(const struct keeper *k, uint64_t number)
{
	return k->mirror.fd < 0 ||
	       k->mirror.obeyed >= number; // without a mirror nobody sees anything
}

bool
orders_heard(struct keeper *k, struct reader *reader)
{
	uint8_t kind = reader_u8(reader);
	struct reader fields = *reader;

	if (kind == EVENT_OBEYED) {
		k->mirror.obeyed = reader_varint(reader);
		return !reader->bad && k->mirror.obeyed <= k->mirror.ordered;
	}
	if (kind < EVENT_JOINED || reader->bad)
		return false;
	if (kind == EVENT_HOLDER_LEFT) {
		grant_end(k, GRANT_LEFT);
		return true;
	}
	tell_raw(k, kind, fields.data, fields.len);
	if (kind == EVENT_ASKS)
		remember_asking(k, fields);
	if (kind != EVENT_TIMED_OUT)
		return true;
	if (orders_take(&k->orders, ORDER_BAN, reader) == ORDER_DONE)
		k->orders_number++;
	return !reader->bad;
}

// ---- whether typing shows ------------------------------------------------------------------------

void
orders_stir(struct keeper *k)
{
	k->looks = 0;
	if (!k->look_ms || k->look_ms > k->now_ms + LOOK_FIRST_MS)
		k->look_ms = k->now_ms + LOOK_FIRST_MS;
}

// Nobody tells us when a program changes the modes, and nobody is to wake up for nothing: a few looks
// after something was printed or typed.
static void
look(struct keeper *k)
{
	bool hidden = !k->ended && pty_hides_typing(&k->pty);

	k->looks++;
	k->look_ms = k->looks < LOOKS ? k->now_ms + ((uint64_t)LOOK_FIRST_MS << (2 * k->looks)) : 0;
	if (hidden == k->orders.hidden)
		return;
	k->orders.hidden = hidden;
	k->orders_number++;
	event_tell(k, hidden ? EVENT_HIDDEN : EVENT_SHOWN);
}

void
orders_tick(struct keeper *k)
{
	if (k->look_ms && k->now_ms >= k->look_ms)
		look(k);
	if (k->say_ms && k->now_ms >= k->say_ms) {
		k->say_ms = 0;
		k->orders.say[0] = 0;
		k->orders_number++;
		tell_text(k, EVENT_SAID, "");
	}
}

uint64_t
orders_due(const struct keeper *k)
{
	uint64_t look = k->look_ms ? k->look_ms : UINT64_MAX;
	uint64_t say = k->say_ms ? k->say_ms : UINT64_MAX;

	return look < say ? look : say;
}
