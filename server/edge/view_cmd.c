// SPDX-License-Identifier: ISC
// `mirrord view`: options, which session, and everything that has to be opened before the sandbox.
#include "server/base/caps.h"
#include "server/base/option.h"
#include "server/base/sandbox.h"
#include "server/base/session.h"
#include "server/base/until.h"
#include "server/base/when.h"
#include "server/commands.h"
#include "server/edge/keys.h"
#include "server/edge/pass.h"
#include "server/edge/pick.h"
#include "server/edge/typing.h"
#include "server/edge/upstream.h"
#include "server/edge/view.h"
#include "server/guest/guestline.h"
#include "server/link/frames.h"
#include "server/link/lent.h"

#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define WAIT_MS 500 // between two looks for a session with --wait

struct options {
	const char *name; // of the session, or NULL
	struct pass pass; // who watches, and until when
	bool wait;
	bool frames;   // for `mirrord watch`,
	bool keyboard; // and while it has the keyboard
	bool pair;     // may be lent the keyboard
	struct pace_limits limits;
};

static int
fail(int status, const char *text)
{
	fprintf(stderr, MIRRORD_NAME ": %s\n", text);
	return status;
}

static bool
is_clean(const char *text, size_t max)
{
	return strlen(text) <= max && view_text_clean(text, strlen(text));
}

static int
parse(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {{"as", required_argument, NULL, 'a'},
	    {"budget", required_argument, NULL, 'b'}, {"frames", no_argument, NULL, 'f'},
	    {"key", required_argument, NULL, 'k'}, {"keyboard", no_argument, NULL, 'y'},
	    {"keys", required_argument, NULL, 'K'}, {"max-fps", required_argument, NULL, 'm'},
	    {"role", required_argument, NULL, 'r'}, {"until", required_argument, NULL, 'u'},
	    {"wait", no_argument, NULL, 'w'}, {NULL, 0, NULL, 0}};
	int option;

	*options = (struct options){.pass = {.as = "", .key = ""}};
	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		switch (option) {
		case 'a': options->pass.as = optarg; break;
		case 'b':
			if (!option_budget(optarg, &options->limits.budget))
				return EX_USAGE;
			break;
		case 'f': options->frames = true; break;
		case 'k': options->pass.key = optarg; break;
		case 'K': options->pass.keys = optarg; break;
		case 'm':
			if (!option_max_fps(optarg, &options->limits.max_fps))
				return EX_USAGE;
			break;
		case 'r':
			if (strcmp(optarg, guest_roles[GUEST_VIEW]) != 0 &&
			    strcmp(optarg, guest_roles[GUEST_PAIR]) != 0)
				return fail(EX_USAGE, "--role is view or pair");
			options->pair = strcmp(optarg, guest_roles[GUEST_PAIR]) == 0;
			break;
		case 'u':
			if (!when_parse(optarg, (uint64_t)time(NULL), &options->pass.until))
				return fail(EX_USAGE, "--until takes a time like 2h, 2026-12-31 or "
						      "2026-12-31T18:00:00Z");
			break;
		case 'w': options->wait = true; break;
		case 'y': options->keyboard = true; break;
		default: return option_bad("view", option, argv);
		}
	}
	if (argc - optind > 1)
		return fail(EX_USAGE, "view takes one session's name");
	options->name = argv[optind];
	if (!is_clean(options->pass.as, LIMIT_NAME))
		return fail(
		    EX_USAGE, "the name after --as must be at most 64 bytes that can be printed");
	if (!is_clean(options->pass.key, LIMIT_TEXT))
		return fail(EX_USAGE, "--key takes the fingerprint of a key");
	if (options->pass.keys && !(*options->pass.as && *options->pass.key))
		return fail(EX_USAGE, "--keys looks for the --key of --as: give both");
	return EX_OK;
}

// Looks at what is typed for WAIT_MS at most. False: the guest leaves.
static bool
wait_a_while(const struct guest_tty *tty, struct keys *keys)
{
	struct pollfd typed = {.fd = tty->fd, .events = POLLIN};
	uint8_t data[64];
	ssize_t got;
	size_t used;

	if (poll(&typed, 1, WAIT_MS) <= 0)
		return true;
	got = read(tty->fd, data, sizeof(data));
	if (got <= 0)
		return got < 0 && (errno == EAGAIN || errno == EINTR);
	keys_read(keys, (size_t)got);
	for (size_t at = 0; at < (size_t)got; at += used) {
		enum key key = keys_next(keys, data + at, (size_t)got - at, &used);

		if (key == KEY_LEAVE || key == KEY_BACK)
			return false;
	}
	return true;
}

static bool
is_ending(const sigset_t *ends)
{
	sigset_t pending;

	sigpending(&pending);
	for (int number = 1; number < NSIG; number++) {
		if (sigismember(ends, number) == 1 && sigismember(&pending, number) == 1)
			return true;
	}
	return false;
}

// Waits until there is a session, with the keys of a view. False: the guest leaves. What would end us
// ends us after the terminal's modes are back.
static bool
wait_for(const char *name, uint64_t until)
{
	struct keys keys = {0};
	struct guest_tty tty;
	struct session session;
	char why[SESSION_WHY];
	sigset_t ends, before;
	bool stay = true;

	if (!guest_tty_open(&tty))
		return false;
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGQUIT);
	sigprocmask(SIG_BLOCK, &ends, &before);
	guest_tty_raw(&tty);
	while (stay && session_find(name, SESSION_ALL, &session, why) == EX_UNAVAILABLE)
		stay = wait_a_while(&tty, &keys) && !is_ending(&ends) && !until_over(until);
	guest_tty_restore(&tty);
	guest_tty_close(&tty);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return stay;
}

// There are several, and none is named.
static int
pick(const struct options *options, struct session *session, bool *left)
{
	char reason[LIMIT_TEXT + 1];
	int status = pick_session(options->pass.until, session, left);

	if (status != EX_OK)
		return fail(status, strerror(errno));
	if (!pass_ok(&options->pass, reason)) // it may have taken a while
		return fail(EX_NOPERM, reason);
	return EX_OK;
}

static int
find(const struct options *options, struct session *session, bool *left)
{
	char why[SESSION_WHY], reason[LIMIT_TEXT + 1];

	*left = false;
	for (;;) {
		int status;

		if (!pass_ok(&options->pass, reason))
			return fail(EX_NOPERM, reason);
		status = session_find(options->name, SESSION_ALL, session, why);

		if (status == EX_OK)
			return EX_OK;
		if (status == EX_USAGE && !options->name)
			return pick(options, session, left);
		if (status != EX_UNAVAILABLE || !options->wait)
			return fail(status, why);
		fprintf(stderr, MIRRORD_NAME ": %s; waiting for it, q leaves\n", why);
		*left = !wait_for(options->name, options->pass.until);
		if (*left)
			return EX_OK;
	}
}

// A session that watches itself shows itself watching itself.
static bool
is_inside(const struct session *session)
{
	const char *inside = getenv("MIRRORD_SESSION");

	return inside && session->owner == getuid() && strcmp(inside, session->name) == 0;
}

// A terminal and the mirror that it shows.
struct watcher {
	struct view *view;
	struct upstream up;
	const char *keyboard; // its socket
	struct typing typing; // if it may be lent
	struct input_modes modes;
};

static void
on_screen(void *user, struct screen *screen)
{
	view_show(((struct watcher *)user)->view, screen);
}

static void
on_notice(void *user, const char *text)
{
	view_notice(((struct watcher *)user)->view, text);
}

static void
on_history(void *user, const struct msg *msg)
{
	struct view_history history;

	if (!view_history_get(msg, &history)) {
		view_end(
		    ((struct watcher *)user)->view, EX_PROTOCOL, "the session sent broken lines");
		return;
	}
	view_history(((struct watcher *)user)->view, &history);
	screen_unref(history.rows);
}

static void
on_ask(void *user, const struct view_history_ask *ask)
{
	upstream_ask(&((struct watcher *)user)->up, ask);
}

static void
on_keyboard(void *user)
{
	struct watcher *watcher = user;

	view_modes(watcher->view, &watcher->modes);
}

static void
on_keyboard_over(void *user)
{
	struct watcher *watcher = user;

	view_modes(watcher->view, NULL);
	view_turn(watcher->view);
}

static void
on_grant(void *user, const struct view_grant *grant)
{
	struct watcher *watcher = user;

	watcher->modes = grant->modes;
	if (!grant->lent)
		typing_end(&watcher->typing);
	else if (typing_is_on(&watcher->typing))
		on_keyboard(watcher);
	else
		typing_begin(&watcher->typing, watcher->keyboard, grant->token);
}

static bool
on_typed(
    void *user, const uint8_t *data, size_t len, bool expects, uint64_t stale_us, unsigned *answers)
{
	return typing_take(
	    &((struct watcher *)user)->typing, data, len, expects, stale_us, answers);
}

static void
on_end(void *user, int status, const char *text)
{
	view_end(((struct watcher *)user)->view, status, text);
}

static void
on_turn(void *user)
{
	view_turn(((struct watcher *)user)->view);
}

static void
on_painted(void *user, const struct view_status *status)
{
	upstream_tell(&((struct watcher *)user)->up, status);
}

// Once it is in the sandbox nothing can be opened any more.
static int
watch(struct watcher *watcher, const struct pass *pass, char text[LIMIT_TEXT + 1])
{
	struct upstream *up = &watcher->up;
	struct viewclient client;
	struct sandbox_state sandbox;
	struct view_bye bye;
	int status;

	if (!pass_dial(pass, up->path, &up->hello, &client, &bye)) {
		snprintf(text, LIMIT_TEXT + 1, "%s", bye.text);
		return bye.status;
	}
	if (!sandbox_enter(SANDBOX_VIEW, &sandbox)) {
		snprintf(text, LIMIT_TEXT + 1, "cannot lock this process down: %s",
		    strerrordesc_np(errno));
		return EX_OSERR;
	}
	if (!viewclient_greet(&client, up->path, &up->hello, VIEWCLIENT_ANSWER_MS, &bye)) {
		snprintf(text, LIMIT_TEXT + 1, "%s", bye.text);
		return bye.status;
	}
	if (upstream_start(up, &client)) {
		status = view_run(watcher->view, text);
	} else {
		snprintf(text, LIMIT_TEXT + 1, "cannot wait for the session");
		status = EX_OSERR;
	}
	typing_stop(&watcher->typing);
	upstream_stop(up);
	return status;
}

static uint8_t
role_of(const struct options *options)
{
	return (uint8_t)(VIEW_ROLE_VIEW | (options->pair ? VIEW_ROLE_PAIR : 0));
}

// NAME is USER/NAME without its user.
static bool
is_named(const char *forced, const char *wanted)
{
	const char *slash = strchr(forced, '/');

	return strcmp(forced, wanted) == 0 || (slash && strcmp(slash + 1, wanted) == 0);
}

// The session that a watcher far away means. Whoever forces the command may name it; else they do.
static int
find_far(const struct options *options, const char *wanted, struct session *session, char *why)
{
	const char *name = options->name ? options->name : *wanted ? wanted : NULL;

	if (!pass_ok(&options->pass, why))
		return EX_NOPERM;
	if (options->name && *wanted && !is_named(options->name, wanted)) {
		snprintf(
		    why, SESSION_WHY, "you may watch another session there than the one you named");
		return EX_NOPERM;
	}
	return session_find(name, SESSION_ALL, session, why);
}

// The far end of a watcher's key line.
static int
serve_keyboard(const struct options *options)
{
	struct keyline_claim claim;
	struct session session;
	struct lent lent;
	char why[SESSION_WHY];
	int status;

	if (!options->pair)
		return fail(EX_NOPERM, "your key is for watching alone: it has no --role=pair");
	if (!lent_greet(&lent, &claim))
		return EX_PROTOCOL;
	status = find_far(options, claim.session, &session, why);
	return status == EX_OK ? lent_run(&lent, session.keyboard, &claim) : fail(status, why);
}

// The far end of `mirrord watch`.
static int
serve_frames(struct options *options)
{
	struct frames frames;
	struct link_hello link;
	struct session session;
	struct view_hello hello;
	char why[SESSION_WHY];
	int status;

	if (!frames_greet(&frames, &link, &status))
		return status;
	status = find_far(options, link.session, &session, why);
	if (status != EX_OK)
		return frames_bye(&frames, status, why);
	viewclient_hello(&hello, role_of(options), link.rows, link.cols);
	strcpy(hello.name, options->pass.as);
	strcpy(hello.key, options->pass.key);
	strcpy(hello.via, "watch");
	return frames_run(&frames, session.view, &hello, &options->limits, &options->pass);
}

int
cmd_view(int argc, char **argv)
{
	char text[LIMIT_TEXT + 1] = "";
	struct options options;
	struct session session;
	struct view_hello hello;
	struct ansi_caps caps;
	struct guest_tty tty;
	struct watcher watcher;
	struct sockq sockq;
	uint16_t rows, cols;
	bool left;
	int status = parse(argc, argv, &options);

	if (status != EX_OK)
		return status;
	if (isatty(STDOUT_FILENO) && (options.frames || options.keyboard))
		return fail(EX_USAGE,
		    "frames are not for a terminal: " MIRRORD_NAME " watch asks for them");
	if (options.keyboard || (!isatty(STDOUT_FILENO) && lent_wanted()))
		return serve_keyboard(&options);
	if (options.frames || (!isatty(STDOUT_FILENO) && frames_wanted()))
		return serve_frames(&options);
	if (!isatty(STDOUT_FILENO))
		return fail(EX_USAGE,
		    getenv("SSH_CONNECTION")
			? "standard output is not a terminal: use ssh -t to watch, or " MIRRORD_NAME
			  " "
			  "dump for the screen as it is now"
			: "standard output is not a terminal: " MIRRORD_NAME
			  " dump prints the screen as "
			  "it is now");
	status = find(&options, &session, &left);
	if (status != EX_OK || left)
		return status;
	if (is_inside(&session))
		return fail(
		    EX_USAGE, "this is the session itself; it can only be watched from outside");
	if (!guest_tty_open(&tty))
		return fail(EX_OSERR, strerror(errno));
	guest_tty_size(&tty, &rows, &cols);
	viewclient_hello(&hello, role_of(&options), rows, cols);
	strcpy(hello.name, options.pass.as);
	strcpy(hello.key, options.pass.key);
	caps = caps_from_environment();
	sockq_open(&sockq, getenv("SSH_CONNECTION"));

	const struct view_options view_options = {.rows = rows,
	    .cols = cols,
	    .caps = &caps,
	    .sockq = &sockq,
	    .limits = options.limits,
	    .until = options.pass.until,
	    .user = &watcher,
	    .typed = options.pair ? on_typed : NULL,
	    .painted = on_painted,
	    .ask = on_ask};
	const struct upstream_sink sink = {.user = &watcher,
	    .screen = on_screen,
	    .notice = on_notice,
	    .history = on_history,
	    .grant = options.pair ? on_grant : NULL,
	    .end = on_end,
	    .turn = on_turn};

	watcher.view = view_new(&tty, &view_options);
	if (!watcher.view) {
		sockq_close(&sockq);
		guest_tty_close(&tty);
		return fail(EX_OSERR, "cannot set up the terminal");
	}
	upstream_init(&watcher.up, view_loop(watcher.view), session.view, &hello, &sink);
	watcher.keyboard = session.keyboard;
	typing_init(
	    &watcher.typing, view_loop(watcher.view), on_keyboard, on_keyboard_over, &watcher);
	status = watch(&watcher, &options.pass, text);
	view_free(watcher.view);
	upstream_fini(&watcher.up);
	sockq_close(&sockq);
	guest_tty_close(&tty);
	return *text ? fail(status, text) : status;
}
