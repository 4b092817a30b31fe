// SPDX-License-Identifier: ISC
// `mirrord relay setup`: makes this machine a relay, in one command, or takes that back.
//
//   account          guest: no password, a home that is root's, /bin/sh for sshd to run commands with
//   keys             /var/lib/mirrord/guest/.ssh/authorized_keys, root's; `mirrord guest add` writes them
//   sockets          /run/mirrord, and /run/mirrord/USER for each who hosts, readable by guests
//   after a restart  /etc/tmpfiles.d/mirrord.conf makes these directories again
//   sshd             /etc/ssh/sshd_config.d/mirrord.conf: what the account may not, whatever its keys say
#include "server/setup/relay_setup.h"

#include "server/base/option.h"
#include "server/setup/make.h"
#include "server/setup/sshd.h"

#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#define STATE "/var/lib/mirrord"
#define SOCKETS "/run/mirrord"
#define TMPFILES "/etc/tmpfiles.d/mirrord.conf"
#define SNIPPET "/etc/ssh/sshd_config.d/mirrord.conf"
#define HOSTS_MAX 64 // as many directories as viewers look through
#define MADE_BY                                                                                    \
	"# Made by `" MIRRORD_NAME " relay setup`, which writes it anew; `" MIRRORD_NAME           \
	" relay setup --undo` "                                                                    \
	"removes it.\n"

struct relay {
	struct make make;
	const char *user;            // the guests' account
	const char *host[HOSTS_MAX]; // who gets a directory for sockets
	size_t host_count;
	bool undo;
	char program[PATH_MAX]; // this one, which sshd is to run
	uid_t uid;              // of the guests' account; 0 as long as it is not made (--dry-run)
	gid_t gid;
};

__attribute__((format(printf, 2, 3))) static int
fail(int status, const char *format, ...)
{
	va_list args;

	fputs(MIRRORD_NAME ": relay setup: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return status;
}

// ---- who -----------------------------------------------------------------------------------------

#define ACCOUNT_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"

// Nothing that could be more than a word in sshd_config or tmpfiles.d; else useradd decides.
static bool
is_account_name(const char *name)
{
	return *name && *name != '-' && *name != '.' &&
	       strspn(name, ACCOUNT_LETTERS) == strlen(name);
}

static int
add_host(struct relay *relay, const char *name)
{
	for (size_t i = 0; i < relay->host_count; i++) {
		if (strcmp(relay->host[i], name) == 0)
			return EX_OK;
	}
	if (relay->host_count == HOSTS_MAX)
		return fail(EX_USAGE, "a relay has at most %d hosts", HOSTS_MAX);
	relay->host[relay->host_count++] = name;
	return EX_OK;
}

// Who had a directory before has one still.
static void
add_recorded(struct relay *relay)
{
	const struct record *record = &relay->make.record;

	for (size_t i = 0; i < record->count; i++) {
		const struct record_entry *entry = &record->entry[i];
		size_t len = strlen(SOCKETS "/");

		if (entry->kind == RECORD_DIR && strncmp(entry->name, SOCKETS "/", len) == 0 &&
		    getpwnam(entry->name + len))
			add_host(relay, entry->name + len);
		if (entry->kind == RECORD_USER && !relay->user)
			relay->user = entry->name;
	}
	if (!relay->user)
		relay->user = RELAY_GUEST;
}

static int
check_names(struct relay *relay)
{
	const struct record *record = &relay->make.record;

	if (!is_account_name(relay->user) || strcmp(relay->user, "root") == 0)
		return fail(EX_USAGE, "\"%.64s\" is no name for the guests' account", relay->user);
	for (size_t i = 0; i < record->count; i++) {
		if (record->entry[i].kind == RECORD_USER &&
		    strcmp(record->entry[i].name, relay->user) != 0)
			return fail(EX_USAGE,
			    "the guests of this relay are %s's: --undo that before another account",
			    record->entry[i].name);
	}
	for (size_t i = 0; i < relay->host_count; i++) {
		if (!is_account_name(relay->host[i]) || !getpwnam(relay->host[i]))
			return fail(EX_NOUSER, "there is no account \"%.64s\" to be a host",
			    relay->host[i]);
	}
	return EX_OK;
}

// ---- the program ---------------------------------------------------------------------------------

#define STATIC_GROUPS 100 // gids below are the system's (Debian: staff may write to /usr/local)

// Whether nobody but root can change what stands at `path`.
static bool
is_roots(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_uid == 0 && !(st.st_mode & S_IWOTH) &&
	       (!(st.st_mode & S_IWGRP) || st.st_gid < STATIC_GROUPS) && (st.st_mode & S_IXOTH);
}

// sshd runs it as guests and through a shell: a plain path to it that is root's and open to all.
static int
find_program(struct relay *relay)
{
	char path[PATH_MAX] = "";
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	bool ok = len > 0 && strspn(path, ACCOUNT_LETTERS "/+") == (size_t)len;

	strcpy(relay->program, path);
	while (ok && *path) {
		ok = is_roots(path);
		*strrchr(path, '/') = 0;
	}
	if (ok)
		return EX_OK;
	return fail(EX_CONFIG,
	    "guests have to be able to run %s, and only root to change it and the directories "
	    "above it: install mirrord, and use that",
	    relay->program);
}

// ---- the steps -----------------------------------------------------------------------------------

static bool
make_account(struct relay *relay)
{
	char home[PATH_MAX], path[PATH_MAX];
	const struct passwd *user;
	struct make *make = &relay->make;

	snprintf(home, sizeof(home), STATE "/%s", relay->user);
	if (!make_user(make, relay->user, home))
		return false;
	user = getpwnam(relay->user);
	relay->uid = user ? user->pw_uid : 0;
	relay->gid = user ? user->pw_gid : 0;
	if (!make_dir(make, home, 0, 0, 0755))
		return false;
	snprintf(path, sizeof(path), STATE "/%s/.ssh", relay->user);
	if (!make_dir(make, path, 0, 0, 0755))
		return false;
	snprintf(path, sizeof(path), STATE "/%s/.ssh/authorized_keys", relay->user);
	return make_empty(make, path);
}

// The group's bit on a host's directory hands it on to the sockets in it.
static bool
make_sockets(struct relay *relay)
{
	char path[PATH_MAX];

	if (!make_dir(&relay->make, SOCKETS, 0, 0, 0755))
		return false;
	for (size_t i = 0; i < relay->host_count; i++) {
		uid_t host = getpwnam(relay->host[i])->pw_uid;

		snprintf(path, sizeof(path), SOCKETS "/%s", relay->host[i]);
		if (!make_dir(&relay->make, path, host, relay->gid, 02750))
			return false;
	}
	return true;
}

// A text of its own, to be freed, or NULL.
static bool
make_text(struct relay *relay, const char *path, void (*print)(const struct relay *, FILE *))
{
	char *text = NULL;
	size_t len;
	FILE *file = open_memstream(&text, &len);
	bool ok;

	if (!file)
		return false;
	fputs(MADE_BY, file);
	print(relay, file);
	ok = fclose(file) == 0 && make_file(&relay->make, path, text);
	free(text);
	return ok;
}

static void
print_tmpfiles(const struct relay *relay, FILE *file)
{
	fprintf(file, "d " SOCKETS " 0755 root root -\n");
	for (size_t i = 0; i < relay->host_count; i++)
		fprintf(file, "d " SOCKETS "/%s 2750 %s %s -\n", relay->host[i], relay->host[i],
		    relay->user);
}

// It ends outside of the Match, for what is read after it.
static void
print_snippet(const struct relay *relay, FILE *file)
{
	fprintf(file, "Match User %s\n", relay->user);
	fprintf(file, "\tForceCommand %s relay login " STATE "/%s/.ssh/authorized_keys\n",
	    relay->program, relay->user);
	fprintf(file, "\tAuthorizedKeysFile " STATE "/%s/.ssh/authorized_keys\n", relay->user);
	for (size_t i = 0; i < sshd_rule_count; i++)
		fprintf(file, "\t%s %s\n", sshd_rules[i].keyword, sshd_rules[i].value);
	fprintf(file, "Match all\n");
}

// Whether sshd gives the account what the file says: another file may be read first, or ours not at all.
static bool
check_effective(const struct relay *relay)
{
	char *config = malloc(SSHD_CONFIG_MAX), value[256];
	bool ok = config && sshd_effective(relay->user, config);

	if (config && !ok)
		fail(EX_CONFIG, "sshd: %s", config);
	for (size_t i = 0; ok && i < sshd_rule_count; i++) {
		const struct sshd_rule *rule = &sshd_rules[i];

		ok = sshd_value(config, rule->keyword, value, sizeof(value)) &&
		     strcasecmp(value, rule->value) == 0;
		if (!ok)
			fail(EX_CONFIG,
			    "sshd does not give %s the \"%s %s\" of " SNIPPET
			    ": /etc/ssh/sshd_config has to include /etc/ssh/sshd_config.d/*.conf, "
			    "and no other Match before it may set %s",
			    relay->user, rule->keyword, rule->value, rule->keyword);
	}
	free(config);
	return ok;
}

static void
reload(bool dry)
{
	long pid;

	if (dry) {
		make_say("reload", "sshd, if it runs");
		return;
	}
	pid = sshd_reload();
	if (pid > 0)
		make_say("reload", "sshd, process %ld", pid);
	else if (pid == 0)
		make_say("reload", "nothing: no sshd runs that wrote its pid file");
	else
		make_say("reload", "nothing: it cannot be told whether sshd runs; reload it");
}

static bool
make_sshd(struct relay *relay)
{
	char why[SESSION_WHY];

	if (!make_text(relay, SNIPPET, print_snippet))
		return false;
	make_say("check", "sshd takes it, and %s gets what it says", relay->user);
	if (relay->make.dry)
		return true;
	if (!sshd_test(why, sizeof(why))) {
		fail(EX_CONFIG, "sshd does not take " SNIPPET ": %s", why);
		return false;
	}
	return check_effective(relay);
}

// ---- the command ---------------------------------------------------------------------------------

static void
print_next(const struct relay *relay)
{
	char name[256] = "RELAY";

	if (relay->make.dry) {
		puts("Nothing was done (--dry-run).");
		return;
	}
	gethostname(name, sizeof(name) - 1);
	// `guest add` by root is about the account guest by itself.
	if (strcmp(relay->user, RELAY_GUEST) == 0)
		puts("Guests are let in with:   " MIRRORD_NAME " guest add --github=THEIR-NAME");
	else
		printf("Guests are let in with:   " MIRRORD_NAME " guest add --github=THEIR-NAME "
		       "--authorized-keys=" STATE "/%s/.ssh/authorized_keys\n",
		    relay->user);
	printf("and watch with:           ssh -C %s@%s\n", relay->user, name);
	if (!relay->host_count)
		puts("Whose sessions they see:  " MIRRORD_NAME " relay setup --host=USER");
}

static int
set_up(struct relay *relay)
{
	char why[SESSION_WHY];
	bool dry = relay->make.dry;

	// Before anything is done: what is wrong then is not ours.
	if (!sshd_program())
		return fail(EX_UNAVAILABLE, "there is no sshd here: install openssh-server");
	if (!dry && !sshd_test(why, sizeof(why)))
		return fail(EX_CONFIG, "sshd does not take its configuration as it is: %s", why);
	if (make_account(relay) && make_sockets(relay) &&
	    make_text(relay, TMPFILES, print_tmpfiles) && make_sshd(relay)) {
		if (relay->make.changed)
			reload(dry);
		print_next(relay);
		return EX_OK;
	}
	make_take_back(&relay->make);
	return EX_CANTCREAT;
}

static int
take_down(struct relay *relay)
{
	bool dry = relay->make.dry, ok;

	if (!relay->make.record.count) {
		if (!dry)
			record_remove(&relay->make.record);
		puts("There is nothing to undo.");
		return EX_OK;
	}
	ok = make_undo(&relay->make);
	reload(dry);
	if (dry)
		puts("Nothing was done (--dry-run).");
	return ok ? EX_OK : EX_TEMPFAIL;
}

static int
parse(struct relay *relay, bool *dry, int argc, char **argv)
{
	static const struct option longs[] = {{"user", required_argument, NULL, 'u'},
	    {"host", required_argument, NULL, 'h'}, {"dry-run", no_argument, NULL, 'd'},
	    {"undo", no_argument, NULL, 'x'}, {NULL, 0, NULL, 0}};
	int option, status = EX_OK;

	optind = 1;
	opterr = 0;
	while (status == EX_OK && (option = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		switch (option) {
		case 'u': relay->user = optarg; break;
		case 'h': status = add_host(relay, optarg); break;
		case 'd': *dry = true; break;
		case 'x': relay->undo = true; break;
		default: return option_bad("relay", option, argv);
		}
	}
	if (status == EX_OK && optind < argc)
		return fail(EX_USAGE, "\"%.64s\" is one word too many", argv[optind]);
	return status;
}

int
relay_setup(int argc, char **argv)
{
	struct relay relay = {0};
	bool dry = false;
	int status = parse(&relay, &dry, argc, argv);

	if (status != EX_OK)
		return status;
	if (geteuid() != 0 && !dry)
		return fail(EX_NOPERM, "only root can do that; --dry-run says what it would do");
	if (!make_init(&relay.make, RELAY_RECORD, dry))
		return EX_DATAERR;
	add_recorded(&relay);
	if (relay.undo)
		status = take_down(&relay);
	else if ((status = check_names(&relay)) == EX_OK &&
		 (status = find_program(&relay)) == EX_OK)
		status = set_up(&relay);
	make_fini(&relay.make);
	return status;
}
