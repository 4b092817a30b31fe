// SPDX-License-Identifier: ISC
// The far end of a link.
#include "server/link/linksend.h"

#include "vt/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAD_BYTES 256 // more than ssh puts around what goes until the first frame is acknowledged
#define KEEP_BYTES (64u << 10) // a larger buffer is given back once it is written

void
linksend_init(struct linksend *send, uint64_t now_us)
{
	*send = (struct linksend){.deflater = deflater_new()};
	linkpace_init(&send->pace, now_us);
	link_welcome_put(&send->out);
}

void
linksend_fini(struct linksend *send)
{
	deflater_free(send->deflater);
	screen_unref(send->screen);
	screen_unref(send->sent);
	free((void *)send->have.hashes);
	buf_fini(&send->in);
	buf_fini(&send->out);
}

void
linksend_hello(struct linksend *send, const struct link_hello *hello)
{
	size_t len = (size_t)hello->have_rows * 8;
	uint8_t *hashes = malloc(len + 1);

	if (!hashes)
		abort();
	if (len)
		memcpy(hashes, hello->hashes, len);
	send->rows = hello->rows;
	send->cols = hello->cols;
	send->have = *hello;
	send->have.hashes = hashes;
}

bool
linksend_take(struct linksend *send, uint64_t now_us, const struct msg *msg)
{
	struct link_ack ack;

	switch (msg->type) {
	case LINK_ACK:
		return link_ack_get(msg, &ack) &&
		       linkpace_acked(&send->pace, now_us, ack.frames, ack.held_us);
	case LINK_SIZE: return link_size_get(msg, &send->rows, &send->cols);
	case LINK_LIMITS: return link_limits_get(msg, &send->limits);
	case LINK_HISTORY: send->asked = true; return view_history_ask_get(msg, &send->ask);
	default: return false;
	}
}

bool
linksend_feed(struct linksend *send, uint64_t now_us, const uint8_t *data, size_t len)
{
	struct msg msg;
	size_t used = 0;

	buf_put(&send->in, data, len);
	for (;;) {
		switch (msg_get(&send->in, &used, LIMIT_LINK_UP_BYTES, &msg)) {
		case MSG_BAD: return false;
		case MSG_NONE: buf_take(&send->in, used); return true;
		case MSG_ONE: break;
		}
		if (!linksend_take(send, now_us, &msg))
			return false;
	}
}

void
linksend_show(struct linksend *send, struct screen *screen)
{
	struct screen *old = send->screen;

	send->screen = screen_ref(screen);
	screen_unref(old);
	linkpace_want(&send->pace);
}

// ---- through the stream ------------------------------------------------------------------------

// Zeros as a stored block (RFC 1951, 3.2.4), which only ssh can make smaller: the first piece of the
// stream, so that it begins at a whole byte. The deflater never refers to it.
static void
put_pad(struct linksend *send)
{
	const size_t len = 2 + PAD_BYTES;
	struct buf block = {0};

	buf_put_u8(&block, 0); // not the last, stored
	buf_put_u8(&block, (uint8_t)len);
	buf_put_u8(&block, (uint8_t)(len >> 8));
	buf_put_u8(&block, (uint8_t)~len);
	buf_put_u8(&block, (uint8_t)(~len >> 8));
	buf_put_u8(&block, 0);
	buf_put_u8(&block, LINK_PAD);
	memset(buf_reserve(&block, PAD_BYTES), 0, PAD_BYTES);
	block.len += PAD_BYTES;
	buf_put_bytes(&send->out, block.data, block.len);
	buf_fini(&block);
	send->pad = false;
}

static void
put_packed(struct linksend *send, const struct buf *plain)
{
	struct buf packed = {0};

	if (send->pad)
		put_pad(send);
	if (send->plain) {
		buf_put_bytes(&send->out, plain->data, plain->len);
		return;
	}
	deflater_put(send->deflater, plain->data, plain->len, &packed);
	buf_put_bytes(&send->out, packed.data, packed.len);
	buf_fini(&packed);
}

// What is no frame begins with 0, which no frame does. `message` is given up.
static void
put_message(struct linksend *send, struct buf *message)
{
	struct buf plain = {0};
	struct msg msg;
	size_t used = 0;

	if (msg_get(message, &used, MSG_MAX, &msg) != MSG_ONE)
		abort(); // we made it
	buf_put_u8(&plain, 0);
	buf_put_u8(&plain, msg.type);
	buf_put(&plain, msg.data, msg.len);
	put_packed(send, &plain);
	buf_fini(&plain);
	buf_fini(message);
}

void
linksend_notice(struct linksend *send, const char *text)
{
	snprintf(send->notice, sizeof(send->notice), "%s", text ? text : "");
	send->notice_due = true;
}

static void
put_notice(struct linksend *send)
{
	struct buf message = {0};

	link_notice_put(&message, send->notice);
	put_message(send, &message);
	send->notice_due = false;
}

void
linksend_bye(struct linksend *send, int status, const char *text)
{
	struct buf message = {0};

	link_bye_put(&message, status, text);
	put_message(send, &message);
}

void
linksend_history(struct linksend *send, uint64_t now_us, const struct msg *msg)
{
	size_t before = send->out.len;
	struct buf message = {0};

	msg_put(&message, LINK_HISTORY_IS, msg->data, msg->len);
	put_message(send, &message);
	linkpace_sent_other(&send->pace, now_us, send->out.len - before);
}

void
linksend_plain(struct linksend *send)
{
	struct buf message = {0};

	msg_put(&message, LINK_PLAIN, NULL, 0);
	put_message(send, &message);
	send->plain = true;
	deflater_free(send->deflater);
	send->deflater = NULL;
}

void
linksend_hold(struct linksend *send, const struct link_hold *hold)
{
	struct buf message = {0};

	link_hold_put(&message, hold);
	put_message(send, &message);
	send->pace.hold_bytes = hold->bytes;
	send->pace.hold_frames = hold->frames;
	send->pace.hold_us = hold->ms * 1000u;
}

void
linksend_beat(struct linksend *send, uint64_t now_us)
{
	size_t before = send->out.len;
	bool wanted = send->pace.wanted;
	struct buf message = {0};

	msg_put(&message, LINK_FRAME, NULL, 0);
	put_message(send, &message);
	send->frames++;
	linkpace_sent(&send->pace, now_us, send->out.len - before);
	send->pace.wanted = wanted;
}

void
linksend_cut(struct linksend *send, const struct view_cut *cut)
{
	struct buf message = {0};

	view_cut_put(&message, LINK_GUEST_CUT, cut);
	put_message(send, &message);
}

void
linksend_door(struct linksend *send, const struct view_door *door)
{
	struct buf message = {0};

	view_door_put(&message, LINK_DOOR, door);
	put_message(send, &message);
}

void
linksend_grant(struct linksend *send, const struct view_grant *grant)
{
	struct buf message = {0};

	view_grant_put(&message, LINK_GRANT, grant);
	put_message(send, &message);
}

static void
put_base(struct linksend *send)
{
	struct buf message = {0};

	send->sent = link_base_make(&send->have, send->screen, &message);
	if (send->sent)
		put_message(send, &message);
}

// The first frame may be empty, and says that the watcher is up to date.
static void
put_frame(struct linksend *send, const struct buf *frame)
{
	struct buf message = {0};

	if (frame->len) {
		put_packed(send, frame);
	} else if (!send->frames) {
		msg_put(&message, LINK_FRAME, NULL, 0);
		put_message(send, &message);
	} else {
		return;
	}
	send->frames++;
}

uint64_t
linksend_due(const struct linksend *send, uint64_t now_us)
{
	if (send->off < send->out.len)
		return LINKPACE_NEVER;
	return send->notice_due ? now_us : linkpace_due(&send->pace, now_us);
}

static void
make_frame(struct linksend *send, uint64_t now_us)
{
	size_t before = send->out.len;
	struct buf frame = {0};

	if (!send->frames)
		put_base(send);
	frame_encode(send->sent, send->screen, &frame);
	put_frame(send, &frame);
	buf_fini(&frame);
	screen_unref(send->sent);
	send->sent = screen_ref(send->screen);
	linkpace_sent(&send->pace, now_us, send->out.len - before);
}

void
linksend_frame(struct linksend *send, uint64_t now_us)
{
	if (send->notice_due)
		put_notice(send);
	else
		make_frame(send, now_us);
}

const uint8_t *
linksend_peek(const struct linksend *send, size_t *len)
{
	*len = send->out.len - send->off;
	return send->out.data + send->off;
}

void
linksend_wrote(struct linksend *send, size_t len)
{
	send->off += len;
	send->bytes += len;
	if (send->off < send->out.len)
		return;
	send->off = send->out.len = 0;
	if (send->out.cap > KEEP_BYTES)
		buf_fini(&send->out);
}
