// SPDX-License-Identifier: ISC
// The view protocol's messages as structures.
#include "server/base/viewproto.h"

#include "vt/frame.h"

#include <stdlib.h>
#include <string.h>

#include <utf8proc.h>

enum { PERSON_PAIR = 1 << 0, PERSON_HOLDS = 1 << 1 };

#define SIZE_FIELD_MAX UINT16_MAX // rows and cols: what a terminal may claim

static bool
clean_category(utf8proc_category_t category)
{
	switch (category) {
	case UTF8PROC_CATEGORY_CC: // controls
	case UTF8PROC_CATEGORY_CF: // format: bidi overrides, zero width
	case UTF8PROC_CATEGORY_CN: // unassigned
	case UTF8PROC_CATEGORY_CO: // private use
	case UTF8PROC_CATEGORY_CS: // surrogates
	case UTF8PROC_CATEGORY_ZL:
	case UTF8PROC_CATEGORY_ZP: // separators of lines and paragraphs
		return false;
	default: return true;
	}
}

bool
view_text_clean(const char *text, size_t len)
{
	while (len) {
		utf8proc_int32_t cp;
		utf8proc_ssize_t used =
		    utf8proc_iterate((const utf8proc_uint8_t *)text, (utf8proc_ssize_t)len, &cp);

		if (used <= 0 || !clean_category(utf8proc_category(cp)))
			return false;
		text += used;
		len -= (size_t)used;
	}
	return true;
}

// ---- fields ------------------------------------------------------------------------------------

static void
put_text(struct buf *out, const char *text)
{
	buf_put_bytes(out, text, strlen(text));
}

// A clean string of at most `max` bytes into to[max + 1].
void
view_text_get(struct reader *reader, char *to, size_t max)
{
	size_t len;
	const uint8_t *text = reader_bytes(reader, &len, max);

	to[0] = '\0';
	if (!text || reader->bad)
		return;
	if (!view_text_clean((const char *)text, len)) {
		reader->bad = true;
		return;
	}
	memcpy(to, text, len);
	to[len] = '\0';
}

static void
put_size(struct buf *out, uint16_t rows, uint16_t cols)
{
	buf_put_varint(out, rows);
	buf_put_varint(out, cols);
}

static void
get_size(struct reader *reader, uint16_t *rows, uint16_t *cols)
{
	*rows = (uint16_t)reader_bounded(reader, SIZE_FIELD_MAX);
	*cols = (uint16_t)reader_bounded(reader, SIZE_FIELD_MAX);
}

// ---- messages ----------------------------------------------------------------------------------

void
view_hello_put(struct buf *out, const struct view_hello *hello)
{
	size_t begin = msg_begin(out, VIEW_HELLO);

	buf_put(out, PROTO_MAGIC, strlen(PROTO_MAGIC));
	buf_put_varint(out, hello->version);
	buf_put_u8(out, hello->role);
	put_size(out, hello->rows, hello->cols);
	put_text(out, hello->name);
	put_text(out, hello->from);
	put_text(out, hello->via);
	put_text(out, hello->key);
	msg_end(out, begin);
}

bool
view_hello_get(const struct msg *msg, struct view_hello *hello)
{
	struct reader reader = msg_reader(msg);
	const uint8_t *magic = reader_raw(&reader, strlen(PROTO_MAGIC));

	memset(hello, 0, sizeof(*hello));
	if (!magic || memcmp(magic, PROTO_MAGIC, strlen(PROTO_MAGIC)) != 0)
		return false;
	hello->version = reader_varint(&reader);
	if (reader.bad || hello->version != PROTO_VERSION)
		return !reader.bad;
	hello->role = reader_u8(&reader);
	get_size(&reader, &hello->rows, &hello->cols);
	view_text_get(&reader, hello->name, LIMIT_NAME);
	view_text_get(&reader, hello->from, LIMIT_TEXT);
	view_text_get(&reader, hello->via, LIMIT_TEXT);
	view_text_get(&reader, hello->key, LIMIT_TEXT);
	return reader_done(&reader) && (hello->role & ~VIEW_ROLE_PAIR) <= VIEW_ROLE_BACK;
}

static void
put_status(struct buf *out, const struct view_status *status)
{
	put_size(out, status->rows, status->cols);
	buf_put_varint(out, status->rtt_us);
	buf_put_varint(out, status->lag_us);
	buf_put_varint(out, status->bytes);
	buf_put_varint(out, status->frames);
}

static void
get_status(struct reader *reader, struct view_status *status)
{
	get_size(reader, &status->rows, &status->cols);
	status->rtt_us = reader_varint(reader);
	status->lag_us = reader_varint(reader);
	status->bytes = reader_varint(reader);
	status->frames = reader_varint(reader);
}

void
view_status_put(struct buf *out, const struct view_status *status)
{
	size_t begin = msg_begin(out, VIEW_STATUS);

	put_status(out, status);
	msg_end(out, begin);
}

bool
view_status_get(const struct msg *msg, struct view_status *status)
{
	struct reader reader = msg_reader(msg);

	get_status(&reader, status);
	return reader_done(&reader);
}

void
view_welcome_put(struct buf *out, const struct view_welcome *welcome)
{
	size_t begin = msg_begin(out, VIEW_WELCOME);

	buf_put_varint(out, welcome->version);
	put_text(out, welcome->session);
	put_text(out, welcome->host);
	buf_put_varint(out, welcome->start);
	msg_end(out, begin);
}

bool
view_welcome_get(const struct msg *msg, struct view_welcome *welcome)
{
	struct reader reader = msg_reader(msg);

	memset(welcome, 0, sizeof(*welcome));
	welcome->version = reader_varint(&reader);
	if (reader.bad || welcome->version != PROTO_VERSION)
		return !reader.bad;
	view_text_get(&reader, welcome->session, LIMIT_NAME);
	view_text_get(&reader, welcome->host, LIMIT_TEXT);
	welcome->start = reader_varint(&reader);
	return reader_done(&reader);
}

void
view_bye_put(struct buf *out, int status, const char *text)
{
	size_t begin = msg_begin(out, VIEW_BYE);

	buf_put_varint(out, (uint64_t)status);
	buf_put_bytes(out, text, strnlen(text, LIMIT_TEXT));
	msg_end(out, begin);
}

bool
view_bye_get(const struct msg *msg, struct view_bye *bye)
{
	struct reader reader = msg_reader(msg);

	bye->status = (int)reader_bounded(&reader, UINT8_MAX);
	view_text_get(&reader, bye->text, LIMIT_TEXT);
	return reader_done(&reader);
}

void
view_modes_put(struct buf *out, const struct input_modes *modes)
{
	const uint8_t bytes[VIEW_MODES] = {modes->mouse, modes->mouse_coding, modes->cursor_keys,
	    modes->keypad, modes->bracketed_paste, modes->focus, modes->alt_scroll,
	    modes->modify_other_keys, modes->kitty_keyboard};

	buf_put(out, bytes, sizeof(bytes));
}

bool
view_modes_get(struct reader *reader, struct input_modes *modes)
{
	const uint8_t *bytes = reader_raw(reader, VIEW_MODES);

	if (!bytes || bytes[0] > MOUSE_MOVE || bytes[1] > MOUSE_CODING_SGR_PIXEL || bytes[7] > 2 ||
	    bytes[8] > 31)
		return false;
	*modes = (struct input_modes){.mouse = bytes[0],
	    .mouse_coding = bytes[1],
	    .cursor_keys = bytes[2],
	    .keypad = bytes[3],
	    .bracketed_paste = bytes[4],
	    .focus = bytes[5],
	    .alt_scroll = bytes[6],
	    .modify_other_keys = bytes[7],
	    .kitty_keyboard = bytes[8]};
	return true;
}

void
view_grant_put(struct buf *out, uint8_t type, const struct view_grant *grant)
{
	size_t begin = msg_begin(out, type);

	buf_put_bytes(out, grant->token, grant->lent ? GRANT_TOKEN : 0);
	if (grant->lent) {
		view_modes_put(out, &grant->modes);
		put_text(out, grant->key);
		put_text(out, grant->name);
	}
	msg_end(out, begin);
}

bool
view_grant_get(const struct msg *msg, struct view_grant *grant)
{
	struct reader reader = msg_reader(msg);
	size_t len;
	const uint8_t *token = reader_bytes(&reader, &len, GRANT_TOKEN);

	memset(grant, 0, sizeof(*grant));
	if (reader.bad || (len && len != GRANT_TOKEN))
		return false;
	grant->lent = len;
	if (!len)
		return reader_done(&reader);
	memcpy(grant->token, token, GRANT_TOKEN);
	if (!view_modes_get(&reader, &grant->modes))
		return false;
	view_text_get(&reader, grant->key, LIMIT_KEY);
	view_text_get(&reader, grant->name, LIMIT_NAME);
	return reader_done(&reader);
}

void
view_notice_put(struct buf *out, const char *text)
{
	size_t begin = msg_begin(out, VIEW_NOTICE);

	buf_put_bytes(out, text, strnlen(text, LIMIT_TEXT));
	msg_end(out, begin);
}

bool
view_notice_get(const struct msg *msg, char text[LIMIT_TEXT + 1])
{
	struct reader reader = msg_reader(msg);

	view_text_get(&reader, text, LIMIT_TEXT);
	return reader_done(&reader);
}

// Who it is comes first, as an order has it (struct order_who). Nothing in it is longer than what fits
// into the keeper's messages.
void
view_event_put(struct buf *out, const struct view_person *person)
{
	bool fits = strlen(person->key) <= LIMIT_KEY;

	put_text(out, fits ? person->key : "");
	put_text(out, person->name);
	buf_put_varint(out, person->uid);
	buf_put_varint(out, person->pid);
	put_text(out, strlen(person->from) <= LIMIT_NAME ? person->from : "");
	put_text(out, strlen(person->via) <= LIMIT_NAME ? person->via : "");
}

void
view_history_ask_put(struct buf *out, uint8_t type, const struct view_history_ask *ask)
{
	size_t begin = msg_begin(out, type);

	buf_put_varint(out, ask->first);
	buf_put_varint(out, ask->count);
	msg_end(out, begin);
}

bool
view_history_ask_get(const struct msg *msg, struct view_history_ask *ask)
{
	struct reader reader = msg_reader(msg);

	ask->first = reader_varint(&reader);
	ask->count = reader_bounded(&reader, UINT32_MAX);
	return reader_done(&reader);
}

void
view_history_put(struct buf *out, const struct view_history *history)
{
	size_t begin = msg_begin(out, VIEW_HISTORY_IS);

	buf_put_varint(out, history->away ? 1 : history->oldest); // behind the end: no such line
	buf_put_varint(out, history->end);
	buf_put_varint(out, history->first);
	if (history->rows)
		frame_encode(NULL, history->rows, out);
	msg_end(out, begin);
}

bool
view_history_get(const struct msg *msg, struct view_history *history)
{
	struct reader reader = msg_reader(msg);
	const char *why;

	*history = (struct view_history){.oldest = reader_varint(&reader)};
	history->end = reader_varint(&reader);
	history->first = reader_varint(&reader);
	if (!reader.bad && !reader.len && history->oldest == 1 && !history->end &&
	    !history->first) {
		*history = (struct view_history){.away = true};
		return true;
	}
	if (reader.bad || msg->len > LIMIT_HISTORY_BYTES || history->first < history->oldest ||
	    history->first > history->end)
		return false;
	if (!reader.len)
		return true;
	history->rows = frame_apply(NULL, reader.data, reader.len, &why);
	if (history->rows && history->rows->rows <= history->end - history->first)
		return true;
	screen_unref(history->rows);
	history->rows = NULL;
	return false;
}

void
view_person_put(struct buf *out, const struct view_person *person)
{
	put_text(out, person->name);
	put_text(out, person->from);
	put_text(out, person->via);
	put_text(out, person->key);
	buf_put_varint(out, person->uid);
	buf_put_varint(out, person->pid);
	buf_put_varint(out, person->since);
	put_status(out, &person->status);
	buf_put_varint(out, person->fps10);
	buf_put_varint(out, person->printed);
	buf_put_u8(
	    out, (uint8_t)((person->pair ? PERSON_PAIR : 0) | (person->holds ? PERSON_HOLDS : 0)));
}

bool
view_person_get(struct reader *reader, struct view_person *person)
{
	uint8_t flags;

	view_text_get(reader, person->name, LIMIT_NAME);
	view_text_get(reader, person->from, LIMIT_TEXT);
	view_text_get(reader, person->via, LIMIT_TEXT);
	view_text_get(reader, person->key, LIMIT_TEXT);
	person->uid = reader_bounded(reader, UINT32_MAX);
	person->pid = reader_bounded(reader, UINT32_MAX);
	person->since = reader_varint(reader);
	get_status(reader, &person->status);
	person->fps10 = reader_varint(reader);
	person->printed = reader_varint(reader);
	flags = reader_u8(reader);
	person->pair = flags & PERSON_PAIR;
	person->holds = flags & PERSON_HOLDS;
	return !reader->bad;
}

void
view_cut_put(struct buf *out, uint8_t type, const struct view_cut *cut)
{
	size_t begin = msg_begin(out, type);

	put_text(out, cut->name);
	put_text(out, cut->key);
	msg_end(out, begin);
}

bool
view_cut_get(const struct msg *msg, struct view_cut *cut)
{
	struct reader reader = msg_reader(msg);

	view_text_get(&reader, cut->name, LIMIT_NAME);
	view_text_get(&reader, cut->key, LIMIT_TEXT);
	return reader_done(&reader);
}

bool
view_cut_matches(const struct view_cut *cut, const struct view_person *person)
{
	return (!*cut->name || strcmp(cut->name, person->name) == 0) &&
	       (!*cut->key || strcmp(cut->key, person->key) == 0);
}

void
view_door_put(struct buf *out, uint8_t type, const struct view_door *door)
{
	size_t begin = msg_begin(out, type);

	buf_put_u8(out, door->open);
	buf_put_varint(out, door->serial);
	msg_end(out, begin);
}

bool
view_door_get(const struct msg *msg, struct view_door *door)
{
	struct reader reader = msg_reader(msg);
	uint8_t open = reader_u8(&reader);

	door->open = open;
	door->serial = reader_varint(&reader);
	return reader_done(&reader) && open <= 1;
}

size_t
view_guests_put(
    struct buf *out, uint8_t type, uint64_t serial, const struct view_person *people, size_t count)
{
	struct buf records = {0};
	size_t begin, put = 0;

	for (size_t len = 0; put < count && put < LIMIT_GUESTS; put++) {
		view_person_put(&records, &people[put]);
		if (records.len > LIMIT_GUESTS_BYTES - 24) { // without this one, then
			records.len = len;
			break;
		}
		len = records.len;
	}
	begin = msg_begin(out, type);
	buf_put_varint(out, serial);
	buf_put_varint(out, put);
	if (records.len)
		buf_put(out, records.data, records.len);
	msg_end(out, begin);
	buf_fini(&records);
	return put;
}

bool
view_guests_get(const struct msg *msg, uint64_t *serial, struct view_person **people, size_t *count)
{
	struct reader reader = msg_reader(msg);

	*people = NULL;
	*serial = reader_varint(&reader);
	*count = reader_bounded(&reader, LIMIT_GUESTS);
	if (!reader.bad && *count) {
		*people = calloc(*count, sizeof(**people));
		if (!*people)
			abort();
	}
	for (size_t i = 0; i < *count && !reader.bad; i++)
		view_person_get(&reader, &(*people)[i]);
	if (reader_done(&reader))
		return true;
	free(*people);
	*people = NULL;
	*count = 0;
	return false;
}
