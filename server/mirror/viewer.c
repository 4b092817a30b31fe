// SPDX-License-Identifier: ISC
// One connection to the view socket: how it comes and goes, and what is read from it.
#include "server/mirror/viewers_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES 4096
#define REQUEST_MAX 256 // bytes of any message after the hello
#define TOKENS_MAX 64   // messages a peer may send at once; a client of ours sends one a second
#define TOKENS_PER_S 8  // and in the long run
// Hellos and queries of a guest's uid: at once (all come again when a mirror dies), and in the long run.
#define ACCOUNT_TOKENS_MAX (2 * LIMIT_ACCOUNT_VIEWERS)
#define ACCOUNT_TOKENS_PER_S 32
#define HOST_RESERVED 16 // connections kept for the host, however many watch
#define REFUSED_MAX 8    // connections without a place that wait to be told so

// ---- state -------------------------------------------------------------------------------------

static void on_poll(uv_poll_t *poll, int status, int events);

// Who asks reads its answer before it asks again, so that nothing piles up.
static bool
listens(const struct viewer *viewer)
{
	return viewer->state == VIEWER_HELLO || viewer->state == VIEWER_ASKED ||
	       viewer->state == VIEWER_VIEW ||
	       (viewer->state == VIEWER_QUERY && !viewer->pending && !viewer->asks);
}

void
viewer_update_events(struct viewer *viewer)
{
	bool writing = viewer->pending || viewer->behind || viewer->unaware || viewer->orders.len;
	int events = (listens(viewer) ? UV_READABLE : 0) | (writing ? UV_WRITABLE : 0);

	if (viewer->state == VIEWER_DEAD || events == viewer->events)
		return;
	viewer->events = events;
	uv_poll_start(&viewer->poll, events, on_poll);
}

void
viewer_set_state(struct viewer *viewer, enum viewer_state state)
{
	struct viewers *viewers = viewer->viewers;
	bool watched = viewer->state == VIEWER_VIEW, waited = viewer->state == VIEWER_ASKED;

	viewer->state = state;
	if (watched)
		viewers_left(viewers);
	else if (state == VIEWER_VIEW)
		viewers_joined(viewers);
	if ((waited || state == VIEWER_ASKED) && viewers->far && viewers->source.guests)
		viewers->source.guests(viewers->source.user);
	if (watched)
		viewers_left_keyboard(viewers, viewer);
	if (watched || state == VIEWER_VIEW)
		viewers_tell(viewers, watched ? EVENT_LEFT : EVENT_JOINED, viewer);
}

// ---- receiving ---------------------------------------------------------------------------------

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
			viewer->due = viewer_query_due(viewer);
		if (status == MSG_BAD || !take_token(viewer))
			viewer_close(viewer);
		else if (viewer->state == VIEWER_HELLO)
			viewer_on_hello(viewer, &msg);
		else
			viewer_on_request(viewer, &msg);
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
			viewer_flush(viewer);
		if (!viewer->pending && viewer->state != VIEWER_DEAD) {
			viewer_drained(viewer);
			process(viewer); // what was asked meanwhile
		}
	}
	if ((events & UV_READABLE) && listens(viewer))
		receive(viewer);
	viewer_update_events(viewer);
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
		viewer_update_events(viewer);
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
	viewer_set_state(viewer, VIEWER_DEAD);
	viewer->behind = false;
	blob_unref(viewer->pending);
	blob_unref(viewer->last);
	blob_unref(viewer->answer);
	viewer->pending = viewer->last = viewer->answer = NULL;
	buf_fini(&viewer->in);
	buf_fini(&viewer->orders);
	uv_close((uv_handle_t *)&viewer->poll, on_closed);
	close(viewer->fd);
	viewers_remove(viewer->viewers, viewer);
}
