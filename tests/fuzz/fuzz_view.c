// SPDX-License-Identifier: ISC
// Both ends of the view socket against any peer. First byte 0: the input is what two connections send
// to a mirror, which must go on serving a third, honest one. Otherwise: what a mirror sends to an edge,
// whose replica must stay a screen.
#include "server/base/viewclient.h"
#include "server/edge/keys.h"
#include "server/edge/replica.h"
#include "server/mirror/viewers.h"
#include "vt/frame.h"
#include "vt/model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define BAD_PEERS 2

// ---- a mirror and its peers --------------------------------------------------------------------

static struct {
	uv_loop_t loop;
	struct viewers *viewers;
	struct sockaddr_un address;
	socklen_t address_len;
	struct model *model;
	bool may_cut; // what a peer has sent may have been a VIEW_CUT
} mirror;

static struct screen *
give_screen(void *user)
{
	(void)user;
	return model_screen(mirror.model);
}

static void
give_dump(void *user, struct buf *out)
{
	(void)user;
	model_dump(mirror.model, out);
}

static const struct model *
give_history(void *user)
{
	(void)user;
	return mirror.model;
}

static void
on_count(void *user, size_t count)
{
	(void)user;
	if (count > LIMIT_VIEWERS)
		abort();
}

static void
start_mirror(void)
{
	const struct viewers_session session = {
	    .name = "fuzz", .host = "host", .owner = getuid(), .guests = getgid()};
	const struct viewers_source source = {
	    .screen = give_screen, .dump = give_dump, .history = give_history, .count = on_count};
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	mirror.address.sun_family = AF_UNIX;
	mirror.address_len = sizeof(mirror.address);
	// Bound to no path: Linux picks a name.
	if (bind(listener, (struct sockaddr *)&mirror.address, sizeof(sa_family_t)) != 0 ||
	    listen(listener, BAD_PEERS + 1) != 0 ||
	    getsockname(listener, (struct sockaddr *)&mirror.address, &mirror.address_len) != 0)
		abort();
	uv_loop_init(&mirror.loop);
	mirror.viewers = viewers_new(&mirror.loop, listener, &session, &source);
}

static void
turn(void)
{
	for (int i = 0; i < 4; i++)
		uv_run(&mirror.loop, UV_RUN_NOWAIT);
}

static int
connect_peer(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (connect(fd, (struct sockaddr *)&mirror.address, mirror.address_len) != 0)
		abort();
	return fd;
}

static void
show(uint8_t byte)
{
	const char text[] = {(char)(' ' + byte % 95), byte & 1 ? '\n' : '\r'};
	struct screen *screen;

	model_feed(mirror.model, text, sizeof(text));
	screen = model_screen(mirror.model);
	viewers_show(mirror.viewers, screen);
	screen_unref(screen);
}

static void
drain(int fd)
{
	static uint8_t rest[1 << 16];

	while (recv(fd, rest, sizeof(rest), MSG_DONTWAIT) > 0)
		;
}

// What the honest viewer has must be what the mirror shows. The others have the host's uid too, so they
// may send it away, but by VIEW_CUT alone.
static void
check_honest(struct viewclient *client, struct replica *replica)
{
	struct screen *screen = model_screen(mirror.model);
	enum viewclient_event event;
	struct view_bye bye;
	struct msg msg;

	viewers_show(mirror.viewers, screen);
	turn();
	viewclient_read(client);
	while ((event = viewclient_next(client, &msg, &bye)) == VIEWCLIENT_MSG) {
		if (msg.type == VIEW_FRAME && replica_apply(replica, &msg) != REPLICA_CHANGED)
			abort();
	}
	if (event == VIEWCLIENT_BYE && mirror.may_cut
		? strcmp(bye.text, "the host has ended your access") != 0
		: !replica->screen || !screen_equal(replica->screen, screen))
		abort();
	screen_unref(screen);
}

// Each step: which peer and what, a length, as many bytes.
static void
play(struct reader *in, int peers[BAD_PEERS])
{
	while (in->len && !in->bad) {
		uint8_t step = reader_u8(in);
		int *peer = &peers[step % BAD_PEERS];
		size_t len = reader_u8(in);
		const uint8_t *bytes;

		if (len > in->len)
			len = in->len;
		bytes = reader_raw(in, len);
		if (step & 0x80) {
			close(*peer);
			*peer = connect_peer();
		} else if (step & 0x40) {
			show(step);
		} else if (step & 0x20) {
			drain(*peer);
		} else if (bytes && send(*peer, bytes, len, MSG_NOSIGNAL) < 0) {
			continue; // it has been thrown out
		} else if (bytes && memchr(bytes, VIEW_CUT, len) != NULL) {
			mirror.may_cut = true;
		}
		uv_run(&mirror.loop, UV_RUN_NOWAIT);
	}
}

// The honest viewer is the host's own: no order of these is about it.
static void
set_orders(size_t seed)
{
	static struct orders orders;

	orders = (struct orders){.ask = seed % 4 == 1,
	    .locked = seed % 4 == 2,
	    .granted = seed % 8 == 3,
	    .holder = {.name = "a"},
	    .rules = seed % 16 == 7,
	    .rule = {{.who = {.name = "b"}}}};
	viewers_order(mirror.viewers, &orders);
}

// Whoever has it by now is one of those that may.
static void
check_holder(void)
{
	size_t count, holders = 0;
	struct view_person *people = viewers_people(mirror.viewers, &count);

	for (size_t i = 0; i < count; i++) {
		holders += people[i].holds;
		if (people[i].holds && !people[i].pair)
			abort();
	}
	if (holders > 1)
		abort();
	free(people);
}

static void
fuzz_mirror(struct reader *in)
{
	struct viewclient client = {.fd = connect_peer()};
	struct replica replica;
	struct view_hello hello;
	struct buf out = {0};
	int peers[BAD_PEERS];

	mirror.model = model_new(5, 20, NULL);
	mirror.may_cut = false;
	set_orders(in->len);
	replica_init(&replica);
	viewclient_hello(&hello, VIEW_ROLE_VIEW, 5, 20);
	view_hello_put(&out, &hello);
	if (!viewclient_send(&client, &out))
		abort();
	buf_fini(&out);
	for (int i = 0; i < BAD_PEERS; i++)
		peers[i] = connect_peer();
	turn();
	play(in, peers);
	turn();
	check_holder();
	check_honest(&client, &replica);
	for (int i = 0; i < BAD_PEERS; i++)
		close(peers[i]);
	viewclient_close(&client);
	replica_fini(&replica);
	turn();
	if (!viewers_gone(mirror.viewers))
		abort();
	model_free(mirror.model);
}

// ---- an edge -----------------------------------------------------------------------------------

static void
take_frame(struct replica *replica, const struct msg *msg)
{
	struct buf again = {0};
	struct screen *copy;
	const char *why;

	if (replica_apply(replica, msg) != REPLICA_CHANGED)
		return;
	// A screen like any other: it can be sent on.
	frame_encode(NULL, replica->screen, &again);
	copy = frame_apply(NULL, again.data, again.len, &why);
	if (!copy || !screen_equal(copy, replica->screen))
		abort();
	screen_unref(copy);
	buf_fini(&again);
}

static void
take_message(struct replica *replica, const struct msg *msg)
{
	struct reader reader = {.data = msg->data, .len = msg->len};
	struct view_person person, *people;
	struct view_cut cut;
	struct view_door door;
	uint64_t serial;
	size_t count;
	struct view_history history;
	struct view_status status;
	struct view_grant grant;
	struct view_hello hello;

	if (msg->type == VIEW_FRAME)
		take_frame(replica, msg);
	if (view_history_get(msg, &history) && history.rows &&
	    history.end - history.first < history.rows->rows)
		abort();
	screen_unref(history.rows);
	view_status_get(msg, &status);
	if (view_grant_get(msg, &grant) && grant.modes.kitty_keyboard > 31)
		abort();
	if (view_cut_get(msg, &cut) && !view_text_clean(cut.key, strlen(cut.key)))
		abort();
	if (view_door_get(msg, &door) && door.open && msg->data[0] != 1)
		abort();
	if (view_guests_get(msg, &serial, &people, &count) && count && !people)
		abort();
	free(people);
	if (view_hello_get(msg, &hello) && !view_text_clean(hello.name, strlen(hello.name)))
		abort();
	while (view_person_get(&reader, &person)) {
		if (!view_text_clean(person.name, strlen(person.name)))
			abort();
	}
}

static void
fuzz_edge(struct reader *in)
{
	struct viewclient client = {.fd = -1, .welcomed = in->len & 1};
	enum viewclient_event event;
	struct replica replica;
	struct view_bye bye;
	struct msg msg;

	replica_init(&replica);
	buf_put(&client.in, in->data, in->len);
	while ((event = viewclient_next(&client, &msg, &bye)) == VIEWCLIENT_MSG)
		take_message(&replica, &msg);
	if (event == VIEWCLIENT_BYE && !view_text_clean(bye.text, strlen(bye.text)))
		abort();
	viewclient_close(&client);
	replica_fini(&replica);
}

static void
fuzz_keys(const struct reader *in)
{
	struct keys keys = {0};
	size_t used;

	keys_read(&keys, in->len);
	for (size_t at = 0; at < in->len; at += used) {
		keys_next(&keys, in->data + at, in->len - at, &used);
		if (!used || keys.state >= KEYS_STATE_COUNT)
			abort();
	}
	if (keys_next(&keys, (const uint8_t *)"\x03", 1, &used) != KEY_LEAVE)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader in = {.data = data, .len = size};

	if (!mirror.viewers)
		start_mirror();
	switch (reader_u8(&in)) {
	case 0: fuzz_mirror(&in); break;
	case 1: fuzz_keys(&in); break;
	default: fuzz_edge(&in);
	}
	return 0;
}
