// SPDX-License-Identifier: ISC
// One connection to the view socket: its hello, its requests, and the one message it is being sent.
#include "server/mirror/curtain.h"
#include "server/mirror/viewers_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES 4096
#define REQUEST_MAX 256 // bytes of any message after the hello
#define TOKENS_MAX 64   // messages a peer may send at once; a client of ours sends one a second
#define TOKENS_PER_S 8  // and in the long run
// Hellos and queries of a guest's uid: at once (all come again when a mirror dies), and in the long run.
#define ACCOUNT_TOKENS_MAX (2 * LIMIT_ACCOUNT_VIEWERS)
#define ACCOUNT_TOKENS_PER_S 32
#define HOST_RESERVED 16 // connections kept for the host, however many watch
#define ASKED_TEXT "waiting for the host to let you in"
#define REFUSED_MAX 8 // connections without a place that wait to be told so

static void process(struct viewer *viewer);

// ---- sending -----------------------------------------------------------------------------------

static void on_poll(uv_poll_t *poll, int status, int events);

// Who asks reads its answer before it asks again, so that nothing piles up.
static bool
listens(const struct viewer *viewer)
{
	return viewer->state == VIEWER_HELLO || viewer->state == VIEWER_ASKED ||
	       viewer->state == VIEWER_VIEW ||
	       (viewer->state == VIEWER_QUERY && !viewer->pending && !viewer->asks);
}

static void
update_events(struct viewer *viewer)
{
	bool writing = viewer->pending || viewer->behind || viewer->unaware || viewer->orders.len;
	int events = (listens(viewer) ? UV_READABLE : 0) | (writing ? UV_WRITABLE : 0);

	if (viewer->state == VIEWER_DEAD || events == viewer->events)
		return;
	viewer->events = events;
	uv_poll_start(&viewer->poll, events, on_poll);
}

static void
set_state(struct viewer *viewer, enum viewer_state state)
{
	bool watched = viewer->state == VIEWER_VIEW;

	viewer->state = state;
	if (watched)
		viewers_left(viewer->viewers);
	else if (state == VIEWER_VIEW)
		viewers_joined(viewer->viewers);
	if (watched)
		viewers_left_keyboard(viewer->viewers, viewer);
	if (watched || state == VIEWER_VIEW)
		viewers_tell(viewer->viewers, watched ? EVENT_LEFT : EVENT_JOINED, viewer);
}

static void
drop_pending(struct viewer *viewer)
{
	blob_unref(viewer->pending);
	viewer->pending = NULL;
	viewer->sent = 0;
}

// Sends of `pending` what the socket takes.
static void
send_pending(struct viewer *viewer)
{
	const struct buf *bytes = &viewer->pending->bytes;

	while (viewer->sent < bytes->len) {
		ssize_t sent = send(viewer->fd, bytes->data + viewer->sent,
		    bytes->len - viewer->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno != EAGAIN) {
			viewer_close(viewer);
			return;
		}
		if (sent < 0)
			break;
		viewer->sent += (size_t)sent;
	}
	if (viewer->sent == bytes->len)
		drop_pending(viewer);
}

// The same; behind it the last words and the end, if it comes to that.
static void
flush(struct viewer *viewer)
{
	send_pending(viewer);
	if (!viewer->pending && viewer->last) {
		viewer->pending = viewer->last;
		viewer->last = NULL;
		send_pending(viewer);
	}
	if (!viewer->pending && viewer->state == VIEWER_CLOSING)
		viewer_close(viewer);
}

// False if a viewer's socket takes nothing of it now: then it is not sent, for what counts later is
// the screen of that time.
bool
viewer_try(struct viewer *viewer, struct blob *blob)
{
	viewer->pending = blob_ref(blob);
	viewer->sent = 0;
	flush(viewer);
	if (!viewer->pending || viewer->sent || viewer->state != VIEWER_VIEW)
		return true;
	drop_pending(viewer);
	return false;
}

void
viewer_send(struct viewer *viewer, struct blob *blob)
{
	if (!viewer_try(viewer, blob))
		viewer->behind = true;
	update_events(viewer);
}

static void
put_key(struct screen *screen, struct buf *out)
{
	size_t begin = msg_begin(out, VIEW_FRAME);

	buf_put_u8(out, VIEW_FRAME_KEY);
	frame_encode(NULL, screen, out);
	msg_end(out, begin);
}

static void
send_and_free(struct viewer *viewer, struct buf *bytes)
{
	struct blob *blob = blob_new(bytes);

	viewer_send(viewer, blob);
	blob_unref(blob);
}

// For one who waits to be let in: not even the session's size.
static void
send_curtain(struct viewer *viewer)
{
	const struct view_status *status = &viewer->person->status;
	bool fits = status->rows && status->cols && status->rows <= SCREEN_ROWS_MAX &&
		    status->cols <= SCREEN_COLS_MAX;
	struct screen *screen =
	    curtain_new(fits ? status->rows : 24, fits ? status->cols : 80, ASKED_TEXT);
	struct buf out = {0};

	put_key(screen, &out);
	screen_unref(screen);
	send_and_free(viewer, &out);
}

void
viewer_bye(struct viewer *viewer, int status, const char *text)
{
	struct buf out = {0};

	if (viewer->state == VIEWER_CLOSING) // its last words are on their way
		return;
	set_state(viewer, VIEWER_CLOSING);
	viewer->behind = viewer->unaware = false;
	viewer->orders.len = 0;
	viewer->due = uv_now(viewer->viewers->loop) + LIMIT_HELLO_MS;
	view_bye_put(&out, status, text);
	if (viewer->pending) // an edge that is cut off without them would come back
		viewer->last = blob_new(&out);
	else
		send_and_free(viewer, &out);
	viewers_schedule(viewer->viewers);
}

// They wait for as long as it takes: an order is not to be lost.
static void
give_orders(struct viewer *viewer)
{
	struct blob *blob = blob_new(&viewer->orders);

	if (!viewer_try(viewer, blob)) { // nobody else holds it
		viewer->orders = blob->bytes;
		blob->bytes = (struct buf){0};
	}
	blob_unref(blob);
}

void
viewer_tell(struct viewer *viewer)
{
	if (viewer->pending)
		return;
	if (viewer->behind)
		viewer_drained(viewer);
	else
		give_orders(viewer);
	update_events(viewer);
}

bool
viewer_waits(const struct viewer *viewer)
{
	return viewer->asks && !viewer->pending && !viewer->behind &&
	       (viewer->state == VIEWER_VIEW || viewer->state == VIEWER_QUERY);
}

void
viewer_drained(struct viewer *viewer)
{
	struct viewers *viewers = viewer->viewers;

	if (viewer->behind && viewer->state == VIEWER_VIEW) {
		viewer->behind = false;
		viewer_send(viewer, viewers_key(viewers));
	} else if (viewer->behind && viewer->state == VIEWER_ASKED) {
		viewer->behind = false;
		send_curtain(viewer);
	}
	if (viewer->unaware && !viewer->pending && !viewer->behind && viewer->state == VIEWER_VIEW)
		viewer->unaware = !viewer_try(viewer, viewers->notice);
	if (viewer->orders.len && !viewer->pending && viewer->state == VIEWER_VIEW)
		give_orders(viewer);
	if (viewer->answer && !viewer->pending && !viewer->behind)
		viewer_give_answer(viewer);
	if (viewer_waits(viewer))
		viewer_history(viewer);
	if (viewers->farewell && !viewer->pending && !viewer->behind &&
	    (viewer->state == VIEWER_VIEW || viewer->state == VIEWER_QUERY)) {
		set_state(viewer, VIEWER_CLOSING);
		viewer_send(viewer, viewers->farewell);
	}
	update_events(viewer);
}

// ---- requests ----------------------------------------------------------------------------------

static void
take_status(struct viewer *viewer, const struct view_status *status)
{
	viewer->person->status = *status;
	fps_note(&viewer->fps, uv_now(viewer->viewers->loop), status->frames);
}

static void
on_status(struct viewer *viewer, const struct msg *msg)
{
	struct view_status status;

	if (viewer->state == VIEWER_QUERY || !view_status_get(msg, &status))
		viewer_bye(viewer, EX_PROTOCOL, "a malformed message");
	else
		take_status(viewer, &status);
}

static void
on_key(struct viewer *viewer, const struct msg *msg)
{
	struct viewers *viewers = viewer->viewers;
	struct buf out = {0};
	struct screen *screen;

	(void)msg;
	if (viewer->state != VIEWER_QUERY) {
		viewer->behind = true;
		if (!viewer->pending)
			viewer_drained(viewer);
		return;
	}
	if (!viewer->host) {
		viewer_send(viewer, viewers_asked(viewers));
		return;
	}
	screen = viewers->source.screen(viewers->source.user);
	put_key(screen, &out);
	screen_unref(screen);
	send_and_free(viewer, &out);
}

// Whether what it says of who it is counts: the host's account says so, or a guests' one.
static bool
is_believed(const struct viewer *viewer)
{
	return viewer->host || viewer->gid == viewer->viewers->session.guests;
}

// Whether this peer may ask what only the host may.
static bool
is_host(struct viewer *viewer)
{
	if (viewer->host && viewer->state == VIEWER_QUERY)
		return true;
	viewer_bye(viewer, EX_NOPERM, "only the host of the session may ask for that");
	return false;
}

static void
on_who(struct viewer *viewer, const struct msg *msg)
{
	struct viewers *viewers = viewer->viewers;
	struct view_person *people;
	struct screen *screen;
	struct buf out = {0};
	size_t begin, count;

	(void)msg;
	if (!is_host(viewer))
		return;
	screen = viewers->source.screen(viewers->source.user);
	people = viewers_people(viewers, &count);
	begin = msg_begin(&out, VIEW_WHO_IS);
	buf_put_varint(&out, screen->rows);
	buf_put_varint(&out, screen->cols);
	buf_put_varint(&out, count);
	for (size_t i = 0; i < count; i++)
		view_person_put(&out, &people[i]);
	msg_end(&out, begin);
	free(people);
	screen_unref(screen);
	send_and_free(viewer, &out);
}

static void
on_cut(struct viewer *viewer, const struct msg *msg)
{
	struct buf out = {0};
	struct view_cut cut;
	size_t begin, count;

	// An account of guests that is no other's business may end what it lets them see, and no more.
	if ((is_believed(viewer) || viewer->state != VIEWER_QUERY) && !is_host(viewer))
		return;
	if (!view_cut_get(msg, &cut)) {
		viewer_bye(viewer, EX_PROTOCOL, "a malformed message");
		return;
	}
	count = viewer->host ? viewers_cut(viewer->viewers, &cut)
			     : viewers_cut_own(viewer->viewers, viewer->uid, &cut);
	begin = msg_begin(&out, VIEW_CUT_IS);
	buf_put_varint(&out, count);
	msg_end(&out, begin);
	send_and_free(viewer, &out);
}

static void
on_dump(struct viewer *viewer, const struct msg *msg)
{
	struct viewers *viewers = viewer->viewers;
	struct buf out = {0};
	size_t begin;

	(void)msg;
	if (!is_host(viewer))
		return;
	if (!viewers->source.dump) {
		viewer_bye(viewer, EX_UNAVAILABLE,
		    "the session is published from elsewhere, and that is kept there alone");
		return;
	}
	begin = msg_begin(&out, VIEW_DUMP_IS);
	viewers->source.dump(viewers->source.user, &out);
	msg_end(&out, begin);
	send_and_free(viewer, &out);
}

// The newest request counts: who asks again before the answer has changed its mind.
static void
on_history(struct viewer *viewer, const struct msg *msg)
{
	if (!view_history_ask_get(msg, &viewer->ask)) {
		viewer_bye(viewer, EX_PROTOCOL, "a malformed message");
		return;
	}
	viewer->asks = true;
	viewer->seeks = 0;
	if (!viewer->pending)
		viewer_drained(viewer);
}

// ---- hello -------------------------------------------------------------------------------------

static void
refuse_version(struct viewer *viewer, uint64_t version)
{
	char text[LIMIT_TEXT];

	snprintf(text, sizeof(text),
	    "the viewer speaks version %llu of the protocol, the session version %d; "
	    "install the same mirrord on both sides",
	    (unsigned long long)version, PROTO_VERSION);
	viewers_tell_version(viewer->viewers, text);
	viewer_bye(viewer, EX_PROTOCOL, text);
}

// Who it is. The name and what sshd's environment said are believed only from the host's account
// and from guest accounts: their forced command said so, and they can run nothing else.
static void
introduce(struct viewer *viewer, const struct view_hello *hello)
{
	struct view_person *person = calloc(1, sizeof(*person));

	if (!person)
		abort();
	if (is_believed(viewer)) {
		memcpy(person->name, hello->name, sizeof(person->name));
		memcpy(person->from, hello->from, sizeof(person->from));
		memcpy(person->via, hello->via, sizeof(person->via));
		memcpy(person->key, hello->key, sizeof(person->key));
	} else if (*hello->key) { // but its account may cut it by that
		viewer->claimed = strdup(hello->key);
		if (!viewer->claimed)
			abort();
	}
	person->uid = viewer->uid;
	person->pid = (uint32_t)viewer->pid;
	person->since = (uint64_t)time(NULL);
	person->status.rows = hello->rows;
	person->status.cols = hello->cols;
	viewer->person = person;
}

static void
welcome(struct viewer *viewer)
{
	struct viewers *viewers = viewer->viewers;
	struct view_welcome words = {.version = PROTO_VERSION, .start = viewers->session.start};
	struct buf out = {0};

	snprintf(words.session, sizeof(words.session), "%s", viewers->session.name);
	snprintf(words.host, sizeof(words.host), "%s", viewers->session.host);
	view_welcome_put(&out, &words);
	send_and_free(viewer, &out);
}

static uint64_t
query_due(const struct viewer *viewer)
{
	return uv_now(viewer->viewers->loop) + LIMIT_QUERY_MS;
}

void
viewer_admit(struct viewer *viewer)
{
	viewer->printed = viewers_printed(viewer->viewers);
	fps_note(&viewer->fps, uv_now(viewer->viewers->loop), 0);
	set_state(viewer, VIEWER_VIEW);
	viewer->behind = true; // it has no frame yet
	viewer->unaware = viewer->viewers->notice != NULL;
	if (!viewer->pending)
		viewer_drained(viewer);
	viewers_lend(viewer->viewers);
}

static void
wait_for_host(struct viewer *viewer)
{
	set_state(viewer, VIEWER_ASKED);
	viewer->due = uv_now(viewer->viewers->loop) + LIMIT_ASK_MS;
	viewer->behind = true;
	viewers_tell(viewer->viewers, EVENT_ASKS, viewer);
	if (!viewer->pending)
		viewer_drained(viewer);
}

// As the host has ordered. That it was in before is believed of those whose name is: they run our
// program and nothing else.
static void
come_in(struct viewer *viewer, uint8_t flags)
{
	uint8_t role = flags & (uint8_t)~VIEW_ROLE_PAIR;
	bool was_in = role == VIEW_ROLE_BACK && is_believed(viewer);
	enum orders_verdict verdict = viewers_judge(viewer->viewers, viewer, was_in);

	viewer->back = was_in;
	viewer->person->pair = (flags & VIEW_ROLE_PAIR) && is_believed(viewer);
	viewer->outside = verdict != VERDICT_IN && !is_believed(viewer) && role == VIEW_ROLE_QUERY;
	if (verdict == VERDICT_ASK && role != VIEW_ROLE_QUERY) {
		wait_for_host(viewer);
	} else if (verdict != VERDICT_IN && !viewer->outside) {
		viewers_refuse(viewer->viewers, viewer, verdict);
	} else if (role == VIEW_ROLE_QUERY) {
		set_state(viewer, VIEWER_QUERY);
		viewer->due = query_due(viewer);
	} else {
		viewer_admit(viewer);
	}
}

static void
on_hello(struct viewer *viewer, const struct msg *msg)
{
	struct view_hello hello;

	if (msg->type != VIEW_HELLO || !view_hello_get(msg, &hello)) {
		viewer_close(viewer);
		return;
	}
	if (hello.version != PROTO_VERSION) {
		refuse_version(viewer, hello.version);
		return;
	}
	if (viewer
		->refused) { // not before: a BYE that crosses the HELLO is lost with the connection
		viewer_bye(viewer, EX_UNAVAILABLE, "the session has as many viewers as it takes");
		return;
	}
	introduce(viewer, &hello);
	welcome(viewer);
	if (viewer->state == VIEWER_DEAD)
		return;
	come_in(viewer, hello.role);
	viewers_schedule(viewer->viewers); // its deadline is met, or another begins
	update_events(viewer);
}

// ---- receiving ---------------------------------------------------------------------------------

static const struct {
	uint8_t type;
	void (*on)(struct viewer *viewer, const struct msg *msg);
} requests[] = {
    {VIEW_STATUS, on_status},
    {VIEW_KEY, on_key},
    {VIEW_WHO, on_who},
    {VIEW_DUMP, on_dump},
    {VIEW_CUT, on_cut},
    {VIEW_HISTORY, on_history},
    {VIEW_GUESTS, viewer_on_guests},
};

static void
on_request(struct viewer *viewer, const struct msg *msg)
{
	if (viewer->outside && msg->type != VIEW_CUT) {
		viewers_refuse(viewer->viewers, viewer, VERDICT_LOCKED);
		return;
	}
	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		if (requests[i].type == msg->type) {
			requests[i].on(viewer, msg);
			return;
		}
	}
	viewer_bye(viewer, EX_PROTOCOL, "a message that this version does not know");
}

bool
bucket_take(struct bucket *bucket, uint64_t now, uint32_t max, uint32_t per_s)
{
	uint64_t more = (now - bucket->at) * per_s / 1000;

	if (more) {
		bucket->at = now;
		bucket->tokens =
		    more + bucket->tokens > max ? max : bucket->tokens + (uint32_t)more;
	}
	if (!bucket->tokens)
		return false;
	bucket->tokens--;
	return true;
}

// What costs us more than the peer is counted by account too: a connection is soon made.
static bool
take_token(struct viewer *viewer)
{
	struct viewers *viewers = viewer->viewers;
	uint64_t now = uv_now(viewers->loop);

	if (!bucket_take(&viewer->bucket, now, TOKENS_MAX, TOKENS_PER_S))
		return false;
	return viewer->host || viewer->state == VIEWER_VIEW || viewer->state == VIEWER_ASKED ||
	       bucket_take(&viewers->account[viewer->uid % VIEWERS_BUCKETS], now,
		   ACCOUNT_TOKENS_MAX, ACCOUNT_TOKENS_PER_S);
}

// Takes the whole messages out of what has come.
static void
process(struct viewer *viewer)
{
	size_t used = 0;

	while (listens(viewer)) {
		size_t max = viewer->state == VIEWER_HELLO ? LIMIT_HELLO_BYTES
			     : viewer->host                ? LIMIT_GUESTS_BYTES
							   : REQUEST_MAX;
		enum msg_status status;
		struct msg msg;

		status = msg_get(&viewer->in, &used, max, &msg);
		if (status == MSG_NONE)
			break;
		if (viewer->state == VIEWER_QUERY)
			viewer->due = query_due(viewer);
		if (status == MSG_BAD || !take_token(viewer))
			viewer_close(viewer);
		else if (viewer->state == VIEWER_HELLO)
			on_hello(viewer, &msg);
		else
			on_request(viewer, &msg);
	}
	if (viewer->state == VIEWER_DEAD) // `in` is gone
		return;
	buf_take(&viewer->in, used);
	if (!viewer->in.len)
		buf_fini(&viewer->in);
}

static void
receive(struct viewer *viewer)
{
	uint8_t bytes[READ_BYTES];
	ssize_t got = recv(viewer->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got <= 0) {
		viewer_close(viewer);
		return;
	}
	buf_put(&viewer->in, bytes, (size_t)got);
	process(viewer);
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
	struct viewer *viewer = poll->data;

	if (status < 0) {
		viewer_close(viewer);
		return;
	}
	if (events & UV_WRITABLE) {
		if (viewer->pending)
			flush(viewer);
		if (!viewer->pending && viewer->state != VIEWER_DEAD) {
			viewer_drained(viewer);
			process(viewer); // what was asked meanwhile
		}
	}
	if ((events & UV_READABLE) && listens(viewer))
		receive(viewer);
	update_events(viewer);
}

// ---- coming and going --------------------------------------------------------------------------

static void
identify(struct viewer *viewer)
{
	struct ucred cred = {.uid = (uid_t)-1, .gid = (gid_t)-1};
	socklen_t len = sizeof(cred);

	getsockopt(viewer->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
	viewer->uid = cred.uid;
	viewer->gid = cred.gid;
	viewer->pid = cred.pid;
	viewer->host = cred.uid == viewer->viewers->session.owner || cred.uid == 0;
}

// Whether this connection, the last that came, has a place, or one of `spare` more.
static bool
has_place(const struct viewer *viewer, size_t spare)
{
	const struct viewers *viewers = viewer->viewers;

	if (viewer->host)
		return viewers->connections <= LIMIT_VIEWERS + spare;
	return viewers->connections <= LIMIT_VIEWERS - HOST_RESERVED + spare &&
	       viewers_of(viewers, viewer->uid) <= LIMIT_ACCOUNT_VIEWERS + spare;
}

void
viewer_new(struct viewers *viewers, int fd)
{
	struct viewer *viewer = calloc(1, sizeof(*viewer));

	if (!viewer || uv_poll_init(viewers->loop, &viewer->poll, fd) != 0) {
		free(viewer);
		close(fd);
		return;
	}
	viewer->poll.data = viewer;
	viewer->fd = fd;
	viewer->viewers = viewers;
	viewer->bucket = (struct bucket){.at = uv_now(viewers->loop), .tokens = TOKENS_MAX};
	viewer->due = viewer->bucket.at + LIMIT_HELLO_MS;
	identify(viewer);
	viewers_add(viewers, viewer);
	viewer->refused = !has_place(viewer, 0);
	if (has_place(viewer, REFUSED_MAX))
		update_events(viewer);
	else
		viewer_close(viewer);
}

static void
on_closed(uv_handle_t *handle)
{
	struct viewer *viewer = handle->data;

	if (viewer->guests)
		viewers_left_edge(viewer->viewers, viewer);
	free(viewer->person);
	free(viewer->claimed);
	free(viewer->guests);
	free(viewer);
}

void
viewer_close(struct viewer *viewer)
{
	if (viewer->state == VIEWER_DEAD)
		return;
	set_state(viewer, VIEWER_DEAD);
	viewer->behind = false;
	drop_pending(viewer);
	blob_unref(viewer->last);
	blob_unref(viewer->answer);
	viewer->last = viewer->answer = NULL;
	buf_fini(&viewer->in);
	buf_fini(&viewer->orders);
	uv_close((uv_handle_t *)&viewer->poll, on_closed);
	close(viewer->fd);
	viewers_remove(viewer->viewers, viewer);
}
