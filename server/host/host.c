// SPDX-License-Identifier: ISC
// Starting a session: `mirrord [-n NAME] [--detach] [--web] -- CMD`.
#include "server/base/option.h"
#include "server/base/tty.h"
#include "server/commands.h"
#include "server/host/events_cmd.h"
#include "server/host/front.h"
#include "server/keeper/keeper.h"
#include "server/relay/publish.h"
#include "server/setup/invite.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define START_MS 10000 // for the keeper to say that the child runs

struct host {
	const char *name;
	bool detach;
	bool web;
	const char *web_at; // ADDR:PORT, or NULL
	const char *size;   // as given, or NULL
	const char *key;
	const char *notify;   // how the host is told of what happens
	const char *on_event; // a command to run then, or NULL
	bool ask;             // about everybody who wants to watch
	const char *relay;    // to publish at, or NULL
	struct ssh_way way;   // how to get there
	struct publishing publishing;
	char *const *argv;
	struct session session;
	int view_fd, control_fd;
	struct front front; // of a session with a terminal
	uint16_t rows, cols;
};

static int
fail(int status, const char *text)
{
	fprintf(stderr, MIRRORD_NAME ": %s\n", text);
	return status;
}

// ---- options -------------------------------------------------------------------------------------

static char *const *
default_command(void)
{
	static char *shell[2];
	struct passwd *pw;

	shell[0] = getenv("SHELL");
	if (!shell[0] || !*shell[0]) {
		pw = getpwuid(getuid());
		shell[0] = pw && *pw->pw_shell ? strdup(pw->pw_shell) : NULL;
	}
	if (!shell[0])
		shell[0] = strdup("/bin/sh");
	return shell;
}

static int
parse_options(struct host *host, int argc, char **argv)
{
	enum { DETACH = 256, SIZE, KEY, WEB, NOTIFY, ON_EVENT, ASK, PUBLISH, SSH, REMOTE };
	static const struct option options[] = {{"name", required_argument, NULL, 'n'},
	    {"detach", no_argument, NULL, DETACH}, {"size", required_argument, NULL, SIZE},
	    {"detach-key", required_argument, NULL, KEY}, {"web", optional_argument, NULL, WEB},
	    {"notify", required_argument, NULL, NOTIFY},
	    {"on-event", required_argument, NULL, ON_EVENT}, {"ask", no_argument, NULL, ASK},
	    {"publish", required_argument, NULL, PUBLISH}, {"ssh", required_argument, NULL, SSH},
	    {"remote", required_argument, NULL, REMOTE}, {0}};
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "+:n:", options, NULL)) != -1) {
		switch (option) {
		case 'n': host->name = optarg; break;
		case DETACH: host->detach = true; break;
		case SIZE: host->size = optarg; break;
		case KEY: host->key = optarg; break;
		case WEB:
			host->web = true;
			host->web_at = optarg;
			break;
		case NOTIFY: host->notify = optarg; break;
		case ON_EVENT: host->on_event = optarg; break;
		case ASK: host->ask = true; break;
		case PUBLISH: host->relay = optarg; break;
		case SSH: host->way.ssh = optarg; break;
		case REMOTE: host->way.remote = optarg; break;
		default: return option_bad(NULL, option, argv);
		}
	}
	host->argv = optind < argc ? argv + optind : default_command();
	return EX_OK;
}

static int
check_options(struct host *host)
{
	char why[SESSION_WHY];
	const char *outer = getenv("MIRRORD_SESSION");

	if (outer && *outer) {
		fprintf(stderr,
		    MIRRORD_NAME
		    ": this is inside the session \"%.64s\" already: sessions do not nest. "
		    "Leave it first, or start the other one from another terminal\n",
		    outer);
		return EX_USAGE;
	}
	if (!session_name_ok(host->name, why))
		return fail(EX_USAGE, why);
	if (host->size && !host->detach)
		return fail(
		    EX_USAGE, "--size goes with --detach: a terminal has a size of its own");
	if ((host->way.ssh || host->way.remote) && !host->relay)
		return fail(EX_USAGE, "--ssh and --remote go with --publish");
	if (host->detach && !front_key(&host->front, host->key, why))
		return fail(EX_USAGE, why);
	if (host->detach && !option_size(host->size ? host->size : "0x0", &host->rows, &host->cols))
		return EX_USAGE;
	if (!host->detach) {
		int status = front_init(&host->front, host->key, why);

		if (status != EX_OK && host->front.tty < 0 && strstr(why, "not a terminal"))
			strcat(why, ": use --detach to run a session without one");
		if (status != EX_OK)
			return fail(status, why);
		if (!front_notify(&host->front, host->notify, why))
			return fail(EX_USAGE, why);
		host->rows = host->front.rows;
		host->cols = host->front.cols;
		if (host->front.cut)
			fprintf(stderr,
			    MIRRORD_NAME ": the terminal is larger than a session can be, which is "
					 "%ux%u\n",
			    (unsigned)host->cols, (unsigned)host->rows);
	}
	return EX_OK;
}

// ---- sockets -------------------------------------------------------------------------------------

// Says who has the name, if somebody does.
static int
check_taken(const struct session *session, char why[SESSION_WHY])
{
	struct control_info info;
	char reason[SESSION_WHY], since[32] = "?";
	int status = control_ask_info(session->control, &info, reason);
	time_t start = (time_t)info.start;
	struct tm tm;

	if (status == EX_NOHOST)
		return EX_OK;
	if (status != EX_OK) {
		snprintf(why, SESSION_WHY,
		    "the name \"%s\" is taken, and its session cannot be asked: %.200s. Choose "
		    "another name with -n NAME",
		    session->name, reason);
		return EX_CANTCREAT;
	}
	if (localtime_r(&start, &tm))
		strftime(since, sizeof(since), "%Y-%m-%d %H:%M:%S", &tm);
	snprintf(why, SESSION_WHY,
	    "the name \"%s\" is taken by pid %d since %s. Choose another with -n NAME, or take "
	    "that "
	    "session with `" MIRRORD_NAME " attach %s`",
	    session->name, (int)info.keeper, since, session->name);
	return EX_CANTCREAT;
}

static int
make_sockets(struct host *host, char why[SESSION_WHY])
{
	int status = check_taken(&host->session, why);

	if (status == EX_OK &&
	    !session_listen(&host->session, &host->view_fd, &host->control_fd, why))
		status = EX_CANTCREAT;
	return status;
}

// One at a time looks whether a name is free and takes it.
static int
open_session(struct host *host, char why[SESSION_WHY])
{
	char dir[PATH_MAX];
	int lock, status;

	if (!session_dir_make(dir, why))
		return EX_NOPERM;
	if (!session_paths(&host->session, dir, host->name, getuid(), why))
		return EX_CANTCREAT;
	lock = session_lock(dir, why);
	if (lock < 0)
		return EX_CANTCREAT;
	status = make_sockets(host, why);
	close(lock);
	return status;
}

// ---- the keeper ----------------------------------------------------------------------------------

static int
compare_fds(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

// The keeper outlives whoever started it, so it keeps nothing of theirs.
static void
close_others(int *keep, size_t count)
{
	int from = 3;

	qsort(keep, count, sizeof(*keep), compare_fds);
	for (size_t i = 0; i < count; i++) {
		if (keep[i] < from)
			continue;
		if (keep[i] > from)
			close_range((unsigned)from, (unsigned)keep[i] - 1, 0);
		from = keep[i] + 1;
	}
	close_range((unsigned)from, ~0u, 0);
}

static void
become_keeper(struct host *host, int first)
{
	struct keeper_options options = {
	    .name = host->name,
	    .argv = host->argv,
	    .rows = host->rows,
	    .cols = host->cols,
	    .view_fd = host->view_fd,
	    .control_fd = host->control_fd,
	    .view_path = host->session.view,
	    .control_path = host->session.control,
	    .keyboard_path = host->session.keyboard,
	    .first = first,
	    .ask = host->ask,
	    .tty = host->detach ? -1 : host->front.tty,
	    .termios = host->front.saved,
	};
	int keep[] = {host->view_fd, host->control_fd, first, options.tty};
	int null = open("/dev/null", O_RDWR);

	setsid();
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	close_others(keep, sizeof(keep) / sizeof(keep[0]));
	_exit(keeper_run(&options));
}

// Starts the keeper and waits until it says that the child runs.
static int
start_keeper(struct host *host, struct control *control, char why[SESSION_WHY])
{
	struct msg msg;
	int pair[2], status;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0 ||
	    (pid = fork()) < 0) {
		snprintf(why, SESSION_WHY, "cannot start the session: %s", strerror(errno));
		return EX_OSERR;
	}
	if (pid == 0)
		become_keeper(host, pair[1]);
	close(pair[1]);
	control_adopt(control, pair[0]);
	status = control_wait(control, control_now_ms() + START_MS, &msg, why);
	if (status == EX_TEMPFAIL)
		kill(pid, SIGTERM); // else it would go on with nobody knowing
	else if (status == EX_UNAVAILABLE)
		snprintf(why, SESSION_WHY, "the session's keeper has died while it started");
	return status;
}

// Runs the hook for as long as the session lives, whatever becomes of us and of the terminal.
static void
become_hook(struct host *host, struct control *events)
{
	int keep[] = {events->fd};
	int null = open("/dev/null", O_RDWR);

	setsid();
	dup2(null, 0);
	dup2(null, 1);
	dup2(null, 2);
	close_others(keep, 1);
	signal(SIGPIPE, SIG_IGN);
	_exit(events_run(events, host->on_event));
}

// It listens before anybody can have come.
static int
start_hook(struct host *host, char why[SESSION_WHY])
{
	struct control events = {.fd = -1};
	int status = events_open(&host->session, &events, why);
	pid_t pid = status == EX_OK ? fork() : 0;

	if (status == EX_OK && pid == 0)
		become_hook(host, &events);
	control_close(&events);
	if (pid < 0) {
		snprintf(why, SESSION_WHY, "cannot run the hook: %s", strerror(errno));
		status = EX_OSERR;
	}
	return status;
}

static int
run_front(struct host *host)
{
	char what[SESSION_WHY];
	int status;

	front_enter(&host->front, true);
	status = front_run(&host->front, host->name, what);
	if (*what)
		fprintf(stderr, MIRRORD_NAME ": %s\n", what);
	return status;
}

static void
print_started(const struct host *host)
{
	printf("session \"%s\" runs in the background\n"
	       "  watch it   " MIRRORD_NAME " view %s\n"
	       "  take it    " MIRRORD_NAME " attach %s\n"
	       "  end it     " MIRRORD_NAME " stop %s\n",
	    host->name, host->name, host->name, host->name);
}

// `mirrord web --detach`, which prints a link to this session. Without one the session goes on.
static void
start_web(const struct host *host)
{
	char listen[SESSION_WHY];
	char *argv[] = {MIRRORD_NAME, "web", "--detach", NULL, NULL, NULL};
	int status = 0;
	pid_t pid;

	if (host->web_at)
		snprintf(listen, sizeof(listen), "--listen=%.256s", host->web_at);
	argv[3] = host->web_at ? listen : (char *)(uintptr_t)host->name;
	argv[4] = host->web_at ? (char *)(uintptr_t)host->name : NULL;
	if (posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ) != 0 ||
	    waitpid(pid, &status, 0) != pid || status != 0)
		fprintf(stderr, MIRRORD_NAME ": the session runs without a gateway\n");
}

// Before there is a shell, for ssh may ask, or fail.
static int
start_publishing(struct host *host)
{
	int status = publish_session(
	    &host->session, &host->way, host->relay, (uint64_t)time(NULL), &host->publishing);

	if (status != EX_OK) {
		unlink(host->session.view);
		unlink(host->session.control);
	}
	return status;
}

static int
run_session(struct host *host, char why[SESSION_WHY])
{
	char line[INVITE_LINE];
	int status = open_session(host, why);

	if (status != EX_OK)
		return status;
	if (host->relay) {
		status = start_publishing(host);
		if (status != EX_OK)
			return status;
	}
	status = start_keeper(host, &host->front.control, why);
	if (status != EX_OK) {
		publish_abort(&host->publishing);
		return status;
	}
	close(host->view_fd); // the keeper's now
	close(host->control_fd);
	*why = 0;
	if (host->web)
		start_web(host);
	if (host->relay)
		publish_go(&host->publishing);
	if (host->on_event && start_hook(host, why) != EX_OK) {
		fprintf(
		    stderr, MIRRORD_NAME ": --on-event: %s\n", why); // the session runs without it
		*why = 0;
	}
	if (invite_here(&host->session, line))
		fprintf(stderr, MIRRORD_NAME ": guests watch with   %s\n", line);
	if (!host->detach)
		return run_front(host);
	print_started(host);
	return EX_OK;
}

int
cmd_host(int argc, char **argv)
{
	struct host host = {.name = SESSION_DEFAULT_NAME,
	    .view_fd = -1,
	    .control_fd = -1,
	    .publishing = {.fd = -1},
	    .front = {.tty = -1, .control = {.fd = -1}}};
	char why[SESSION_WHY] = "";
	int status = parse_options(&host, argc, argv);

	if (status == EX_OK)
		status = check_options(&host);
	if (status == EX_OK)
		status = run_session(&host, why);
	front_fini(&host.front);
	return *why ? fail(status, why) : status;
}
