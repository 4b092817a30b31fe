// SPDX-License-Identifier: ISC
// `mirrord watch`: options, the command lines of ssh, and all that has to be done before the sandbox.
#include "server/base/caps.h"
#include "server/base/option.h"
#include "server/base/sandbox.h"
#include "server/base/ssh.h"
#include "server/commands.h"
#include "server/link/watch.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>
#include <unistd.h>

struct options {
	struct ssh_way way;
	const char *relay, *session;
	struct link_limits limits;
};

// A terminal and the link that it shows.
struct ends {
	struct view *view;
	struct watch *watch;
};

static int
fail(int status, const char *text)
{
	fprintf(stderr, MIRRORD_NAME ": %s\n", text);
	return status;
}

static int
parse(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {{"budget", required_argument, NULL, 'b'},
	    {"max-fps", required_argument, NULL, 'm'}, {"remote", required_argument, NULL, 'r'},
	    {"ssh", required_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
	int option;

	*options = (struct options){.session = ""};
	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		switch (option) {
		case 'b':
			if (!option_budget(optarg, &options->limits.budget))
				return EX_USAGE;
			break;
		case 'm':
			if (!option_max_fps(optarg, &options->limits.max_fps))
				return EX_USAGE;
			break;
		case 'r': options->way.remote = optarg; break;
		case 's': options->way.ssh = optarg; break;
		default: return option_bad("watch", option, argv);
		}
	}
	if (argc - optind < 1 || argc - optind > 2)
		return fail(EX_USAGE,
		    "watch takes [USER@]RELAY, as ssh does, and perhaps a session's "
		    "name");
	options->relay = argv[optind];
	if (*options->relay == '-' || !*options->relay ||
	    !view_text_clean(options->relay, strlen(options->relay)))
		return fail(EX_USAGE,
		    "the relay's name must be one that can be printed, and not begin "
		    "with -");
	if (argc - optind == 2)
		options->session = argv[optind + 1];
	if (strlen(options->session) > LIMIT_NAME ||
	    !view_text_clean(options->session, strlen(options->session)))
		return fail(
		    EX_USAGE, "a session's name has at most 64 bytes, all of which can be printed");
	return EX_OK;
}

static void
on_painted(void *user, const struct view_status *status)
{
	watch_painted(((struct ends *)user)->watch, status);
}

static void
on_ask(void *user, const struct view_history_ask *ask)
{
	watch_ask(((struct ends *)user)->watch, ask);
}

static bool
on_typed(
    void *user, const uint8_t *data, size_t len, bool expects, uint64_t stale_us, unsigned *answers)
{
	return watch_typed(((struct ends *)user)->watch, data, len, expects, stale_us, answers);
}

// From here on nothing can be opened or run any more, but by the dialer's child.
static int
watch_locked_down(struct watch *watch, char text[LIMIT_TEXT + 1])
{
	struct sandbox_state sandbox;

	if (sandbox_enter(SANDBOX_WATCH, &sandbox))
		return watch_run(watch, text);
	snprintf(text, LIMIT_TEXT + 1, "cannot lock this process down: %s", strerrordesc_np(errno));
	return EX_OSERR;
}

static int
watch_on(struct guest_tty *tty, struct dialer *dialer, const struct options *options)
{
	char text[LIMIT_TEXT + 1] = "";
	struct ansi_caps caps = caps_from_environment();
	struct ends ends = {0};
	struct view_options view_options = {
	    .caps = &caps, .user = &ends, .typed = on_typed, .painted = on_painted, .ask = on_ask};
	struct watch_options watch_options = {.way = options->way,
	    .relay = options->relay,
	    .session = options->session,
	    .limits = options->limits};
	int status;

	guest_tty_size(tty, &view_options.rows, &view_options.cols);
	if (getrandom(&watch_options.seed, sizeof(watch_options.seed), 0) < 0)
		watch_options.seed = (uint32_t)getpid();
	ends.view = view_new(tty, &view_options);
	if (!ends.view)
		return fail(EX_OSERR, "cannot set up the terminal");
	ends.watch = watch_new(ends.view, dialer, &watch_options);
	status = watch_locked_down(ends.watch, text);
	view_free(ends.view);
	watch_free(ends.watch);
	return *text ? fail(status, text) : status;
}

int
cmd_watch(int argc, char **argv)
{
	static char *const again[] = {"-o", "ConnectTimeout=15", NULL};
	struct options options;
	struct ssh_argv ssh;
	struct guest_tty tty;
	struct dialer dialer;
	int status = parse(argc, argv, &options);

	if (status != EX_OK)
		return status;
	if (!ssh_argv_init(&ssh, &options.way, options.relay, LINK_COMMAND, KEYLINE_COMMAND, again))
		return fail(
		    EX_USAGE, "--ssh takes a command: up to 32 words, quoted as for a shell");
	if (!isatty(STDOUT_FILENO))
		return fail(EX_USAGE, "standard output is not a terminal");
	if (!guest_tty_open(&tty))
		return fail(EX_OSERR, strerror(errno));
	if (dialer_start(&dialer, ssh.first, ssh.again, ssh.aside))
		status = watch_on(&tty, &dialer, &options);
	else
		status = fail(EX_OSERR, "cannot start the process that runs ssh");
	guest_tty_close(&tty);
	ssh_argv_fini(&ssh);
	return status;
}
