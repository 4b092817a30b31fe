// SPDX-License-Identifier: ISC
// `mirrord relay`, as a publisher's ssh runs it: finds out who publishes what, and hands the
// connection to the process that serves that session, which is started here if there is none.
//
//   sshd --- relay (this connection) ..... its two ends, over NAME.control .....> serving process
//            waits until that lets go          keeper: holds the sockets, starts it again <-'
#include "server/relay/relay.h"

#include "server/base/control.h"
#include "server/base/daemon.h"
#include "server/base/fdpass.h"
#include "server/base/option.h"
#include "server/base/ssh.h"
#include "server/setup/invite.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define KEEP_DEFAULT_MS (4 * 3600000u)
#define KEEP_MAX_S (30 * 24 * 3600u)
#define HAND_OVER_MS 10000 // for the serving process to take a connection
#define TRY_AGAIN_MS 50    // between two looks for it
#define BYE_MS 2000        // for ssh to take the last bytes
#define CONFINED_MAX 16    // sessions at once of a key that --as confines
#define DEATHS_MAX 5       // of the serving process,
#define DEATHS_MS 60000    // within so long: then the session is given up
#define FDS_WANTED (LIMIT_VIEWERS + 64)

struct pushing {
	const char *as; // prefix of the name, or NULL
	uint64_t keep_ms;
	bool keyboard; // a key line, for a session that is published already
	struct buf in, out;
};

static int
fail(int status, const char *text)
{
	fprintf(stderr, MIRRORD_NAME ": %s\n", text);
	return status;
}

// ---- options -----------------------------------------------------------------------------------

// 90s, 30m, 4h, 2d.
static bool
parse_keep(const char *text, uint64_t *ms)
{
	static const struct {
		char letter;
		uint32_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	char *end;
	unsigned long count;

	if (*text < '0' || *text > '9' || strlen(text) > 8)
		return false;
	count = strtoul(text, &end, 10);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (end[0] == units[i].letter && !end[1] &&
		    count * units[i].seconds <= KEEP_MAX_S) {
			*ms = count * units[i].seconds * UINT64_C(1000);
			return true;
		}
	}
	return false;
}

static int
parse(int argc, char **argv, struct pushing *pushing)
{
	static const struct option longs[] = {{"as", required_argument, NULL, 'a'},
	    {"keep", required_argument, NULL, 'k'}, {"keyboard", no_argument, NULL, 'y'},
	    {NULL, 0, NULL, 0}};
	char why[SESSION_WHY];
	int option;

	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		switch (option) {
		case 'a': pushing->as = optarg; break;
		case 'k':
			if (!parse_keep(optarg, &pushing->keep_ms))
				return fail(EX_USAGE,
				    "--keep takes a time of at most 30 days: 90s, "
				    "30m, 4h, 2d");
			break;
		case 'y': pushing->keyboard = true; break;
		default: return option_bad("relay", option, argv);
		}
	}
	if (optind < argc)
		return fail(EX_USAGE,
		    "relay takes `setup`, or nothing: see `" MIRRORD_NAME " relay --help`");
	if (pushing->as && !session_name_ok(pushing->as, why))
		return fail(EX_USAGE, why);
	if (pushing->as &&
	    strchr(pushing->as, '.')) // else a.b with c, and a with b.c, would be one name
		return fail(EX_USAGE, "--as takes a name without a dot");
	return EX_OK;
}

// With a forced command this is what the publisher asked for, raw: two values are known.
static bool
is_asked_for(struct pushing *pushing)
{
	const char *command = getenv("SSH_ORIGINAL_COMMAND");

	if (!command)
		return true;
	pushing->keyboard = ssh_asks_for(command, KEYLINE_PUBLISH_COMMAND);
	return pushing->keyboard || ssh_asks_for(command, PUBLISH_COMMAND);
}

// ---- the link's first words --------------------------------------------------------------------

static bool
wait_for(int fd, short events, uint64_t deadline_ms)
{
	struct pollfd pollfd = {.fd = fd, .events = events};
	uint64_t now = control_now_ms();

	return now < deadline_ms && poll(&pollfd, 1, (int)(deadline_ms - now)) > 0;
}

static void
write_all(const struct buf *out, uint64_t deadline_ms)
{
	size_t done = 0;

	while (done < out->len) {
		ssize_t wrote = write(STDOUT_FILENO, out->data + done, out->len - done);

		if (wrote > 0)
			done += (size_t)wrote;
		else if ((errno != EAGAIN && errno != EINTR) ||
			 !wait_for(STDOUT_FILENO, POLLOUT, deadline_ms))
			return;
	}
}

static int
say_bye(int status, const char *text)
{
	struct buf out = {0};

	link_bye_put(&out, status, text);
	write_all(&out, control_now_ms() + BYE_MS);
	buf_fini(&out);
	return status;
}

// MSG_NONE: there is nobody to talk to.
static enum msg_status
read_first(struct pushing *pushing, size_t *used, struct msg *msg)
{
	uint64_t deadline_ms = control_now_ms() + LIMIT_LINK_HELLO_MS;
	enum msg_status status;

	*used = 0;
	while ((status = msg_get(&pushing->in, used, LIMIT_PUBLISH_BYTES, msg)) == MSG_NONE) {
		ssize_t got;

		if (!wait_for(STDIN_FILENO, POLLIN, deadline_ms))
			return MSG_NONE;
		got = read(STDIN_FILENO, buf_reserve(&pushing->in, LIMIT_PUBLISH_BYTES),
		    LIMIT_PUBLISH_BYTES);
		if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
			return MSG_NONE;
		pushing->in.len += got > 0 ? (size_t)got : 0;
	}
	return status;
}

static int
read_publish(struct pushing *pushing, struct link_publish *who)
{
	struct msg msg;
	size_t used;
	enum msg_status status = read_first(pushing, &used, &msg);

	if (status == MSG_NONE)
		return EX_OK;
	// A publisher says nothing more before it is told what there is.
	if (status != MSG_ONE || used != pushing->in.len || !link_publish_get(&msg, who))
		return say_bye(EX_PROTOCOL, "what comes from there is no publisher's");
	if (who->version != LINK_VERSION)
		return say_bye(EX_PROTOCOL, "the publisher speaks another version of the protocol; "
					    "install the same mirrord on both sides");
	return -1; // go on
}

// ---- whose session -----------------------------------------------------------------------------

// NAME, or with --as WHO: WHO.NAME, whatever the publisher calls it.
static bool
name_session(const struct pushing *pushing, char called[LIMIT_NAME + 1], char why[SESSION_WHY])
{
	char name[2 * LIMIT_NAME + 2];

	if (!session_name_ok(called, why))
		return false;
	snprintf(name, sizeof(name), "%s%s%s", pushing->as ? pushing->as : "",
	    pushing->as ? "." : "", called);
	if (!session_name_ok(name, why))
		return false;
	memcpy(called, name, strlen(name) + 1);
	return true;
}

static int
find_place(const struct pushing *pushing, char name[LIMIT_NAME + 1], struct session *session,
    char why[SESSION_WHY])
{
	char dir[PATH_MAX];

	if (!name_session(pushing, name, why))
		return EX_USAGE;
	if (!session_dir_for(SESSION_STAYS, dir, why))
		return EX_NOPERM;
	return session_paths(session, dir, name, getuid(), why) ? EX_OK : EX_CANTCREAT;
}

static int
make_claim(struct pushing *pushing, struct relay_claim *claim, char why[SESSION_WHY])
{
	const struct passwd *user = getpwuid(getuid());
	int status = find_place(pushing, claim->who.name, &claim->session, why);

	if (status != EX_OK)
		return status;
	claim->guests = session_guests(&claim->session);
	claim->keep_ms = pushing->keep_ms;
	claim->as = pushing->as;
	if (user && strlen(user->pw_name) <= LIMIT_NAME &&
	    view_text_clean(user->pw_name, strlen(user->pw_name)))
		strcpy(claim->host, user->pw_name);
	return EX_OK;
}

// ---- the keeper --------------------------------------------------------------------------------

static _Noreturn void
in_child(struct relay_claim *claim)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	prctl(PR_SET_NAME, MIRRORD_NAME "-relay");
	_exit(relay_serve(claim));
}

static void
want_fds(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= FDS_WANTED)
		return;
	limit.rlim_cur = limit.rlim_max < FDS_WANTED ? limit.rlim_max : FDS_WANTED;
	setrlimit(RLIMIT_NOFILE, &limit);
}

// Holds the sockets, so that viewers who come between two serving processes wait, and takes their
// names away in the end, which a process that is locked down cannot.
static _Noreturn void
keep(struct relay_claim *claim)
{
	uint64_t first_ms = 0;
	unsigned deaths = 0;
	sigset_t set;
	int status = 0;
	pid_t child;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_SETMASK, &set, NULL);
	claim->keeper = getpid();
	for (;;) {
		child = fork();
		if (child == 0)
			in_child(claim);
		while (child > 0 && waitpid(child, &status, WNOHANG) != child) {
			if (sigwaitinfo(&set, NULL) == SIGTERM) {
				kill(child, SIGTERM);
				waitpid(child, &status, 0);
				status = 0; // it is over
				break;
			}
		}
		if (child < 0 || (WIFEXITED(status) && WEXITSTATUS(status) == EX_OK))
			break;
		if (!deaths || control_now_ms() - first_ms > DEATHS_MS) {
			first_ms = control_now_ms();
			deaths = 0;
		}
		if (++deaths == DEATHS_MAX)
			break;
		claim->again = true;
	}
	unlink(claim->session.view);
	unlink(claim->session.control);
	unlink(claim->session.keyboard); // of a lender that was killed
	_exit(EX_OK);
}

static void
become_keeper(struct relay_claim *claim)
{
	daemon_begin(MIRRORD_NAME "-keeper", claim->view_fd, claim->control_fd);
	want_fds();
	keep(claim);
}

// Each session is two processes until it is forgotten, so a key that is not trusted with the account
// may have so many.
static bool
has_room(const struct relay_claim *claim, char why[SESSION_WHY])
{
	size_t count, len = claim->as ? strlen(claim->as) : 0, used = 0;
	struct session *list = len ? session_list(SESSION_OWN, &count, why) : NULL;

	for (size_t i = 0; list && i < count; i++)
		used += strncmp(list[i].name, claim->as, len) == 0 && list[i].name[len] == '.';
	free(list);
	if (used < CONFINED_MAX)
		return true;
	snprintf(why, SESSION_WHY,
	    "%s has %d sessions here already; end one of them: " MIRRORD_NAME " publish --stop",
	    claim->as, CONFINED_MAX);
	return false;
}

// Nobody listens at the name: takes it. False with `why`.
static bool
start_serving(struct relay_claim *claim, char why[SESSION_WHY])
{
	int lock = session_lock(claim->session.dir, why), fd;
	bool ok = lock >= 0;
	pid_t pid;

	if (!ok)
		return false;
	fd = session_connect(claim->session.control);
	if (fd >= 0 || errno == EAGAIN) { // another one was faster
		if (fd >= 0)
			close(fd);
	} else {
		ok = has_room(claim, why) &&
		     session_listen(&claim->session, &claim->view_fd, &claim->control_fd, why);
		pid = ok ? fork() : 0;
		if (ok && pid == 0)
			become_keeper(claim);
		if (pid < 0)
			snprintf(why, SESSION_WHY, "cannot start serving: %s", strerror(errno));
		ok = ok && pid > 0;
		if (claim->view_fd >= 0)
			close(claim->view_fd);
		if (claim->control_fd >= 0)
			close(claim->control_fd);
	}
	close(lock);
	return ok;
}

// ---- handing over ------------------------------------------------------------------------------

static bool
is_gone(int error)
{
	return error == ENOENT || error == ECONNREFUSED;
}

// Connected to whoever serves the name, or hosts a session of that name here.
static int
reach(struct relay_claim *claim, struct control *control, char why[SESSION_WHY])
{
	uint64_t deadline_ms = control_now_ms() + HAND_OVER_MS;

	while (control_open(control, claim->session.control) < 0) {
		if (is_gone(errno) && !start_serving(claim, why))
			return EX_CANTCREAT;
		if (control_now_ms() >= deadline_ms) {
			snprintf(why, SESSION_WHY, "the process that serves \"%s\" does not answer",
			    claim->who.name);
			return EX_TEMPFAIL;
		}
		poll(NULL, 0, TRY_AGAIN_MS);
	}
	return EX_OK;
}

static int
hand_over(struct relay_claim *claim, struct control *control, char why[SESSION_WHY])
{
	static const int ends[] = {STDIN_FILENO, STDOUT_FILENO};
	bool sent, is_ours = session_peer(control->fd, NULL) == getuid();
	struct buf publish = {0}, out = {0};
	struct msg msg;
	size_t used = 0;
	int status;

	link_publish_put(&publish, &claim->who); // with the name that the prefix led to
	if (msg_get(&publish, &used, LIMIT_PUBLISH_BYTES, &msg) == MSG_ONE)
		msg_put(&out, CONTROL_PUBLISH, msg.data, msg.len);
	sent = is_ours && fdpass_send(control->fd, out.data, out.len, ends, 2) == (ssize_t)out.len;
	buf_fini(&publish);
	buf_fini(&out);
	*why = '\0';
	status =
	    sent ? control_wait(control, control_now_ms() + HAND_OVER_MS, &msg, why) : EX_TEMPFAIL;
	if (status == EX_UNAVAILABLE || (status != EX_OK && !*why))
		snprintf(why, SESSION_WHY,
		    "the name \"%s\" is taken there, by a session of that "
		    "machine's own",
		    claim->who.name);
	return status == EX_UNAVAILABLE ? EX_CANTCREAT : status;
}

// What the publisher can tell its user to hand out: before the serving process speaks.
static void
invite(struct pushing *pushing, const struct relay_claim *claim)
{
	struct link_invite invite;

	invite_look(&claim->session, &invite);
	pushing->out.len = 0;
	link_invite_put(&pushing->out, &invite);
	write_all(&pushing->out, control_now_ms() + LIMIT_LINK_HELLO_MS);
}

// From here on the serving process has the link. sshd goes on for as long as we do.
static void
wait_for_end(struct control *control)
{
	struct pollfd pollfd = {.fd = control->fd, .events = POLLIN};
	int null = open("/dev/null", O_RDWR);

	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	while (control_fill(control)) {
		control->used = control->in.len; // whatever it says: it is not for us
		poll(&pollfd, 1, -1);
	}
}

// ---- a key line ----------------------------------------------------------------------------------

static int
lend(struct pushing *pushing)
{
	struct keyline_lend lend;
	struct session session;
	char why[SESSION_WHY];
	struct msg msg;
	size_t used;
	int status;

	if (read_first(pushing, &used, &msg) != MSG_ONE || !keyline_lend_get(&msg, &lend))
		return fail(EX_PROTOCOL, "what comes from there is no publisher's");
	buf_take(&pushing->in, used);
	status = find_place(pushing, lend.session, &session, why);
	if (status == EX_OK)
		status = relay_lend(&session, &lend, &pushing->in, why);
	return status == EX_OK ? EX_OK : fail(status, why);
}

int
relay_publish(int argc, char **argv)
{
	struct pushing pushing = {.keep_ms = KEEP_DEFAULT_MS};
	struct relay_claim claim = {.view_fd = -1, .control_fd = -1};
	struct control control = {.fd = -1};
	char why[SESSION_WHY] = "";
	int status = parse(argc, argv, &pushing), nonblocking = 1;

	if (status != EX_OK)
		return status;
	if (!is_asked_for(&pushing))
		return fail(EX_NOPERM, "this key publishes sessions and does nothing else");
	if (isatty(STDIN_FILENO) || isatty(STDOUT_FILENO))
		return fail(EX_USAGE,
		    "this is what `" MIRRORD_NAME " publish` runs on a relay; to make this "
		    "machine one, run " MIRRORD_NAME " relay setup");
	signal(SIGPIPE, SIG_IGN);
	ioctl(STDIN_FILENO, FIONBIO, &nonblocking);
	ioctl(STDOUT_FILENO, FIONBIO, &nonblocking);
	link_welcome_put(&pushing.out);
	write_all(&pushing.out, control_now_ms() + LIMIT_LINK_HELLO_MS);
	status = pushing.keyboard ? lend(&pushing) : read_publish(&pushing, &claim.who);
	if (status < 0) {
		status = make_claim(&pushing, &claim, why);
		if (status == EX_OK)
			status = reach(&claim, &control, why);
		if (status == EX_OK)
			invite(&pushing, &claim);
		if (status == EX_OK)
			status = hand_over(&claim, &control, why);
		if (status == EX_OK)
			wait_for_end(&control);
		else
			say_bye(status, why);
	}
	control_close(&control);
	buf_fini(&pushing.in);
	buf_fini(&pushing.out);
	return status;
}
