// SPDX-License-Identifier: ISC
// What the host has ordered: who is let in, what viewers see. The keeper keeps it, for mirrors come and
// go; the mirror carries it out. Asks for no memory.
#pragma once

#include "server/base/viewproto.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The first byte of CONTROL_ORDER, and what follows it.
enum order {
	ORDER_PAUSE = 1, // viewers see a curtain
	ORDER_RESUME = 2,
	ORDER_TOGGLE = 3, // the one of those that changes something
	ORDER_LOCK = 4,   // nobody new
	ORDER_UNLOCK = 5,
	ORDER_SAY =
	    6, // string, varint seconds (0: until the next); an empty string: nothing any more
	ORDER_ASK = 7, // whoever is new waits until the host admits or refuses
	ORDER_UNASK = 8,
	ORDER_ADMIT = 9,   // rule
	ORDER_BAN = 10,    // rule
	ORDER_FORGET = 11, // what was ruled about them
	ORDER_GRANT = 12,  // who, varint seconds (0: until something else ends it): the keyboard
	ORDER_REVOKE = 13,
};

// Who a rule is about, on the wire: string key, string name, varint uid. Whoever has neither key nor
// name is known by the uid.
struct order_who {
	char key[LIMIT_KEY + 1];
	char name[LIMIT_NAME + 1];
	uint32_t uid;
};

struct order_rule {
	bool admit; // else it shuts out
	struct order_who who;
};

struct orders {
	bool paused;
	// Where in the stream the host last resumed, 0: never. What was printed before that is shown to
	// nobody, however late a mirror comes by it; nor what has scrolled away by then.
	uint64_t resumed_at;
	bool locked, ask;
	bool hidden; // what is typed does not show
	char say[LIMIT_SAY + 1];
	bool granted; // the keyboard, to
	struct order_who holder;
	uint8_t token[GRANT_TOKEN]; // that shows who it is
	size_t rules;
	struct order_rule rule[LIMIT_RULES]; // oldest first
};

// What orders_take() has done with an order.
enum order_status {
	ORDER_DONE,
	ORDER_SAME,   // nothing has changed
	ORDER_FULL,   // LIMIT_RULES are shut out
	ORDER_NOBODY, // to be let in is of that name
	ORDER_FAILED, // for lack of something in the system
	ORDER_MALFORMED,
};

// Carries `order` out on the state. Its fields, but for ORDER_SAY's time, are taken from `reader`.
enum order_status orders_take(struct orders *orders, enum order order, struct reader *reader);

// The whole state as KEEPER_ORDERS has it. Returns the bytes used.
#define ORDERS_WIRE_MAX                                                                            \
	(LIMIT_SAY + GRANT_TOKEN + LIMIT_KEY + LIMIT_NAME + 64 +                                   \
	    LIMIT_RULES * (1 + LIMIT_KEY + LIMIT_NAME + 3 * 5 /* varints */))
size_t orders_put(const struct orders *orders, uint8_t out[ORDERS_WIRE_MAX]);
// False if it is malformed; then `orders` is whatever it is.
bool orders_get(struct orders *orders, struct reader *reader);

enum orders_verdict {
	VERDICT_IN,
	VERDICT_ASK,    // the host has to be asked
	VERDICT_LOCKED, // nobody new
	VERDICT_OUT,    // shut out
};
// Whether whoever comes may see it.
bool orders_open(const struct orders *orders);
// Whether this viewer may see what there is to be seen. `was_in`: it was before the order came.
enum orders_verdict orders_judge(
    const struct orders *orders, const struct view_person *person, bool was_in);
// Whether this viewer is the one that is meant to have the keyboard, and may.
bool orders_holds(const struct order_who *meant, const struct view_person *person);
// Whether there is a rule about them.
bool orders_know(const struct orders *orders, const struct order_who *who);
// Whether somebody known as `who` is whom the host meant: one of key and name is enough.
bool orders_may_be(const struct order_who *meant, const struct order_who *who);
// Fields that ORDER_GRANT begins with.
void orders_who_get(struct reader *reader, struct order_who *who);
// How a viewer is known. False if its key is longer than a rule can hold.
bool orders_who_of(const struct view_person *person, struct order_who *who);
// As ORDER_ADMIT and ORDER_BAN have it.
void orders_who_put(struct buf *out, const struct order_who *who);
