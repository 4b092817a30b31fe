// SPDX-License-Identifier: ISC
// What goes over a key line.
#include "server/link/keyline.h"

#include <string.h>

#define INPUT_BYTES 1024      // in one message
#define BEAT_MS 1000          // no more than one beat in so long
#define HELD_MAX_MS 86400000u // that a typer may say it has had a beat

// ---- messages ------------------------------------------------------------------------------------

static void
put_magic(struct buf *out)
{
	buf_put(out, PROTO_MAGIC, strlen(PROTO_MAGIC));
	buf_put_varint(out, LINK_VERSION);
}

static bool
get_magic(struct reader *reader)
{
	const uint8_t *magic = reader_raw(reader, strlen(PROTO_MAGIC));

	return magic && memcmp(magic, PROTO_MAGIC, strlen(PROTO_MAGIC)) == 0 &&
	       reader_varint(reader) == LINK_VERSION;
}

static void
get_token(struct reader *reader, uint8_t *token, size_t len)
{
	const uint8_t *bytes = reader_raw(reader, len);

	if (bytes)
		memcpy(token, bytes, len);
}

static void
put_text(struct buf *out, const char *text)
{
	buf_put_bytes(out, text, strlen(text));
}

void
keyline_claim_put(struct buf *out, const struct keyline_claim *claim)
{
	size_t begin = msg_begin(out, KEYLINE_CLAIM);

	put_magic(out);
	put_text(out, claim->session);
	buf_put(out, claim->token, GRANT_TOKEN);
	msg_end(out, begin);
}

bool
keyline_claim_get(const struct msg *msg, struct keyline_claim *claim)
{
	struct reader reader = msg_reader(msg);

	*claim = (struct keyline_claim){.session = ""};
	if (msg->type != KEYLINE_CLAIM || !get_magic(&reader))
		return false;
	view_text_get(&reader, claim->session, LIMIT_NAME);
	get_token(&reader, claim->token, GRANT_TOKEN);
	return reader_done(&reader);
}

void
keyline_lend_put(struct buf *out, const struct keyline_lend *lend)
{
	size_t begin = msg_begin(out, KEYLINE_LEND);

	put_magic(out);
	put_text(out, lend->session);
	buf_put(out, lend->token, PUBLISH_TOKEN);
	put_text(out, lend->who.key);
	put_text(out, lend->who.name);
	view_modes_put(out, &lend->modes);
	msg_end(out, begin);
}

bool
keyline_lend_get(const struct msg *msg, struct keyline_lend *lend)
{
	struct reader reader = msg_reader(msg);

	*lend = (struct keyline_lend){.session = ""};
	if (msg->type != KEYLINE_LEND || !get_magic(&reader))
		return false;
	view_text_get(&reader, lend->session, LIMIT_NAME);
	get_token(&reader, lend->token, PUBLISH_TOKEN);
	view_text_get(&reader, lend->who.key, LIMIT_KEY);
	view_text_get(&reader, lend->who.name, LIMIT_NAME);
	return (*lend->who.key || *lend->who.name) && view_modes_get(&reader, &lend->modes) &&
	       reader_done(&reader);
}

void
keyline_modes_put(struct buf *out, const struct input_modes *modes)
{
	size_t begin = msg_begin(out, KEYLINE_MODES);

	view_modes_put(out, modes);
	msg_end(out, begin);
}

bool
keyline_modes_get(const struct msg *msg, struct input_modes *modes)
{
	struct reader reader = msg_reader(msg);

	return msg->type == KEYLINE_MODES && view_modes_get(&reader, modes) && reader_done(&reader);
}

// ---- the end where it is typed -------------------------------------------------------------------

bool
keytyper_beat(struct keytyper *typer, const struct msg *msg, uint64_t now_ms)
{
	struct reader reader = msg_reader(msg);
	uint64_t beat = reader_varint(&reader);

	if (msg->type != KEYLINE_BEAT || !reader_done(&reader) || beat != typer->beat + 1)
		return false;
	*typer = (struct keytyper){.beat = beat, .came_ms = now_ms};
	return true;
}

void
keytyper_put(
    const struct keytyper *typer, uint64_t now_ms, const uint8_t *data, size_t len, struct buf *out)
{
	while (len) {
		size_t part = len < INPUT_BYTES ? len : INPUT_BYTES;
		size_t begin = msg_begin(out, KEYLINE_INPUT);

		buf_put_varint(out, typer->beat);
		buf_put_varint(out, now_ms - typer->came_ms);
		buf_put(out, data, part);
		msg_end(out, begin);
		data += part;
		len -= part;
	}
}

// ---- the end that is nearer to the session --------------------------------------------------------

void
keygiver_fini(struct keygiver *giver)
{
	buf_fini(&giver->in);
	*giver = (struct keygiver){0};
}

static void
send_beat(struct keygiver *giver, uint64_t now_ms, struct buf *out)
{
	size_t begin = msg_begin(out, KEYLINE_BEAT);

	giver->sent_ms[++giver->beat % 2] = now_ms;
	buf_put_varint(out, giver->beat);
	msg_end(out, begin);
}

void
keygiver_start(struct keygiver *giver, uint64_t now_ms, struct buf *out)
{
	send_beat(giver, now_ms, out);
}

void
keygiver_feed(struct keygiver *giver, const uint8_t *data, size_t len)
{
	buf_take(&giver->in, giver->used);
	giver->used = 0;
	buf_put(&giver->in, data, len);
}

// How long it was on its way: what has gone by since the beat was sent, but for the time that it was there
// before the typing. With it goes the beat's own way, so it is no less than that. A typer may lie, as it
// may wait before it types.
static bool
age_of(
    const struct keygiver *giver, uint64_t beat, uint64_t held_ms, uint64_t now_ms, uint64_t *age)
{
	uint64_t since;

	if (!beat || beat > giver->beat || beat + 1 < giver->beat)
		return false;
	since = now_ms - giver->sent_ms[beat % 2];
	*age = since > held_ms ? since - held_ms : 0;
	return true;
}

static enum keygiver_event
on_input(struct keygiver *giver, const struct msg *msg, uint64_t now_ms, struct buf *typed,
    struct buf *out)
{
	struct reader reader = msg_reader(msg);
	uint64_t beat = reader_varint(&reader), age;
	uint64_t held_ms = reader_bounded(&reader, HELD_MAX_MS);

	if (reader.bad || !age_of(giver, beat, held_ms, now_ms, &age))
		return KEYGIVER_BROKEN;
	if (age >= LIMIT_GRANT_LAG_MS)
		return KEYGIVER_STALE;
	if (reader.len)
		msg_put(typed, KEYBOARD_INPUT, reader.data, reader.len);
	if (beat == giver->beat && now_ms - giver->sent_ms[beat % 2] >= BEAT_MS)
		send_beat(giver, now_ms, out);
	return KEYGIVER_TYPED;
}

enum keygiver_event
keygiver_next(
    struct keygiver *giver, uint64_t now_ms, struct msg *msg, struct buf *typed, struct buf *out)
{
	switch (msg_get(&giver->in, &giver->used, LIMIT_KEYBOARD_BYTES, msg)) {
	case MSG_NONE: return KEYGIVER_NONE;
	case MSG_BAD: return KEYGIVER_BROKEN;
	case MSG_ONE: break;
	}
	return msg->type == KEYLINE_INPUT ? on_input(giver, msg, now_ms, typed, out) : KEYGIVER_MSG;
}
