// SPDX-License-Identifier: ISC
// The near end of a link.
#include "server/link/linkrecv.h"

#include "vt/frame.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define KEEP_BYTES (256u << 10) // a larger buffer is given back once it is empty
#define ACK_US (LIMIT_LINK_ACK_MS * 1000u)

void
linkrecv_init(struct linkrecv *recv)
{
	*recv = (struct linkrecv){0};
}

static void
forget_link(struct linkrecv *recv)
{
	struct screen *screen = recv->screen;

	inflater_free(recv->inflater);
	screen_unref(recv->base);
	screen_unref(recv->history.rows);
	buf_fini(&recv->in);
	*recv = (struct linkrecv){.screen = screen, .relay = recv->relay};
}

void
linkrecv_fini(struct linkrecv *recv)
{
	forget_link(recv);
	screen_unref(recv->screen);
	recv->screen = NULL;
}

void
linkrecv_start(
    struct linkrecv *recv, uint16_t rows, uint16_t cols, const char *session, struct buf *out)
{
	forget_link(recv);
	recv->inflater = inflater_new();
	recv->hold =
	    (struct link_hold){LIMIT_LINK_HOLD_BYTES, LIMIT_LINK_HOLD_FRAMES, LIMIT_LINK_HOLD_MS};
	link_hello_put(out, rows, cols, session, recv->screen);
}

void
linkrecv_feed(struct linkrecv *recv, const uint8_t *data, size_t len)
{
	buf_take(&recv->in, recv->used);
	recv->used = 0;
	if (recv->in.len == 0 && recv->in.cap > KEEP_BYTES)
		buf_fini(&recv->in);
	buf_put(&recv->in, data, len);
}

static enum linkrecv_event
broken(struct view_bye *bye, const char *text)
{
	link_broken(bye, text);
	return LINKRECV_BROKEN;
}

static enum linkrecv_event
not_mirrord(struct view_bye *bye)
{
	return broken(bye, LINK_NO_MIRRORD);
}

static enum linkrecv_event
on_welcome(struct linkrecv *recv, const struct msg *msg, uint64_t now_us, struct view_bye *bye)
{
	uint64_t version;

	if (!link_welcome_get(msg, &version))
		return not_mirrord(bye);
	if (version != LINK_VERSION) {
		snprintf(bye->text, sizeof(bye->text),
		    "the mirrord there speaks version %llu of the link's protocol, this one "
		    "version %d; install the same mirrord on both sides",
		    (unsigned long long)version, LINK_VERSION);
		bye->status = EX_PROTOCOL;
		return LINKRECV_BROKEN;
	}
	recv->welcomed = true;
	recv->came_at = now_us;
	return LINKRECV_WELCOME;
}

static enum linkrecv_event
on_base(struct linkrecv *recv, const struct msg *msg, struct view_bye *bye)
{
	if (!recv->base && !recv->frames)
		recv->base = link_base_get(msg, recv->screen);
	else
		return broken(bye, "the mirrord there starts twice");
	return recv->base
		   ? LINKRECV_NONE
		   : broken(bye, "the mirrord there goes on from a screen that we do not have");
}

static enum linkrecv_event
on_frame(
    struct linkrecv *recv, const uint8_t *data, size_t len, uint64_t now_us, struct view_bye *bye)
{
	const char *why;
	struct screen *screen = frame_apply(recv->base, data, len, &why);

	if (!screen)
		return broken(bye, "the mirrord there sent a broken frame");
	screen_unref(recv->base);
	screen_unref(recv->screen);
	recv->base = screen_ref(screen);
	recv->screen = screen;
	if (recv->frames++ == recv->acked)
		recv->held_at = now_us;
	recv->came_at = now_us;
	return LINKRECV_SCREEN;
}

static enum linkrecv_event
on_message(struct linkrecv *recv, const struct msg *msg, uint64_t now_us, struct view_bye *bye)
{
	switch (msg->type) {
	case LINK_PAD: return LINKRECV_NONE;
	case LINK_PLAIN: recv->plain = true; return LINKRECV_NONE;
	case LINK_BASE: return on_base(recv, msg, bye);
	case LINK_FRAME: return on_frame(recv, msg->data, msg->len, now_us, bye);
	case LINK_HOLD:
		return link_hold_get(msg, &recv->hold)
			   ? LINKRECV_NONE
			   : broken(bye, "the mirrord there wants ACKs that cannot be");
	case LINK_HISTORY_IS:
		screen_unref(recv->history.rows);
		return view_history_get(msg, &recv->history)
			   ? LINKRECV_HISTORY
			   : broken(bye, "the mirrord there sent broken lines of history");
	case LINK_NOTICE:
		return link_notice_get(msg, bye->text)
			   ? LINKRECV_NOTICE
			   : broken(bye, "the mirrord there sent a broken notice");
	case LINK_BYE:
		return view_bye_get(msg, bye)
			   ? LINKRECV_BYE
			   : broken(bye, "the mirrord there said goodbye in a way unheard of");
	case LINK_GUEST_CUT:
		return recv->relay && view_cut_get(msg, &recv->cut)
			   ? LINKRECV_CUT
			   : broken(bye, "the mirrord there said something unheard of");
	case LINK_DOOR:
		return recv->relay && view_door_get(msg, &recv->door)
			   ? LINKRECV_DOOR
			   : broken(bye, "the mirrord there said something unheard of");
	case LINK_GRANT:
		return !recv->relay && view_grant_get(msg, &recv->grant)
			   ? LINKRECV_GRANT
			   : broken(bye, "the mirrord there lent the keyboard in a way unheard of");
	default: return broken(bye, "the mirrord there said something unheard of");
	}
}

static bool
unpack(struct linkrecv *recv, const uint8_t *data, size_t len, struct buf *plain)
{
	if (!recv->plain)
		return inflater_put(recv->inflater, data, len, MSG_MAX, plain);
	buf_put(plain, data, len);
	return true;
}

// One piece of the stream: what begins with 0 is a message, all else a frame.
static enum linkrecv_event
on_packed(
    struct linkrecv *recv, const uint8_t *data, size_t len, uint64_t now_us, struct view_bye *bye)
{
	enum linkrecv_event event;
	struct buf plain = {0};

	recv->held += len + 2; // with its length: not less than the far end counts
	if (!unpack(recv, data, len, &plain) || !plain.len) {
		event = broken(bye, "the mirrord there sent what cannot be inflated");
	} else if (plain.data[0]) {
		event = on_frame(recv, plain.data, plain.len, now_us, bye);
	} else {
		struct reader reader = {.data = plain.data + 1, .len = plain.len - 1};
		struct msg msg = {.type = reader_u8(&reader)};

		msg.data = reader.data;
		msg.len = reader.len;
		event = on_message(recv, &msg, now_us, bye);
	}
	buf_fini(&plain);
	return event;
}

enum linkrecv_event
linkrecv_next(struct linkrecv *recv, uint64_t now_us, struct view_bye *bye)
{
	enum linkrecv_event event = LINKRECV_NONE;
	struct msg msg;

	while (event == LINKRECV_NONE) {
		size_t max = recv->welcomed ? MSG_MAX : LINK_WELCOME_MAX;

		switch (msg_get(&recv->in, &recv->used, max, &msg)) {
		case MSG_NONE:
			return recv->welcomed || link_like_welcome(&recv->in, recv->used)
				   ? LINKRECV_NONE
				   : not_mirrord(bye);
		case MSG_BAD: return not_mirrord(bye);
		case MSG_ONE: break;
		}
		event = recv->welcomed ? on_packed(recv, msg.data - 1, msg.len + 1, now_us, bye)
				       : on_welcome(recv, &msg, now_us, bye);
	}
	return event;
}

// An ACK costs three times what a small frame does, in packets. So frames that come one by one share
// one, and still more where the far end can see without them what has gone. The first one of a link
// says how fast the link is, and is not held.
uint64_t
linkrecv_ack_due(const struct linkrecv *recv)
{
	uint64_t soonest = recv->acked_at + ACK_US, latest = recv->held_at + recv->hold.ms * 1000u;

	if (!recv->welcomed || (recv->greeted && recv->acked == recv->frames))
		return UINT64_MAX;
	if (!recv->greeted)
		return 0;
	if (recv->acked == 0 || recv->held >= recv->hold.bytes ||
	    recv->frames - recv->acked >= recv->hold.frames)
		return soonest;
	return latest > soonest ? latest : soonest;
}

void
linkrecv_ack(struct linkrecv *recv, uint64_t now_us, struct buf *out)
{
	struct link_ack ack = {.frames = recv->frames, .held_us = now_us - recv->came_at};

	link_ack_put(out, &ack);
	recv->greeted = true;
	recv->acked = recv->frames;
	recv->acked_at = now_us;
	recv->held = 0;
}
