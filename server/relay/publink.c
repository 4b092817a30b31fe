// SPDX-License-Identifier: ISC
// A publisher's end of a link.
#include "server/relay/publink.h"

#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

void
publink_init(struct publink *link, const struct link_publish *publish)
{
	*link = (struct publink){0};
	link_publish_put(&link->hello, publish);
}

void
publink_fini(struct publink *link)
{
	buf_fini(&link->in);
	buf_fini(&link->hello);
	if (link->open)
		linksend_fini(&link->send);
	free(link->guests);
	*link = (struct publink){0};
}

void
publink_feed(struct publink *link, const uint8_t *data, size_t len)
{
	buf_take(&link->in, link->used);
	link->used = 0;
	buf_put(&link->in, data, len);
}

// ---- from the relay ----------------------------------------------------------------------------

static enum publink_event
broken(struct view_bye *bye, const char *text)
{
	link_broken(bye, text);
	return PUBLINK_BROKEN;
}

static enum publink_event
not_mirrord(struct view_bye *bye)
{
	return broken(bye, LINK_NO_MIRRORD);
}

static enum publink_event
on_welcome(struct publink *link, const struct msg *msg, struct view_bye *bye)
{
	uint64_t version;

	if (!link_welcome_get(msg, &version))
		return not_mirrord(bye);
	link->welcomed = version == LINK_VERSION;
	return link->welcomed ? PUBLINK_WELCOME
			      : broken(bye, "the relay speaks another version of the link's "
					    "protocol; install the same mirrord on both sides");
}

// What the relay still has, from an earlier link; frames go on from there.
static enum publink_event
on_hello(struct publink *link, const struct msg *msg, uint64_t now_us, struct view_bye *bye)
{
	// Silence is to mean something soon.
	const struct link_hold hold = {.bytes = LIMIT_LINK_HOLD_BYTES,
	    .frames = LIMIT_LINK_HOLD_FRAMES,
	    .ms = LIMIT_PUBLISH_HOLD_MS};
	struct link_hello hello;

	if (!link_hello_get(msg, &hello) || hello.version != LINK_VERSION)
		return broken(bye, "the relay did not say what it has");
	linksend_init(&link->send, now_us);
	linksend_hello(&link->send, &hello);
	linksend_hold(&link->send, &hold);
	snprintf(link->name, sizeof(link->name), "%s", hello.session);
	link->open = true;
	return PUBLINK_OPEN;
}

static enum publink_event
on_guests(struct publink *link, const struct msg *msg, struct view_bye *bye)
{
	free(link->guests);
	return view_guests_get(msg, &link->serial, &link->guests, &link->guest_count)
		   ? PUBLINK_GUESTS
		   : broken(bye, "the relay sent a broken list of guests");
}

// There is nothing here that could be typed: a relay acknowledges, says who watches, asks for lines that have
// scrolled away, and ends.
static enum publink_event
on_message(struct publink *link, const struct msg *msg, uint64_t now_us, struct view_bye *bye)
{
	switch (msg->type) {
	case LINK_BYE:
		return view_bye_get(msg, bye)
			   ? PUBLINK_BYE
			   : broken(bye, "the relay said goodbye in a way unheard of");
	case LINK_INVITE:
		if (!link->open && !link->invited && link_invite_get(msg, &link->invite)) {
			link->invited = true;
			return PUBLINK_INVITED;
		}
		break;
	case LINK_HELLO:
		if (!link->open)
			return on_hello(link, msg, now_us, bye);
		break;
	case LINK_ACK:
		if (link->open && linksend_take(&link->send, now_us, msg))
			return PUBLINK_ACK;
		break;
	case LINK_HISTORY:
		if (link->open && linksend_take(&link->send, now_us, msg))
			return PUBLINK_ASKED;
		break;
	case LINK_GUESTS:
		if (link->open)
			return on_guests(link, msg, bye);
		break;
	default: break;
	}
	return broken(bye, "the relay said something unheard of");
}

enum publink_event
publink_next(struct publink *link, uint64_t now_us, struct view_bye *bye)
{
	size_t max = link->open       ? LIMIT_GUESTS_BYTES
		     : link->welcomed ? LIMIT_LINK_HELLO_BYTES
				      : LINK_WELCOME_MAX;
	struct msg msg;

	switch (msg_get(&link->in, &link->used, max, &msg)) {
	case MSG_NONE:
		return link->welcomed || link_like_welcome(&link->in, link->used)
			   ? PUBLINK_NONE
			   : not_mirrord(bye);
	case MSG_BAD:
		return link->welcomed ? broken(bye, "the relay broke the protocol")
				      : not_mirrord(bye);
	case MSG_ONE: break;
	}
	return link->welcomed ? on_message(link, &msg, now_us, bye) : on_welcome(link, &msg, bye);
}

// ---- to the relay ------------------------------------------------------------------------------

const uint8_t *
publink_peek(const struct publink *link, size_t *len)
{
	*len = link->hello.len - link->off;
	if (*len || !link->open)
		return link->hello.data + link->off;
	return linksend_peek(&link->send, len);
}

void
publink_wrote(struct publink *link, size_t len)
{
	if (link->off < link->hello.len)
		link->off += len;
	else
		linksend_wrote(&link->send, len);
}
