// SPDX-License-Identifier: ISC
// mirrord-web, which `mirrord web` becomes: options, the socket, the first link; then it supervises the porter.
#include "server/base/option.h"
#include "server/base/viewproto.h"
#include "web/link_cmd.h"
#include "web/listen.h"
#include "web/porter.h"
#include "web/supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#ifdef MIRRORD_SANITIZED
const char *__asan_default_options(void); // as in server/main.c

const char *
__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

#define HOSTS_MAX 32
#define RUN_FILE ".web.run" // locked by the porter of the directory

struct options {
	const char *listen, *cert, *key;
	bool detach;
	const char *session; // or NULL
	char *hosts[HOSTS_MAX];
	size_t hosts_len;
};

static int
fail(int status, const char *text)
{
	fprintf(stderr, MIRRORD_NAME ": %s\n", text);
	return status;
}

static bool
is_host_name(const char *name)
{
	return *name && strlen(name) <= 253 &&
	       strspn(
		   name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.:[]") ==
		   strlen(name);
}

static int
parse(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {{"listen", required_argument, NULL, 'l'},
	    {"cert", required_argument, NULL, 'c'}, {"key", required_argument, NULL, 'k'},
	    {"host", required_argument, NULL, 'h'}, {"detach", no_argument, NULL, 'd'}, {0}};
	int option;

	*options = (struct options){0};
	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		switch (option) {
		case 'l': options->listen = optarg; break;
		case 'c': options->cert = optarg; break;
		case 'k': options->key = optarg; break;
		case 'd': options->detach = true; break;
		case 'h':
			if (!is_host_name(optarg) || options->hosts_len == HOSTS_MAX - 8)
				return fail(EX_USAGE,
				    "--host takes a name or an address, without a "
				    "port, and so many are not needed");
			options->hosts[options->hosts_len++] = optarg;
			break;
		default: return option_bad("web", option, argv);
		}
	}
	if (argc - optind > 1)
		return fail(EX_USAGE, "web takes one session's name");
	if (!options->cert != !options->key)
		return fail(EX_USAGE, "--cert and --key go together: both are files in PEM");
	options->session = argv[optind];
	return EX_OK;
}

// Names that browsers may use for us beside those that were given.
static void
add_hosts(struct options *options, const struct listen *listen)
{
	static char own[128], local[][16] = {"localhost", "127.0.0.1", "[::1]"};
	char here[128];

	for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
		options->hosts[options->hosts_len++] = local[i];
	snprintf(own, sizeof(own), "%s", listen->host);
	if (listen->any && gethostname(here, sizeof(here)) == 0 && is_host_name(here))
		snprintf(own, sizeof(own), "%s", here);
	options->hosts[options->hosts_len++] = own;
}

// What links begin with: the name given first, or where we listen.
static void
make_url(const struct options *options, const struct listen *listen, const char *given,
    char url[LIMIT_TEXT + 1])
{
	snprintf(url, LIMIT_TEXT + 1, "http%s://%s:%u", options->cert ? "s" : "",
	    given ? given : options->hosts[options->hosts_len - 1], (unsigned)listen->port);
}

// The directory of the session, or of ours. An exit status.
static int
find_dir(const struct options *options, char dir[PATH_MAX], char why[SESSION_WHY])
{
	struct session session;
	int status;

	if (!options->session)
		return session_dir_make(dir, why) ? EX_OK : EX_NOPERM;
	status = session_find(options->session, SESSION_OWN, &session, why);
	if (status == EX_OK)
		strcpy(dir, session.dir);
	return status;
}

// One gateway for a directory. -1: there is one.
static int
lock_dir(const char *dir)
{
	char path[PATH_MAX + 16];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, RUN_FILE);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static void
print_ways(const struct options *options, const struct listen *listen)
{
	const struct passwd *pw = getpwuid(getuid());
	char here[256] = "HOST";

	gethostname(here, sizeof(here) - 1);
	if (listen->loopback)
		printf("From another machine, first:  ssh -N -L %u:127.0.0.1:%u %s@%s\n",
		    (unsigned)listen->port, (unsigned)listen->port, pw ? pw->pw_name : "USER",
		    here);
	else if (!options->cert)
		printf("Without --cert and --key all of it, links too, can be read on the way.\n");
	printf("More links:  " MIRRORD_NAME " web invite --name=NAME\n");
	fflush(stdout);
}

// To the background, with nothing of whoever started us.
static void
detach(void)
{
	const char *errors = getenv("MIRRORD_MIRROR_STDERR");
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), log = -1;
	pid_t pid = fork();

	if (pid > 0)
		_exit(EX_OK);
	if (errors)
		log = open(errors, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	setsid();
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(log >= 0 ? log : null, STDERR_FILENO);
	if (chdir("/") < 0)
		_exit(EX_OSERR);
}

static int
run_porter(void *data)
{
	char why[SESSION_WHY];
	int status = porter_run(data, why);

	return *why ? fail(status, why) : status;
}

static int
serve(struct options *options, const char *dir, const char *session, const struct listen *listen)
{
	struct porter_options porter = {
	    .gateway = {.cert = options->cert,
		.key = options->key,
		.hosts = options->hosts,
		.listen_fd = listen->fd},
	    .dir = dir,
	    .until_sessions = options->detach,
	};
	char why[SESSION_WHY], url[LIMIT_TEXT + 1];
	const char *given = options->hosts_len ? options->hosts[0] : NULL;
	int status;

	add_hosts(options, listen);
	porter.gateway.hosts_len = options->hosts_len;
	make_url(options, listen, given, url);
	status = link_first(dir, url, session, why);
	if (status != EX_OK)
		return fail(status, why);
	print_ways(options, listen);
	if (options->detach)
		detach();
	return supervise(run_porter, &porter);
}

static int
run(int argc, char **argv)
{
	char dir[PATH_MAX], why[SESSION_WHY];
	struct options options;
	struct listen listen;
	const char *slash;
	int lock, status = parse(argc, argv, &options);

	if (status != EX_OK)
		return status;
	status = find_dir(&options, dir, why);
	if (status != EX_OK)
		return fail(status, why);
	slash = options.session ? strrchr(options.session, '/') : NULL;
	if (slash)
		options.session = slash + 1;
	lock = lock_dir(dir);
	if (lock < 0 && options.detach)
		return link_print_first(dir, options.session);
	if (lock < 0)
		return fail(EX_CANTCREAT,
		    "a gateway runs for these sessions already; `" MIRRORD_NAME " web "
		    "invite` makes a link");
	if (!listen_open(&listen, options.listen, why))
		return fail(EX_UNAVAILABLE, why);
	return serve(&options, dir, options.session, &listen);
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} parts[] = {{"invite", link_invite}, {"invites", link_invites}, {"revoke", link_revoke}};

	for (size_t i = 0; argc > 1 && i < sizeof(parts) / sizeof(parts[0]); i++) {
		if (strcmp(argv[1], parts[i].name) == 0)
			return parts[i].run(argc - 1, argv + 1);
	}
	return run(argc, argv);
}
