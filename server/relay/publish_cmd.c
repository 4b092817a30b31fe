// SPDX-License-Identifier: ISC
// `mirrord publish`: options, which session, and who we are to the relay.
#include "server/base/control.h"
#include "server/base/option.h"
#include "server/base/ssh.h"
#include "server/base/viewclient.h"
#include "server/commands.h"
#include "server/relay/publish.h"
#include "server/setup/invite.h"

#include <fcntl.h>
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

struct options {
	struct ssh_way way;
	const char *relay;
	const char *name; // of the session, or NULL
	bool stop;
};

static int
fail(int status, const char *text)
{
	fprintf(stderr, MIRRORD_NAME ": %s\n", text);
	return status;
}

// ---- who we are --------------------------------------------------------------------------------

// FNV-1a (Fowler, Noll, Vo).
static uint64_t
hash_of(const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return hash;
}

// The token is for this relay alone, so that none can pass for us at another. It is kept: a session
// that is started again gets its name again. False: it could not be, and this one is for this time.
static bool
kept_token(const char *relay, uint8_t token[PUBLISH_TOKEN])
{
	char dir[PATH_MAX], path[PATH_MAX + 32], why[SESSION_WHY];
	bool kept = false;
	int fd;

	if (getrandom(token, PUBLISH_TOKEN, 0) != PUBLISH_TOKEN)
		abort(); // not so many bytes, and not so early
	if (!session_dir_for(SESSION_KEPT, dir, why))
		return false;
	snprintf(
	    path, sizeof(path), "%s/.publish-%016llx", dir, (unsigned long long)hash_of(relay));
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0 && flock(fd, LOCK_EX) == 0) {
		uint8_t old[PUBLISH_TOKEN];

		if (pread(fd, old, PUBLISH_TOKEN, 0) == PUBLISH_TOKEN) {
			memcpy(token, old, PUBLISH_TOKEN);
			kept = true;
		} else {
			kept = pwrite(fd, token, PUBLISH_TOKEN, 0) == PUBLISH_TOKEN;
		}
	}
	if (fd >= 0)
		close(fd);
	return kept;
}

static void
introduce(struct link_publish *who, const char *name, const char *relay, uint64_t start)
{
	const struct passwd *user = getpwuid(getuid());
	char machine[HOST_NAME_MAX + 1] = "";
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	gethostname(machine, sizeof(machine) - 1);
	*who = (struct link_publish){.version = LINK_VERSION, .start = start};
	who->since = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	snprintf(who->name, sizeof(who->name), "%s", name);
	snprintf(
	    who->origin, sizeof(who->origin), "%.64s@%.128s", user ? user->pw_name : "", machine);
	if (!view_text_clean(who->origin, strlen(who->origin)))
		*who->origin = '\0';
	kept_token(relay, who->token);
}

int
publish_session(const struct session *session, const struct ssh_way *way, const char *relay,
    uint64_t start, struct publishing *publishing)
{
	// Another connection, not another stream of one that may be dead.
	static char *const again[] = {"-o", "ConnectTimeout=10", "-o", "ControlPath=none", NULL};
	struct publish_options options = {
	    .way = *way, .relay = relay, .path = session->view, .keyboard = session->keyboard};
	char text[LIMIT_TEXT + 1];
	struct ssh_argv argv;
	int status;

	if (*relay == '-' || !*relay || !view_text_clean(relay, strlen(relay)))
		return fail(EX_USAGE, "the relay's name must be one that can be printed, and not "
				      "begin with -");
	if (!ssh_argv_init(&argv, way, relay, PUBLISH_COMMAND, KEYLINE_PUBLISH_COMMAND, again))
		return fail(
		    EX_USAGE, "--ssh takes a command: up to 32 words, quoted as for a shell");
	options.first = argv.first;
	options.again = argv.again;
	options.aside = argv.aside;
	introduce(&options.who, session->name, relay, start);
	status = publish_start(&options, publishing, text);
	ssh_argv_fini(&argv);
	if (status != EX_OK)
		return fail(status, text);
	fprintf(stderr,
	    MIRRORD_NAME ": published at %s as %s; " MIRRORD_NAME " publish --stop %s ends that\n",
	    relay, publishing->name, relay);
	invite_print(
	    stderr, MIRRORD_NAME ": guests of that relay watch with   ", publishing->invite);
	return EX_OK;
}

// ---- the command -------------------------------------------------------------------------------

static int
parse(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {{"remote", required_argument, NULL, 'r'},
	    {"ssh", required_argument, NULL, 's'}, {"stop", no_argument, NULL, 'x'},
	    {NULL, 0, NULL, 0}};
	int option;

	*options = (struct options){.name = NULL};
	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		switch (option) {
		case 'r': options->way.remote = optarg; break;
		case 's': options->way.ssh = optarg; break;
		case 'x': options->stop = true; break;
		default: return option_bad("publish", option, argv);
		}
	}
	if (argc - optind < 1 || argc - optind > 2)
		return fail(EX_USAGE, "publish takes [USER@]RELAY, as ssh does, and perhaps a "
				      "session's name");
	options->relay = argv[optind];
	options->name = argv[optind + 1];
	return EX_OK;
}

// The edge that publishes there is a viewer of that name.
static int
stop(const struct session *session, const char *relay)
{
	struct view_cut cut = {.name = ""};
	struct view_bye bye;
	char text[LIMIT_TEXT + 1];
	uint32_t count;

	snprintf(cut.name, sizeof(cut.name), "%.*s", LIMIT_NAME, relay);
	if (!viewclient_cut(session->view, &cut, &count, &bye))
		return fail(bye.status, bye.text);
	if (count)
		return EX_OK;
	snprintf(text, sizeof(text), "the session \"%s\" is not published at %.100s", session->name,
	    relay);
	return fail(EX_UNAVAILABLE, text);
}

int
cmd_publish(int argc, char **argv)
{
	struct publishing publishing;
	struct control_info info;
	struct options options;
	struct session session;
	char why[SESSION_WHY];
	int status = parse(argc, argv, &options);

	if (status != EX_OK)
		return status;
	status = session_find_own(options.name, &session, why);
	if (status != EX_OK)
		return fail(status, why);
	if (options.stop)
		return stop(&session, options.relay);
	status = control_ask_info(session.control, &info, why);
	if (status != EX_OK)
		return fail(status == EX_NOHOST ? EX_UNAVAILABLE : status, why);
	status = publish_session(
	    &session, &options.way, options.relay, (uint64_t)info.start, &publishing);
	if (status == EX_OK)
		publish_go(&publishing);
	return status;
}
