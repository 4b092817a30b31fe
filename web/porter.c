// SPDX-License-Identifier: ISC
// The gateway's trusted half.
//
// Two processes, for browsers are not to be trusted with what the host's account can do. The gateway
// has the listening socket and what comes through it, and is locked down: it can open, connect to and
// signal nothing. The porter, here, answers its questions: whether a token is good, and a connection
// to a session's mirror, with its role said, on which one can only watch.
#include "web/porter.h"

#include "server/base/control.h"
#include "server/base/viewproto.h"
#include "web/access_file.h"
#include "web/channel.h"
#include "web/gateway.h"
#include "web/lobby.h"
#include "web/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define STOP_MS 1000 // for the gateway to say goodbye
#define READ_BYTES 65536

struct porter {
	const struct porter_options *options;
	struct access known; // as the file was when it was last read
	struct lobby lobby;
	int channel, dial; // to the gateway
	int inotify, signals;
	pid_t gateway; // 0: none
	struct again again;
	uint64_t again_ms; // when the gateway is started again
	uint64_t stop_ms;  // not 0: stopping, and this is when it is over
	bool ready;        // this gateway has served, or one before it
	struct buf in, out;
	int status;
	char *why;
};

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static uint64_t
now_s(void)
{
	return (uint64_t)time(NULL);
}

// ---- to the gateway ----------------------------------------------------------------------------

// What does not go out at once waits: the gateway reads whenever it can.
static void
flush(struct porter *porter)
{
	while (porter->gateway && porter->out.len) {
		ssize_t sent = send(porter->channel, porter->out.data, porter->out.len,
		    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno != EINTR)
			return;
		buf_take(&porter->out, sent > 0 ? (size_t)sent : 0);
	}
}

static void
tell_text(struct porter *porter, enum channel_msg type, uint64_t number, const char *text)
{
	size_t begin = msg_begin(&porter->out, (uint8_t)type);

	buf_put_varint(&porter->out, number);
	buf_put_bytes(&porter->out, text, strlen(text));
	msg_end(&porter->out, begin);
}

static void
tell_sessions(struct porter *porter)
{
	size_t begin = msg_begin(&porter->out, CHANNEL_SESSIONS);

	lobby_put(&porter->lobby, &porter->out);
	msg_end(&porter->out, begin);
}

// ---- who may come in ---------------------------------------------------------------------------

static bool
has_link(const struct access *access, uint64_t id)
{
	for (size_t i = 0; i < access->links_len; i++) {
		if (access->links[i].id == id)
			return true;
	}
	return false;
}

// Those whose pass is gone are cut. A link that has expired stays in the list, one that was revoked not.
static void
cut_gone(struct porter *porter, const struct access *now)
{
	for (size_t i = 0; i < porter->known.passes_len; i++) {
		const struct access_pass *pass = &porter->known.passes[i];

		if (!access_has_pass(now, pass->id))
			tell_text(porter, CHANNEL_CUT, pass->id,
			    has_link(now, pass->link) ? "this link has expired"
						      : "this link has been revoked");
	}
}

static bool
drop_expired(struct access *access, uint64_t now)
{
	bool any = false;

	for (size_t i = 0; i < access->links_len; i++) {
		const struct access_link *link = &access->links[i];

		for (size_t at = access->passes_len; link->expires <= now && at > 0; at--) {
			if (access->passes[at - 1].link == link->id) {
				access_drop(access, access->passes[at - 1].id);
				any = true;
			}
		}
	}
	return any;
}

static void
admit(struct porter *porter, struct access *access, struct reader *reader, bool *changed)
{
	static const char *const refusals[] = {[ACCESS_UNKNOWN] = "this link is not valid",
	    [ACCESS_EXPIRED] = "this link has expired",
	    [ACCESS_USED_UP] = "this link has been used up"};
	char token[LIMIT_NAME + 1] = "", fresh[ACCESS_TOKEN_TEXT + 1];
	uint64_t serial = reader_varint(reader);
	size_t len = 0, begin;
	const uint8_t *text = reader_bytes(reader, &len, LIMIT_NAME);
	struct access_grant grant;
	enum access_verdict verdict;

	if (text)
		memcpy(token, text, len);
	access_random_token(fresh);
	verdict = access_admit(access, token, fresh, now_s(), &grant);
	if (verdict != ACCESS_ADMITTED) {
		tell_text(porter, CHANNEL_REFUSED, serial, refusals[verdict]);
		return;
	}
	*changed = true;
	begin = msg_begin(&porter->out, CHANNEL_ADMITTED);
	buf_put_varint(&porter->out, serial);
	buf_put_varint(&porter->out, grant.pass);
	buf_put_bytes(&porter->out, fresh, strlen(fresh));
	buf_put_bytes(&porter->out, grant.name, strlen(grant.name));
	buf_put_bytes(&porter->out, grant.session, strlen(grant.session));
	msg_end(&porter->out, begin);
}

// How many watch a session, as its keeper knows.
static void
count(struct porter *porter, struct reader *reader)
{
	char name[LIMIT_NAME + 1];
	struct control_info info;
	char why[SESSION_WHY];
	const struct lobby_session *entry;
	size_t begin;

	view_text_get(reader, name, LIMIT_NAME);
	entry = lobby_find(&porter->lobby, name);
	if (!entry || control_ask_info(entry->session.control, &info, why) != EX_OK)
		return;
	begin = msg_begin(&porter->out, CHANNEL_COUNTED);
	buf_put_bytes(&porter->out, name, strlen(name));
	buf_put_varint(&porter->out, info.viewers);
	msg_end(&porter->out, begin);
}

static void
obey(struct porter *porter, struct access *access, const struct msg *msg, bool *changed)
{
	struct reader reader = msg_reader(msg);

	switch (msg->type) {
	case CHANNEL_READY: porter->ready = true; break;
	case CHANNEL_COUNT: count(porter, &reader); break;
	case CHANNEL_ADMIT: admit(porter, access, &reader, changed); break;
	case CHANNEL_CONFIRM:
		access_confirm(access, reader_varint(&reader));
		*changed = true;
		break;
	default: break;
	}
}

// Reads the file, does all that the gateway asks (with `asks`), and writes the file once, before any answer
// is sent.
static void
take_turn(struct porter *porter, bool asks)
{
	struct access_file file;
	struct access access;
	char why[SESSION_WHY] = "";
	enum msg_status status = MSG_NONE;
	size_t used = 0, before = porter->out.len;
	bool changed;
	struct msg msg;

	if (!access_begin(&file, porter->options->dir, &access, why)) {
		fprintf(stderr, MIRRORD_NAME ": %s\n", why);
		if (asks) // nobody is let in on a guess
			kill(porter->gateway, SIGKILL);
		return;
	}
	changed = drop_expired(&access, now_s());
	while (asks && (status = msg_get(&porter->in, &used, CHANNEL_MAX, &msg)) == MSG_ONE)
		obey(porter, &access, &msg, &changed);
	buf_take(&porter->in, used);
	if (!access_end(&file, &access, changed, why)) {
		fprintf(stderr, MIRRORD_NAME ": %s\n", why);
		porter->out.len = before;
		kill(porter->gateway, SIGKILL);
	} else {
		cut_gone(porter, &access);
	}
	if (status == MSG_BAD)
		kill(porter->gateway, SIGKILL);
	access_fini(&porter->known);
	porter->known = access;
}

// Seconds of the clock when the next link that is in use ends; 0: never.
static uint64_t
next_expiry(const struct porter *porter)
{
	uint64_t next = 0;

	for (size_t i = 0; i < porter->known.links_len; i++) {
		const struct access_link *link = &porter->known.links[i];

		if (access_opened(&porter->known, link) && (!next || link->expires < next))
			next = link->expires;
	}
	return next;
}

// ---- the gateway's life ------------------------------------------------------------------------

// Nothing open that it does not need: not the directory's lock, nor what else we were started with.
static void
keep_only(int fds[3])
{
	int null = open("/dev/null", O_RDWR);

	for (int i = 0; i < 3; i++)
		fds[i] = fcntl(fds[i], F_DUPFD, 3 + 3); // out of the way of the others
	for (int i = 0; i < 3; i++) {
		dup2(fds[i], 3 + i);
		fds[i] = 3 + i;
	}
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	close_range(3 + 3, ~0u, 0);
}

static void
become_gateway(struct porter *porter, int channel, int dial)
{
	struct gateway_options options = porter->options->gateway;
	int fds[3] = {channel, dial, options.listen_fd};
	sigset_t none;

	sigemptyset(&none);
	signal(SIGINT, SIG_IGN); // ^C reaches the porter too, which says STOP
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	keep_only(fds);
	options.listen_fd = fds[2];
	_exit(gateway_run(&options, fds[0], fds[1]));
}

static bool
start_gateway(struct porter *porter)
{
	int channel[2] = {-1, -1}, dial[2] = {-1, -1};

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, channel) != 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, dial) != 0)
		return false;
	porter->gateway = fork();
	if (porter->gateway == 0) {
		close(channel[0]);
		close(dial[0]);
		become_gateway(porter, channel[1], dial[1]);
	}
	close(channel[1]);
	close(dial[1]);
	porter->channel = channel[0];
	porter->dial = dial[0];
	again_started(&porter->again, now_ms());
	porter->in.len = porter->out.len = 0;
	if (porter->gateway < 0)
		return false;
	tell_sessions(porter);
	return true;
}

static void
end(struct porter *porter, int status, const char *text)
{
	if (*text)
		snprintf(porter->why, SESSION_WHY, "%s", text);
	porter->status = status;
	porter->stop_ms = now_ms();
}

static void
stop(struct porter *porter)
{
	if (porter->stop_ms)
		return;
	porter->stop_ms = now_ms() + STOP_MS;
	msg_put(&porter->out, CHANNEL_STOP, NULL, 0);
	if (!porter->gateway)
		porter->stop_ms = now_ms();
}

static void
on_gateway_end(struct porter *porter, int status)
{
	uint64_t now = now_ms();

	close(porter->channel);
	close(porter->dial);
	porter->gateway = 0;
	porter->channel = porter->dial = -1;
	if (porter->stop_ms) {
		porter->stop_ms = now;
		return;
	}
	if (!porter->ready) { // it has said why
		end(porter, WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE, "");
		return;
	}
	fprintf(stderr, MIRRORD_NAME ": the gateway has ended (%s %d); starting it again\n",
	    WIFSIGNALED(status) ? "signal" : "status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	porter->again_ms = now + again_wait_ms(&porter->again, now);
}

// ---- what happens ------------------------------------------------------------------------------

static void
on_signal(struct porter *porter)
{
	struct signalfd_siginfo info;
	int status;

	while (read(porter->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo != SIGCHLD)
			stop(porter);
	}
	while (porter->gateway && waitpid(porter->gateway, &status, WNOHANG) == porter->gateway)
		on_gateway_end(porter, status);
}

static void
on_channel(struct porter *porter)
{
	ssize_t got =
	    recv(porter->channel, buf_reserve(&porter->in, READ_BYTES), READ_BYTES, MSG_DONTWAIT);

	if (got > 0) {
		porter->in.len += (size_t)got;
		take_turn(porter, true);
	} else if (got == 0 || errno != EAGAIN) {
		kill(porter->gateway, SIGKILL);
	}
}

static void
on_dial(struct porter *porter)
{
	char session[LIMIT_NAME + 1];
	int fd;

	while (channel_dial_asked(porter->dial, session)) {
		fd = lobby_dial(&porter->lobby, session);
		channel_dial_answer(porter->dial, fd < 0 ? errno : 0, fd);
		if (fd >= 0)
			close(fd);
	}
}

// Something in the directory has changed: a session came or went, or the file of links.
static void
on_directory(struct porter *porter)
{
	char events[4096] __attribute__((aligned(8)));

	while (read(porter->inotify, events, sizeof(events)) > 0)
		;
	take_turn(porter, false);
	if (lobby_scan(&porter->lobby))
		tell_sessions(porter);
	if (porter->options->until_sessions && !porter->lobby.count && !porter->lobby.unsure)
		stop(porter);
}

static int
wait_ms(const struct porter *porter)
{
	uint64_t now = now_ms(), until = UINT64_MAX, expiry = next_expiry(porter), s = now_s();

	if (porter->stop_ms)
		until = porter->stop_ms;
	else if (!porter->gateway)
		until = porter->again_ms;
	if (porter->lobby.unsure && porter->lobby.again_ms < until)
		until = porter->lobby.again_ms;
	// a second more, for the clock that counts them is another; hours at most, for it may be set
	if (expiry && now + (expiry > s ? expiry - s : 0) * 1000 + 1000 < until)
		until = now + (expiry > s ? expiry - s : 0) * 1000 + 1000;
	if (until == UINT64_MAX)
		return -1;
	return until <= now ? 0 : until - now > 3600000 ? 3600000 : (int)(until - now);
}

static void
turn(struct porter *porter)
{
	struct pollfd fds[] = {{.fd = porter->signals, .events = POLLIN},
	    {.fd = porter->inotify, .events = POLLIN},
	    {.fd = porter->gateway ? porter->dial : -1, .events = POLLIN},
	    {.fd = porter->gateway ? porter->channel : -1,
		.events = porter->out.len ? POLLIN | POLLOUT : POLLIN}};
	uint64_t expiry = next_expiry(porter);

	if (poll(fds, 4, wait_ms(porter)) < 0)
		return;
	if (porter->gateway && (fds[2].revents & POLLIN))
		on_dial(porter);
	if (porter->gateway && fds[3].revents & (POLLIN | POLLHUP | POLLERR))
		on_channel(porter);
	if (fds[1].revents || (porter->lobby.unsure && now_ms() >= porter->lobby.again_ms))
		on_directory(porter);
	else if (expiry && now_s() >= expiry)
		take_turn(porter, false);
	if (fds[0].revents)
		on_signal(porter);
	if (!porter->gateway && !porter->stop_ms && now_ms() >= porter->again_ms &&
	    !start_gateway(porter))
		end(porter, EX_OSERR, "cannot start the gateway");
	flush(porter);
}

static bool
open_all(struct porter *porter)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGCHLD);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	porter->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	porter->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	return porter->signals >= 0 && porter->inotify >= 0 &&
	       inotify_add_watch(porter->inotify, porter->options->dir,
		   IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_ATTRIB) >= 0;
}

int
porter_run(const struct porter_options *options, char why[SESSION_WHY])
{
	struct porter porter = {.options = options, .channel = -1, .dial = -1, .why = why};

	*why = '\0';
	lobby_init(&porter.lobby, options->dir);
	if (!open_all(&porter)) {
		snprintf(
		    why, SESSION_WHY, "cannot watch %.256s: %s", options->dir, strerror(errno));
		return EX_OSERR;
	}
	lobby_scan(&porter.lobby);
	take_turn(&porter, false);
	if (!start_gateway(&porter))
		end(&porter, EX_OSERR, "cannot start the gateway");
	while (!porter.stop_ms || (porter.gateway && now_ms() < porter.stop_ms))
		turn(&porter);
	if (porter.gateway) {
		kill(porter.gateway, SIGKILL);
		waitpid(porter.gateway, NULL, 0);
		close(porter.channel);
		close(porter.dial);
	}
	lobby_fini(&porter.lobby);
	access_fini(&porter.known);
	buf_fini(&porter.in);
	buf_fini(&porter.out);
	close(porter.inotify);
	close(porter.signals);
	return porter.status;
}
