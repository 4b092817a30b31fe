// SPDX-License-Identifier: ISC
// The messages of a link.
#include "server/link/linkproto.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define MAGIC_LEN (sizeof(PROTO_MAGIC) - 1)
#define HASH_LEN 8

// The magic and the version that begin either side's first message.
static bool
get_version(struct reader *reader, uint64_t *version)
{
	const uint8_t *magic = reader_raw(reader, MAGIC_LEN);

	if (!magic || memcmp(magic, PROTO_MAGIC, MAGIC_LEN) != 0)
		return false;
	*version = reader_varint(reader);
	return !reader->bad;
}

static void
put_version(struct buf *out)
{
	buf_put(out, PROTO_MAGIC, MAGIC_LEN);
	buf_put_varint(out, LINK_VERSION);
}

// ---- from the watcher --------------------------------------------------------------------------

static void
put_hash(struct buf *out, uint64_t hash)
{
	for (int i = 0; i < HASH_LEN; i++)
		buf_put_u8(out, (uint8_t)(hash >> (8 * i)));
}

static uint64_t
get_hash(const uint8_t *from)
{
	uint64_t hash = 0;

	for (int i = 0; i < HASH_LEN; i++)
		hash |= (uint64_t)from[i] << (8 * i);
	return hash;
}

void
link_hello_put(
    struct buf *out, uint16_t rows, uint16_t cols, const char *session, const struct screen *have)
{
	size_t begin = msg_begin(out, LINK_HELLO);

	put_version(out);
	buf_put_varint(out, rows);
	buf_put_varint(out, cols);
	buf_put_bytes(out, session, strlen(session));
	buf_put_varint(out, have ? have->rows : 0);
	buf_put_varint(out, have ? have->cols : 0);
	for (size_t i = 0; have && i < have->rows; i++)
		put_hash(out, have->row[i]->hash);
	msg_end(out, begin);
}

bool
link_hello_get(const struct msg *msg, struct link_hello *hello)
{
	struct reader reader = msg_reader(msg);

	*hello = (struct link_hello){0};
	if (msg->type != LINK_HELLO || !get_version(&reader, &hello->version))
		return false;
	if (hello->version != LINK_VERSION)
		return true;
	hello->rows = (uint16_t)reader_bounded(&reader, SCREEN_ROWS_MAX);
	hello->cols = (uint16_t)reader_bounded(&reader, SCREEN_COLS_MAX);
	view_text_get(&reader, hello->session, LIMIT_NAME);
	hello->have_rows = (uint16_t)reader_bounded(&reader, SCREEN_ROWS_MAX);
	hello->have_cols = (uint16_t)reader_bounded(&reader, SCREEN_COLS_MAX);
	hello->hashes = reader_raw(&reader, (size_t)hello->have_rows * HASH_LEN);
	return reader_done(&reader) && hello->rows && hello->cols &&
	       !hello->have_rows == !hello->have_cols;
}

void
link_ack_put(struct buf *out, const struct link_ack *ack)
{
	size_t begin = msg_begin(out, LINK_ACK);

	buf_put_varint(out, ack->frames);
	buf_put_varint(out, ack->held_us);
	msg_end(out, begin);
}

bool
link_ack_get(const struct msg *msg, struct link_ack *ack)
{
	struct reader reader = msg_reader(msg);

	ack->frames = reader_varint(&reader);
	ack->held_us = reader_varint(&reader);
	return reader_done(&reader);
}

void
link_size_put(struct buf *out, uint16_t rows, uint16_t cols)
{
	size_t begin = msg_begin(out, LINK_SIZE);

	buf_put_varint(out, rows);
	buf_put_varint(out, cols);
	msg_end(out, begin);
}

bool
link_size_get(const struct msg *msg, uint16_t *rows, uint16_t *cols)
{
	struct reader reader = msg_reader(msg);

	*rows = (uint16_t)reader_bounded(&reader, SCREEN_ROWS_MAX);
	*cols = (uint16_t)reader_bounded(&reader, SCREEN_COLS_MAX);
	return reader_done(&reader) && *rows && *cols;
}

void
link_limits_put(struct buf *out, const struct link_limits *limits)
{
	size_t begin = msg_begin(out, LINK_LIMITS);

	buf_put_varint(out, limits->max_fps);
	buf_put_varint(out, limits->budget);
	msg_end(out, begin);
}

void
link_publish_put(struct buf *out, const struct link_publish *publish)
{
	size_t begin = msg_begin(out, LINK_PUBLISH);

	put_version(out);
	buf_put_bytes(out, publish->name, strlen(publish->name));
	buf_put_bytes(out, publish->origin, strlen(publish->origin));
	buf_put(out, publish->token, PUBLISH_TOKEN);
	buf_put_varint(out, publish->since);
	buf_put_varint(out, publish->start);
	msg_end(out, begin);
}

bool
link_limits_get(const struct msg *msg, struct link_limits *limits)
{
	struct reader reader = msg_reader(msg);

	limits->max_fps = reader_bounded(&reader, LIMIT_MAX_FPS);
	limits->budget = reader_varint(&reader);
	return reader_done(&reader) && limits->budget <= LIMIT_BUDGET;
}

bool
link_publish_get(const struct msg *msg, struct link_publish *publish)
{
	struct reader reader = msg_reader(msg);
	const uint8_t *token;

	*publish = (struct link_publish){0};
	if (msg->type != LINK_PUBLISH || !get_version(&reader, &publish->version))
		return false;
	if (publish->version != LINK_VERSION)
		return true;
	view_text_get(&reader, publish->name, LIMIT_NAME);
	view_text_get(&reader, publish->origin, LIMIT_TEXT);
	token = reader_raw(&reader, PUBLISH_TOKEN);
	publish->since = reader_varint(&reader);
	publish->start = reader_varint(&reader);
	if (!reader_done(&reader))
		return false;
	memcpy(publish->token, token, PUBLISH_TOKEN);
	return true;
}

// ---- to the watcher ----------------------------------------------------------------------------

void
link_welcome_put(struct buf *out)
{
	size_t begin = msg_begin(out, LINK_WELCOME);

	put_version(out);
	msg_end(out, begin);
}

bool
link_welcome_get(const struct msg *msg, uint64_t *version)
{
	struct reader reader = msg_reader(msg);

	return msg->type == LINK_WELCOME && get_version(&reader, version) &&
	       (*version != LINK_VERSION || reader_done(&reader));
}

void
link_broken(struct view_bye *bye, const char *text)
{
	bye->status = EX_PROTOCOL;
	snprintf(bye->text, sizeof(bye->text), "%s", text);
}

bool
link_like_welcome(const struct buf *in, size_t used)
{
	static const char begins[] = {LINK_WELCOME, 'm', 'i', 'r', 'r', 'o', 'r', 'd'};
	size_t len = in->len - used;

	if (len > sizeof(begins) + 1)
		len = sizeof(begins) + 1;
	return len < 2 || memcmp(in->data + used + 1, begins, len - 1) == 0;
}

void
link_hold_put(struct buf *out, const struct link_hold *hold)
{
	size_t begin = msg_begin(out, LINK_HOLD);

	buf_put_varint(out, hold->bytes);
	buf_put_varint(out, hold->frames);
	buf_put_varint(out, hold->ms);
	msg_end(out, begin);
}

bool
link_hold_get(const struct msg *msg, struct link_hold *hold)
{
	struct reader reader = msg_reader(msg);

	hold->bytes = reader_bounded(&reader, LIMIT_LINK_OUTSTANDING);
	hold->frames = reader_bounded(&reader, UINT16_MAX);
	hold->ms = reader_bounded(&reader, UINT16_MAX);
	return reader_done(&reader) && hold->bytes && hold->frames;
}

void
link_invite_put(struct buf *out, const struct link_invite *invite)
{
	size_t begin = msg_begin(out, LINK_INVITE);

	buf_put_bytes(out, invite->account, strlen(invite->account));
	buf_put_varint(out, invite->port);
	buf_put_varint(out, invite->guests);
	buf_put_varint(out, invite->until);
	msg_end(out, begin);
}

bool
link_invite_get(const struct msg *msg, struct link_invite *invite)
{
	struct reader reader = msg_reader(msg);

	view_text_get(&reader, invite->account, LIMIT_NAME);
	invite->port = (uint16_t)reader_bounded(&reader, UINT16_MAX);
	invite->guests = reader_bounded(&reader, UINT32_MAX);
	invite->until = reader_varint(&reader);
	return reader_done(&reader) && invite->until <= INT64_MAX;
}

void
link_notice_put(struct buf *out, const char *text)
{
	size_t begin = msg_begin(out, LINK_NOTICE);

	buf_put_bytes(out, text, strnlen(text, LIMIT_TEXT));
	msg_end(out, begin);
}

bool
link_notice_get(const struct msg *msg, char text[LIMIT_TEXT + 1])
{
	struct reader reader = msg_reader(msg);

	view_text_get(&reader, text, LIMIT_TEXT);
	return reader_done(&reader);
}

void
link_bye_put(struct buf *out, int status, const char *text)
{
	size_t begin = msg_begin(out, LINK_BYE);

	buf_put_varint(out, (uint64_t)status);
	buf_put_bytes(out, text, strnlen(text, LIMIT_TEXT));
	msg_end(out, begin);
}

// ---- the base of a resumed link ----------------------------------------------------------------

static struct row *
find_row(const struct screen *screen, uint64_t hash)
{
	for (size_t i = 0; i < screen->rows; i++) {
		if (screen->row[i]->hash == hash)
			return screen->row[i];
	}
	return NULL;
}

static void
set_row(struct screen *screen, size_t row, struct row *to)
{
	row_unref(screen->row[row]);
	screen->row[row] = row_ref(to);
}

struct screen *
link_base_make(const struct link_hello *hello, const struct screen *newest, struct buf *out)
{
	uint8_t kept[(SCREEN_ROWS_MAX + 7) / 8] = {0};
	struct screen *base;
	bool any = false;

	if (!hello->have_rows || hello->have_cols != newest->cols)
		return NULL;
	base = screen_blank(hello->have_rows, hello->have_cols);
	for (size_t i = 0; i < hello->have_rows; i++) {
		struct row *row = find_row(newest, get_hash(hello->hashes + i * HASH_LEN));

		if (!row)
			continue;
		set_row(base, i, row);
		kept[i / 8] |= (uint8_t)(1u << (i % 8));
		any = true;
	}
	if (!any) {
		screen_unref(base);
		return NULL;
	}
	msg_put(out, LINK_BASE, kept, (hello->have_rows + 7u) / 8);
	return base;
}

struct screen *
link_base_get(const struct msg *msg, const struct screen *have)
{
	struct screen *base;

	if (!have || msg->len != (have->rows + 7u) / 8)
		return NULL;
	base = screen_blank(have->rows, have->cols);
	for (size_t i = 0; i < have->rows; i++) {
		if (msg->data[i / 8] >> (i % 8) & 1)
			set_row(base, i, have->row[i]);
	}
	return base;
}
