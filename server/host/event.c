// SPDX-License-Identifier: ISC
// What happens in a session, from bytes to JSON and to words.
#include "server/host/event.h"

#include "server/base/proto.h"
#include "server/host/who.h"

#include <stdio.h>
#include <string.h>

enum fields {
	NOTHING,
	WHO,    // string key, name, varint uid
	PERSON, // the same, varint pid, string from, via
	TEXT,   // string
	STATUS, // varint
	REASON, // varint, enum grant_end
};

static const struct {
	const char *name;
	enum fields fields;
	const char *sentence; // for the host, after the name of whom it is about; NULL: none
} kinds[] = {
    [EVENT_PAUSED] = {"paused", NOTHING, "paused: viewers see nothing"},
    [EVENT_RESUMED] = {"resumed", NOTHING, "resumed: viewers see the session"},
    [EVENT_LOCKED] = {"locked", NOTHING, NULL},
    [EVENT_UNLOCKED] = {"unlocked", NOTHING, NULL},
    [EVENT_SAID] = {"said", TEXT, NULL},
    [EVENT_ASK_ON] = {"ask-on", NOTHING, NULL},
    [EVENT_ASK_OFF] = {"ask-off", NOTHING, NULL},
    [EVENT_ADMITTED] = {"admitted", WHO, NULL},
    [EVENT_BANNED] = {"banned", WHO, NULL},
    [EVENT_HIDDEN] = {"typing-hidden", NOTHING, NULL},
    [EVENT_SHOWN] = {"typing-shown", NOTHING, NULL},
    [EVENT_ATTACHED] = {"attached", NOTHING, NULL},
    [EVENT_DETACHED] = {"detached", NOTHING, NULL},
    [EVENT_MIRROR_LOST] = {"mirror-lost", NOTHING, NULL},
    [EVENT_ENDED] = {"ended", STATUS, NULL},
    [EVENT_GRANTED] = {"granted", WHO, "has the keyboard"},
    [EVENT_REVOKED] = {"revoked", REASON, "the keyboard is yours alone again"},
    [EVENT_FORGOTTEN] = {"forgotten", WHO, NULL},
    [EVENT_JOINED] = {"joined", PERSON, "watches"},
    [EVENT_LEFT] = {"left", PERSON, "has left"},
    [EVENT_ASKS] = {"asks", PERSON, "asks to watch"},
    [EVENT_REFUSED] = {"refused", PERSON, NULL},
    [EVENT_TIMED_OUT] = {"timed-out", PERSON, "was not let in"},
    [EVENT_KICKED] = {"kicked", PERSON, NULL},
};
static const char *const reasons[] = {
    "", [GRANT_TIME] = "time", [GRANT_REVOKED] = "revoked", [GRANT_TYPED] = "host-typed",
    [GRANT_GIVEN] = "given-back", [GRANT_LEFT] = "left", [GRANT_UNUSED] = "unused"};
#define REASONS (sizeof(reasons) / sizeof(reasons[0]))
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static enum fields
fields_of(const struct event_told *event)
{
	return event->name ? kinds[event->kind].fields : NOTHING;
}

bool
event_get(const struct msg *msg, struct event_told *event)
{
	struct reader reader = msg_reader(msg);
	struct view_person *person = &event->person;
	enum fields fields;

	memset(event, 0, sizeof(*event));
	event->number = reader_varint(&reader);
	event->time_ms = reader_varint(&reader);
	event->kind = reader_u8(&reader);
	event->name = event->kind < KINDS ? kinds[event->kind].name : NULL;
	fields = fields_of(event);
	if (fields == WHO || fields == PERSON) {
		view_text_get(&reader, person->key, LIMIT_KEY);
		view_text_get(&reader, person->name, LIMIT_NAME);
		person->uid = reader_bounded(&reader, UINT32_MAX);
	}
	if (fields == PERSON) {
		person->pid = reader_bounded(&reader, UINT32_MAX);
		view_text_get(&reader, person->from, LIMIT_TEXT);
		view_text_get(&reader, person->via, LIMIT_TEXT);
	}
	if (fields == TEXT)
		view_text_get(&reader, event->text, LIMIT_TEXT);
	if (fields == STATUS || fields == REASON)
		event->status = reader_varint(&reader);
	return !reader.bad;
}

json_t *
event_json(const struct event_told *event)
{
	const struct view_person *person = &event->person;
	enum fields fields = fields_of(event);
	char name[WHO_NAME];
	json_t *json = json_pack("{s:I, s:f, s:s}", "number", (json_int_t)event->number, "time",
	    (double)event->time_ms / 1000, "event", event->name ? event->name : "unknown");

	if (fields == WHO || fields == PERSON) {
		who_name(person, name);
		json_object_set_new(json, "name", json_string(name));
		json_object_set_new(json, "key", json_string(person->key));
		json_object_set_new(json, "uid", json_integer(person->uid));
	}
	if (fields == PERSON) {
		json_object_set_new(json, "pid", json_integer(person->pid));
		json_object_set_new(json, "from", json_string(person->from));
		json_object_set_new(json, "via", json_string(*person->via ? person->via : "local"));
	}
	if (fields == TEXT)
		json_object_set_new(json, "text", json_string(event->text));
	if (fields == REASON && event->status < REASONS)
		json_object_set_new(json, "why", json_string(reasons[event->status]));
	if (fields == STATUS)
		json_object_set_new(json, "status", json_integer((json_int_t)event->status));
	return json;
}

void
event_sentence(const struct event_told *event, char *text, size_t size)
{
	const char *sentence = event->name ? kinds[event->kind].sentence : NULL;
	const struct view_person *person = &event->person;
	char name[WHO_NAME];

	*text = '\0';
	if (!sentence)
		return;
	if (fields_of(event) != PERSON && fields_of(event) != WHO) {
		snprintf(text, size, "%s", sentence);
		return;
	}
	who_name(person, name);
	snprintf(text, size, "%.64s %s%s%.64s%s%s%.128s", name, sentence,
	    *person->from ? " from " : "", person->from,
	    *person->key && event->kind == EVENT_ASKS ? ", key " : "", "",
	    event->kind == EVENT_ASKS ? person->key : "");
}
