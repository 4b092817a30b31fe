// SPDX-License-Identifier: ISC
// Both ends of a link. The first byte says what the rest is: even: what a relay sends to a watcher,
// as it is; 1 modulo 4: the same, but pieces (a length byte each) that are deflated first, so that
// messages and frames are reached; 15 modulo 16: what a relay sends to its publisher; 11: PUBLISH; 7:
// what either end of a key line sends to the other; else what a watcher sends to the far end. Nothing may crash, a link that broke
// says how, and a screen there is stays whole; the watcher's HELLO after it is one the far end
// takes.
#include "server/link/keyline.h"
#include "server/link/linkrecv.h"
#include "server/link/linksend.h"
#include "server/relay/publink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "fuzz_link: %s\n", what);
	abort();
}

// What a far end of ours would make of these pieces.
static void
pack(const uint8_t *data, size_t size, struct buf *out)
{
	struct deflater *deflater = deflater_new();
	bool plain = false;

	link_welcome_put(out);
	while (size > 1) {
		size_t len = data[0] < size - 1 ? data[0] : size - 1;
		struct buf packed = {0};

		if (!len)
			break;
		if (plain)
			buf_put(&packed, data + 1, len);
		else
			deflater_put(deflater, data + 1, len, &packed);
		plain |= len == 2 && !data[1] && data[2] == LINK_PLAIN;
		buf_put_bytes(out, packed.data, packed.len);
		buf_fini(&packed);
		data += 1 + len;
		size -= 1 + len;
	}
	deflater_free(deflater);
}

// A screen for the far end to have, whose rows a watcher may name.
static struct screen *
some_screen(void)
{
	struct screen *screen = screen_blank(4, 8);

	for (size_t i = 0; i < 3; i++) {
		screen->row[i] = row_own(screen->row[i]);
		row_put(screen->row[i], i, 'a', 1, &(struct style){0});
		row_publish(screen->row[i]);
	}
	return screen;
}

static void
check_hello(struct linkrecv *recv)
{
	struct link_hello hello;
	struct buf out = {0};
	struct msg msg;
	size_t used = 0;

	linkrecv_start(recv, 24, 80, "", &out);
	must(msg_get(&out, &used, LIMIT_LINK_HELLO_BYTES, &msg) == MSG_ONE, "HELLO is too long");
	must(link_hello_get(&msg, &hello), "HELLO is none");
	must(hello.have_rows == (recv->screen ? recv->screen->rows : 0), "HELLO's rows");
	buf_fini(&out);
}

static void
as_watcher(const uint8_t *data, size_t size)
{
	enum linkrecv_event event = LINKRECV_NONE;
	struct linkrecv recv;
	struct view_bye bye = {0};
	struct buf out = {0};
	uint64_t now = 1;

	linkrecv_init(&recv);
	recv.relay = size & 1;
	recv.screen = some_screen(); // of an earlier link
	linkrecv_start(&recv, 24, 80, "s", &out);
	while (size && event != LINKRECV_BYE && event != LINKRECV_BROKEN) {
		size_t len = 1 + now * 7 % 50;

		if (len > size)
			len = size;
		linkrecv_feed(&recv, data, len);
		data += len;
		size -= len;
		now += 30000;
		while ((event = linkrecv_next(&recv, now, &bye)) != LINKRECV_NONE &&
		       event != LINKRECV_BYE && event != LINKRECV_BROKEN)
			;
		if (linkrecv_ack_due(&recv) <= now)
			linkrecv_ack(&recv, now, &out);
	}
	must(event != LINKRECV_BROKEN || (bye.status && *bye.text), "it broke without a word");
	must(view_text_clean(bye.text, strlen(bye.text)), "a text that cannot be printed");
	check_hello(&recv);
	buf_fini(&out);
	linkrecv_fini(&recv);
}

static void
as_far_end(const uint8_t *data, size_t size)
{
	struct screen *screen = some_screen();
	struct buf in = {0};
	struct linksend send;
	struct link_hello hello;
	struct msg msg;
	size_t used = 0, len;
	uint64_t now = 1;

	linksend_init(&send, now);
	buf_put(&in, data, size);
	if (msg_get(&in, &used, LIMIT_LINK_HELLO_BYTES, &msg) == MSG_ONE &&
	    link_hello_get(&msg, &hello) && hello.version == LINK_VERSION) {
		linksend_hello(&send, &hello);
		for (bool good = true; good && used < size;) {
			now += 100000;
			linksend_show(&send, screen);
			linksend_peek(&send, &len);
			linksend_wrote(&send, len);
			if (linksend_due(&send, now) <= now)
				linksend_frame(&send, now);
			good = linksend_feed(&send, now, in.data + used, 1);
			used++;
			must(send.in.len <= LIMIT_LINK_UP_BYTES + 8, "too much is kept");
			must(send.rows <= SCREEN_ROWS_MAX && send.cols <= SCREEN_COLS_MAX, "size");
		}
	}
	linksend_fini(&send);
	screen_unref(screen);
	buf_fini(&in);
}

// Whatever a relay says, its publisher has a link that can be used or one sentence.
static void
as_publisher(const uint8_t *data, size_t size)
{
	const struct link_publish who = {.version = LINK_VERSION, .name = "s"};
	enum publink_event event = PUBLINK_NONE;
	struct screen *screen = some_screen();
	struct view_bye bye = {0};
	struct publink link;
	uint64_t now = 1;

	publink_init(&link, &who);
	while (size && event != PUBLINK_BYE && event != PUBLINK_BROKEN) {
		size_t len = 1 + now * 7 % 50, out;

		len = len < size ? len : size;
		publink_feed(&link, data, len);
		data += len;
		size -= len;
		now += 30000;
		while ((event = publink_next(&link, now, &bye)) != PUBLINK_NONE &&
		       event != PUBLINK_BYE && event != PUBLINK_BROKEN)
			must(link.guest_count <= LIMIT_GUESTS, "more guests than there may be");
		if (link.open)
			linksend_show(&link.send, screen);
		publink_peek(&link, &out);
		publink_wrote(&link, out);
		if (link.open && linksend_due(&link.send, now) <= now)
			linksend_frame(&link.send, now);
	}
	must(event != PUBLINK_BROKEN || (bye.status && *bye.text), "it broke without a word");
	must(view_text_clean(bye.text, strlen(bye.text)), "a text that cannot be printed");
	must(view_text_clean(link.name, strlen(link.name)), "a name that cannot be printed");
	publink_fini(&link);
	screen_unref(screen);
}

static void
as_relay(const uint8_t *data, size_t size)
{
	struct buf in = {0};
	struct link_publish who;
	struct msg msg;
	size_t used = 0;

	buf_put(&in, data, size);
	if (msg_get(&in, &used, LIMIT_PUBLISH_BYTES, &msg) == MSG_ONE &&
	    link_publish_get(&msg, &who))
		must(view_text_clean(who.name, strlen(who.name)) &&
			 view_text_clean(who.origin, strlen(who.origin)),
		    "a name that cannot be printed");
	buf_fini(&in);
}

// What is typed far away is whole messages for a keyboard, and nothing of it is longer than it came.
static void
as_giver(const uint8_t *data, size_t size)
{
	enum keygiver_event event = KEYGIVER_NONE;
	struct buf typed = {0}, out = {0};
	struct keygiver giver = {0};
	size_t used = 0, came = size;
	uint64_t now = 1;
	struct msg msg;

	keygiver_start(&giver, now, &out);
	while (size && event != KEYGIVER_STALE && event != KEYGIVER_BROKEN) {
		size_t len = 1 + now * 7 % 50;

		len = len < size ? len : size;
		keygiver_feed(&giver, data, len);
		data += len;
		size -= len;
		now += 300;
		while ((event = keygiver_next(&giver, now, &msg, &typed, &out)) != KEYGIVER_NONE &&
		       event != KEYGIVER_STALE && event != KEYGIVER_BROKEN)
			;
		must(giver.in.len - giver.used <= LIMIT_KEYBOARD_BYTES + 8, "too much is kept");
	}
	must(typed.len <= came, "more than was typed");
	while (msg_get(&typed, &used, LIMIT_KEYBOARD_BYTES, &msg) == MSG_ONE)
		must(msg.type == KEYBOARD_INPUT, "what is no typing");
	must(used == typed.len, "half a message");
	keygiver_fini(&giver);
	buf_fini(&typed);
	buf_fini(&out);
}

static void
as_typer(const uint8_t *data, size_t size)
{
	struct keytyper typer = {0};
	struct keyline_claim claim;
	struct keyline_lend lend;
	struct input_modes modes;
	struct view_grant grant;
	struct buf in = {0};
	struct msg msg;
	size_t used = 0;

	buf_put(&in, data, size);
	while (msg_get(&in, &used, LIMIT_PUBLISH_BYTES, &msg) == MSG_ONE) {
		keytyper_beat(&typer, &msg, used);
		if (keyline_claim_get(&msg, &claim))
			must(view_text_clean(claim.session, strlen(claim.session)), "a session");
		if (keyline_lend_get(&msg, &lend))
			must(view_text_clean(lend.who.name, strlen(lend.who.name)) &&
				 (*lend.who.name || *lend.who.key),
			    "to nobody");
		if (keyline_modes_get(&msg, &modes))
			must(modes.kitty_keyboard <= 31, "modes");
		if (view_grant_get(&msg, &grant))
			must(view_text_clean(grant.name, strlen(grant.name)), "a name");
	}
	buf_fini(&in);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf packed = {0};

	if (!size)
		return 0;
	if (data[0] % 16 == 15) {
		as_publisher(data + 1, size - 1);
	} else if (data[0] % 16 == 7) {
		(data[0] & 16 ? as_giver : as_typer)(data + 1, size - 1);
	} else if (data[0] % 16 == 11) {
		as_relay(data + 1, size - 1);
	} else if (data[0] % 2 == 0) {
		as_watcher(data + 1, size - 1);
	} else if (data[0] % 4 == 1) {
		pack(data + 1, size - 1, &packed);
		as_watcher(packed.data, packed.len);
		buf_fini(&packed);
	} else {
		as_far_end(data + 1, size - 1);
	}
	return 0;
}
