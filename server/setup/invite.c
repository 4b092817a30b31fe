// SPDX-License-Identifier: ISC
// `mirrord invite`: the lines to hand out to guests, and until when they are good.
#include "server/setup/invite.h"

#include "server/base/option.h"
#include "server/base/until.h"
#include "server/base/when.h"
#include "server/commands.h"
#include "server/guest/guests.h"
#include "server/host/who.h"
#include "server/setup/record.h"
#include "server/setup/relay_setup.h"

#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

static void
machine_name(char name[HOST_NAME_MAX + 1])
{
	if (gethostname(name, HOST_NAME_MAX) < 0)
		strcpy(name, "localhost");
	name[HOST_NAME_MAX] = 0;
}

// The account of the guests whose group the session's directory has, or NULL.
static const struct passwd *
guests_of(const struct session *session)
{
	const struct passwd *host = getpwuid(session->owner);
	gid_t own = host ? host->pw_gid : 0;
	const struct group *group;
	struct stat st;

	if (lstat(session->dir, &st) < 0 || !(st.st_mode & S_IRGRP) || st.st_gid == own)
		return NULL;
	group = getgrgid(st.st_gid);
	return group ? getpwnam(group->gr_name) : NULL;
}

bool
invite_here(const struct session *session, char line[INVITE_LINE])
{
	const struct passwd *guests = guests_of(session);
	char name[HOST_NAME_MAX + 1];

	if (!guests)
		return false;
	machine_name(name);
	snprintf(line, INVITE_LINE, "ssh -C %.64s@%s", guests->pw_name, name);
	return true;
}

// ---- who has a key -------------------------------------------------------------------------------

static bool
may_watch(const struct guest *guest, const struct session *session, const char *host)
{
	char whole[GUEST_SESSION];

	snprintf(whole, sizeof(whole), "%.64s/%.64s", host, session->name);
	return !until_over(guest->line.until) &&
	       (!*guest->line.session || strcmp(guest->line.session, session->name) == 0 ||
		   strcmp(guest->line.session, whole) == 0);
}

// Calls `on` for each guest of an account who may watch the session.
static void
each_guest(const struct passwd *account, const struct session *session,
    void (*on)(void *user, const struct guest *guest), void *user)
{
	char path[PATH_MAX], why[AUTHKEYS_WHY], host[LIMIT_NAME + 1] = "";
	const struct passwd *owner;
	struct authkeys keys;
	struct guests guests;
	size_t len;
	char *text;

	snprintf(path, sizeof(path), "%.2000s/.ssh/authorized_keys", account->pw_dir);
	owner = getpwuid(session->owner); // `account` has been used up
	if (owner)
		snprintf(host, sizeof(host), "%s", owner->pw_name);
	text = record_read_file(path, &len);
	if (!text)
		return;
	if (authkeys_parse(text, len, &keys, why)) {
		guests_read(&keys, &guests);
		for (size_t i = 0; i < guests.count; i++) {
			if (may_watch(&guests.guest[i], session, host))
				on(user, &guests.guest[i]);
		}
		guests_fini(&guests);
	}
	authkeys_fini(&keys);
	free(text);
}

struct printing {
	const char *line; // before the first
	size_t count;
};

static void
print_guest(void *user, const struct guest *guest)
{
	struct printing *printing = user;
	char until[WHEN_TEXT];

	if (!printing->count++)
		puts(printing->line);
	if (guest->line.until)
		when_put_local(guest->line.until, until);
	printf("    %s%s%s\n", guest->note.name, guest->line.until ? ", until " : "",
	    guest->line.until ? until : "");
}

// The guests of an account who may watch the session, as lines. Returns how many there are.
static size_t
print_guests(const struct passwd *account, const struct session *session, const char *line)
{
	struct printing printing = {.line = line};

	each_guest(account, session, print_guest, &printing);
	return printing.count;
}

// ---- through a relay -----------------------------------------------------------------------------

static void
count_guest(void *user, const struct guest *guest)
{
	struct link_invite *invite = user;
	bool first = !invite->guests++;

	if (!guest->line.until || (!first && !invite->until))
		invite->until = 0;
	else if (guest->line.until > invite->until)
		invite->until = guest->line.until;
}

// The port that the publisher came to, as sshd says: the client's address and port, ours and ours.
static uint16_t
own_port(void)
{
	const char *connection = getenv("SSH_CONNECTION");
	const char *last = connection ? strrchr(connection, ' ') : NULL;
	unsigned long port = last ? strtoul(last + 1, NULL, 10) : 0;

	return port <= UINT16_MAX ? (uint16_t)port : 0;
}

void
invite_look(const struct session *session, struct link_invite *invite)
{
	const struct passwd *account = guests_of(session);
	bool theirs = account != NULL;

	*invite = (struct link_invite){.port = own_port()};
	if (!account)
		account = getpwuid(session->owner);
	if (!account || strlen(account->pw_name) > LIMIT_NAME ||
	    !view_text_clean(account->pw_name, strlen(account->pw_name)))
		return;
	strcpy(invite->account, account->pw_name);
	each_guest(account, session, count_guest, invite);
	if (!theirs && !invite->guests) // one's own account is nobody else's
		*invite->account = '\0';
}

#define UNTIL ", until "
#define NOBODY ", nobody yet"
#define SSH_PORT 22
#define HOST_MAX 120 // bytes of it that the address has room for

void
invite_address(const char *relay, const struct link_invite *invite, char address[LIMIT_TEXT + 1])
{
	bool is_uri = strncmp(relay, "ssh://", 6) == 0; // USER@HOST:PORT follows
	const char *host = is_uri ? relay + 6 : relay, *at = strrchr(host, '@');
	char until[WHEN_TEXT] = "", port[16] = "";
	size_t len;

	*address = '\0';
	if (!*invite->account)
		return;
	host = at ? at + 1 : host;
	len = is_uri ? strcspn(host, ":/") : strlen(host);
	if (invite->port && invite->port != SSH_PORT)
		snprintf(port, sizeof(port), "-p %u ", (unsigned)invite->port);
	if (invite->until)
		when_put_utc(invite->until, until);
	snprintf(address, LIMIT_TEXT + 1, "%s%s@%.*s%s%s", port, invite->account,
	    (int)(len < HOST_MAX ? len : HOST_MAX), host,
	    !invite->guests ? NOBODY
	    : *until        ? UNTIL
			    : "",
	    until);
}

void
invite_print(FILE *to, const char *before, const char *address)
{
	const char *comma = strchr(address, ',');
	char text[WHEN_TEXT];
	uint64_t until;

	if (!*address) {
		fprintf(to,
		    MIRRORD_NAME ": nobody else can watch there yet: " MIRRORD_NAME
				 " relay setup --host=USER, there and as root, makes an account "
				 "for guests;\n" MIRRORD_NAME ": without root, " MIRRORD_NAME
				 " guest add lets somebody into your own account there\n");
		return;
	}
	fprintf(to, "%sssh -C %.*s\n", before,
	    (int)(comma ? (size_t)(comma - address) : strlen(address)), address);
	if (comma && strcmp(comma, NOBODY) == 0) {
		fprintf(to, "    nobody has a key there yet: " MIRRORD_NAME " guest add\n");
	} else if (comma && strncmp(comma, UNTIL, strlen(UNTIL)) == 0 &&
		   when_parse(comma + strlen(UNTIL), 0, &until)) {
		when_put_local(until, text);
		fprintf(to, "    the last of their keys ends %s\n", text);
	}
}

// ---- ways to the session -------------------------------------------------------------------------

static size_t
print_here(const struct session *session)
{
	char line[INVITE_LINE], name[HOST_NAME_MAX + 1];
	const struct passwd *account = guests_of(session);
	size_t count;

	if (account) {
		invite_here(session, line);
		count = print_guests(guests_of(session), session, line);
		if (!count)
			printf("%s\n    nobody has a key yet: " MIRRORD_NAME
			       " guest add, as root\n",
			    line);
		return 1;
	}
	account = getpwuid(session->owner);
	if (!account)
		return 0;
	machine_name(name);
	snprintf(line, sizeof(line), "ssh -C %.64s@%s", account->pw_name, name);
	return print_guests(account, session, line);
}

static size_t
print_published(const struct session *session)
{
	struct who who;
	size_t count = 0;

	if (who_ask(session, &who) == EX_OK) {
		for (size_t i = 0; i < who.count; i++) {
			const struct view_person *person = &who.people[i];

			if (strcmp(person->via, "publish") != 0)
				continue;
			invite_print(stdout, "", person->from);
			printf("    at %s, until " MIRRORD_NAME " publish --stop %s\n",
			    person->name, person->name);
			count++;
		}
	}
	who_fini(&who);
	return count;
}

static int
fail(int status, const char *text)
{
	fprintf(stderr, MIRRORD_NAME ": %s\n", text);
	return status;
}

int
cmd_invite(int argc, char **argv)
{
	static const struct option longs[] = {{NULL, 0, NULL, 0}};
	struct session session;
	char why[SESSION_WHY];
	const char *name;
	int option, status;

	optind = 1;
	opterr = 0;
	if ((option = getopt_long(argc, argv, ":", longs, NULL)) != -1)
		return option_bad("invite", option, argv);
	if (argc - optind > 1)
		return fail(EX_USAGE, "invite takes one session's name");
	name = argv[optind] ? argv[optind] : getenv("MIRRORD_SESSION");
	status = session_find(name && *name ? name : NULL, SESSION_OWN, &session, why);
	if (status != EX_OK)
		return fail(status, why);
	if (print_published(&session) + print_here(&session) > 0)
		return EX_OK;
	return fail(EX_UNAVAILABLE,
	    "nobody has a way to this session yet: " MIRRORD_NAME " guest add lets "
	    "somebody in here, " MIRRORD_NAME " publish shows it at a relay");
}
