// SPDX-License-Identifier: ISC
// The keyboard, lent: a socket that is there while a grant is, and one viewer's typing that goes to the
// PTY. The only way for a viewer's byte into a session, and all of it: nothing else is read from there.
#include "server/keeper/keeper_parts.h"

#include "server/base/keyboard.h"
#include "server/base/session.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void
grant_init(struct keeper *k)
{
	k->grant.listener = k->grant.fd = -1;
}

// ---- the socket ----------------------------------------------------------------------------------

// Nobody new: the one connection there may be is made, or the grant is over.
static void
shut(struct keeper *k)
{
	if (k->grant.listener < 0)
		return;
	close(k->grant.listener);
	unlink(k->options->keyboard_path);
	k->grant.listener = -1;
}

static void
hang_up(struct keeper *k)
{
	if (k->grant.fd >= 0)
		close(k->grant.fd);
	k->grant.fd = -1;
	k->grant.rx_len = k->grant.rx_used = k->grant.input_len = 0;
	k->grant.proven = false;
}

void
grant_end(struct keeper *k, enum grant_end why)
{
	if (!k->orders.granted)
		return;
	hang_up(k); // with what it typed and the program has not taken
	shut(k);
	k->grant.until_ms = 0;
	k->orders.granted = false;
	explicit_bzero(k->orders.token, sizeof(k->orders.token));
	k->orders_number++;
	event_tell_number(k, EVENT_REVOKED, why);
}

bool
grant_begin(struct keeper *k, const struct order_who *who, uint64_t seconds)
{
	struct stat st;
	mode_t mode = stat(k->options->view_path, &st) == 0 ? st.st_mode & 0660 : 0600;

	grant_end(k, GRANT_REVOKED);
	k->grant.listener = keyboard_listen(k->options->keyboard_path, mode);
	if (k->grant.listener < 0 ||
	    getrandom(k->orders.token, GRANT_TOKEN, GRND_NONBLOCK) != GRANT_TOKEN) {
		shut(k);
		return false;
	}
	k->grant.guests = stat(k->options->view_path, &st) == 0 ? st.st_gid : getgid();
	k->orders.granted = true;
	k->orders.holder = *who;
	k->orders_number++;
	k->grant.unused_ms = k->now_ms + LIMIT_GRANT_MS;
	k->grant.until_ms = seconds ? k->now_ms + seconds * 1000 : 0;
	return true;
}

// ---- who comes -----------------------------------------------------------------------------------

// One at a time; who has not shown the token by now makes room for the next.
void
grant_accept(struct keeper *k)
{
	int fd;

	if (k->grant.fd >= 0)
		grant_read(k);
	fd = accept4(k->grant.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	if (!keyboard_may_come(fd, getuid(), k->grant.guests) || k->grant.proven) {
		close(fd);
		return;
	}
	hang_up(k);
	k->grant.fd = fd;
}

static void
on_shown(struct keeper *k)
{
	k->grant.proven = true;
	k->grant.unused_ms = 0;
	shut(k);
}

// ---- what is typed -------------------------------------------------------------------------------

void
grant_flush(struct keeper *k)
{
	struct keyboard *grant = &k->grant;

	if (grant->input_len)
		grant->input_len -=
		    input_write(k, grant->rx + grant->rx_used - grant->input_len, grant->input_len);
}

static bool
on_message(struct keeper *k, const struct msg *msg)
{
	if (!k->grant.proven) {
		if (!keyboard_hello_is(msg, k->orders.token))
			return false;
		on_shown(k);
		return true;
	}
	if (msg->type != KEYBOARD_INPUT)
		return false;
	k->grant.input_len = msg->len;
	input_flush(k); // behind what the host typed
	return true;
}

// Takes whole messages, one by one: while typing waits for the PTY the next stays.
static bool
parse(struct keeper *k)
{
	struct keyboard *grant = &k->grant;
	struct buf in = {.data = grant->rx, .len = grant->rx_len};
	struct msg msg;

	while (!grant->input_len) {
		enum msg_status status = msg_get(&in, &grant->rx_used, LIMIT_KEYBOARD_BYTES, &msg);

		if (status == MSG_NONE)
			break;
		if (status == MSG_BAD || !on_message(k, &msg))
			return false;
	}
	if (!grant->input_len && grant->rx_used) {
		grant->rx_len -= grant->rx_used;
		memmove(grant->rx, grant->rx + grant->rx_used, grant->rx_len);
		grant->rx_used = 0;
	}
	return true;
}

bool
grant_wants_read(const struct keeper *k)
{
	return k->grant.fd >= 0 && !k->grant.input_len && k->grant.rx_len < sizeof(k->grant.rx);
}

// Its end is the grant's; that of one who has shown nothing is nobody's.
void
grant_read(struct keeper *k)
{
	struct keyboard *grant = &k->grant;
	ssize_t len = recv(
	    grant->fd, grant->rx + grant->rx_len, sizeof(grant->rx) - grant->rx_len, MSG_DONTWAIT);
	bool proven;

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len > 0) {
		grant->rx_len += (size_t)len;
		if (parse(k))
			return;
	}
	proven = grant->proven;
	hang_up(k);
	if (proven)
		grant_end(k, GRANT_GIVEN);
}

// ---- time ----------------------------------------------------------------------------------------

void
grant_tick(struct keeper *k)
{
	if (!k->orders.granted)
		return;
	if (k->grant.until_ms && k->now_ms >= k->grant.until_ms)
		grant_end(k, GRANT_TIME);
	else if (k->grant.unused_ms && k->now_ms >= k->grant.unused_ms)
		grant_end(k, GRANT_UNUSED);
	else if (k->grant.fd >= 0 && !k->grant.input_len && k->grant.rx_used && !parse(k))
		grant_end(k, GRANT_GIVEN); // what waited for the PTY, or did: then it makes room
}

uint64_t
grant_due(const struct keeper *k)
{
	uint64_t until = k->grant.until_ms ? k->grant.until_ms : UINT64_MAX;
	uint64_t unused = k->grant.unused_ms ? k->grant.unused_ms : UINT64_MAX;

	if (!k->orders.granted)
		return UINT64_MAX;
	return until < unused ? until : unused;
}
