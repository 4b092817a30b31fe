// SPDX-License-Identifier: ISC
// What happens in a session, as its keeper tells listeners (CONTROL_EVENT).
#pragma once

#include "server/base/msg.h"
#include "server/base/viewproto.h"

#include <jansson.h>

struct event_told {
	uint64_t number;
	uint64_t time_ms; // unix time
	uint8_t kind;     // enum event
	const char *name; // of the kind, NULL: of a later version
	struct view_person person;
	char text[LIMIT_TEXT + 1];
	uint64_t status;
};

// False if it is malformed. Of a kind that is not known only number, time and kind are read.
bool event_get(const struct msg *msg, struct event_told *event);
// As one object; a new reference.
json_t *event_json(const struct event_told *event);
// What a host wants to be told at once: one line, or nothing.
void event_sentence(const struct event_told *event, char *text, size_t size);
