// SPDX-License-Identifier: ISC
// `mirrord web invite`, `invites`, `revoke`.
#include "web/link_cmd.h"

#include "server/base/option.h"
#include "server/base/viewproto.h"
#include "web/access_file.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#define EXPIRES_S 86400u              // unless it is said
#define EXPIRES_MAX_S (366u * 86400u) // no link is for ever
#define NAME_FIRST "auditor"          // of those whose name was not given

static int
fail(int status, const char *text)
{
	fprintf(stderr, MIRRORD_NAME ": %s\n", text);
	return status;
}

static uint64_t
now_s(void)
{
	return (uint64_t)time(NULL);
}

// "12 h", "3 d": as long as that is left.
static void
print_span(char *to, size_t size, uint64_t from, uint64_t until)
{
	uint64_t left = until > from ? until - from : 0;

	if (!left)
		snprintf(to, size, "ended");
	else if (left < 7200)
		snprintf(to, size, "%" PRIu64 " min", (left + 59) / 60);
	else if (left < 2 * 86400)
		snprintf(to, size, "%" PRIu64 " h", (left + 3599) / 3600);
	else
		snprintf(to, size, "%" PRIu64 " d", (left + 86399) / 86400);
}

// ---- making links ------------------------------------------------------------------------------

// NAME_FIRST, or the first of NAME_FIRST-2, -3, ... that is free.
static void
pick_name(struct access *access, char name[LIMIT_NAME + 1])
{
	snprintf(name, LIMIT_NAME + 1, NAME_FIRST);
	for (unsigned number = 2; access_find(access, name); number++)
		snprintf(name, LIMIT_NAME + 1, NAME_FIRST "-%u", number);
}

static void
print_link(const struct access *access, const struct access_link *link, const char *token)
{
	char span[32], uses[32];

	print_span(span, sizeof(span), now_s(), link->expires);
	snprintf(uses, sizeof(uses), "%" PRIu32 " time%s", link->uses, link->uses == 1 ? "" : "s");
	printf("%s/#%s\n", access->url, token);
	printf("  for %s, to see %s%s%s; good for %s, to be opened %s\n", link->name,
	    *link->session ? "\"" : "all sessions", link->session, *link->session ? "\"" : "", span,
	    link->uses == ACCESS_USES_ANY ? "any number of times" : uses);
}

// A link on these terms; without a name, one is picked. Prints it, after the file has it.
static int
make_link(struct access_file *file, struct access *access, struct access_terms *terms,
    char why[SESSION_WHY])
{
	char token[ACCESS_TOKEN_TEXT + 1], name[LIMIT_NAME + 1];
	struct access_link *link;
	bool saved;

	access_sweep(access, terms->now);
	if (!terms->name) {
		pick_name(access, name);
		terms->name = name;
	}
	access_random_token(token);
	link = access_invite(access, terms, token);
	if (!link)
		snprintf(why, SESSION_WHY,
		    access->links_len >= ACCESS_LINKS_MAX
			? "there are too many links: revoke some"
			: "%.64s has a link already: `" MIRRORD_NAME " web revoke %.64s` ends it",
		    terms->name, terms->name);
	saved = access_end(file, access, link, why) && link;
	if (saved)
		print_link(access, link, token);
	return saved ? EX_OK : EX_CANTCREAT;
}

int
link_first(const char *dir, const char *url, const char *session, char why[SESSION_WHY])
{
	struct access_terms terms = {.session = session ? session : "",
	    .now = now_s(),
	    .expires = now_s() + EXPIRES_S,
	    .uses = ACCESS_USES_ANY};
	struct access_file file;
	struct access access;
	int status;

	if (!access_begin(&file, dir, &access, why))
		return EX_CANTCREAT;
	if (url)
		snprintf(access.url, sizeof(access.url), "%s", url);
	status = make_link(&file, &access, &terms, why);
	access_fini(&access);
	return status;
}

int
link_print_first(const char *dir, const char *session)
{
	char why[SESSION_WHY];
	int status;

	fputs(MIRRORD_NAME
	    ": a gateway runs for these sessions already; this is one more link to it\n",
	    stderr);
	status = link_first(dir, NULL, session, why);
	return status == EX_OK ? EX_OK : fail(status, why);
}

// ---- commands ----------------------------------------------------------------------------------

// 90s, 30m, 2h, 7d into seconds.
static bool
parse_span(const char *text, uint64_t *seconds)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (*text >= '1' && *text <= '9' && *end == units[i].unit && !end[1] &&
		    value <= EXPIRES_MAX_S / units[i].seconds) {
			*seconds = value * units[i].seconds;
			return true;
		}
	}
	return false;
}

static bool
parse_uses(const char *text, uint32_t *uses)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	*uses = strcmp(text, "any") == 0 ? ACCESS_USES_ANY : (uint32_t)value;
	return *uses == ACCESS_USES_ANY ||
	       (*text >= '1' && *text <= '9' && !*end && value <= 1000000);
}

static bool
is_person(const char *name)
{
	return *name && strlen(name) <= LIMIT_NAME && view_text_clean(name, strlen(name));
}

static int
parse_invite(int argc, char **argv, struct access_terms *terms)
{
	static const struct option longs[] = {{"name", required_argument, NULL, 'n'},
	    {"expires", required_argument, NULL, 'e'}, {"uses", required_argument, NULL, 'u'},
	    {"session", required_argument, NULL, 's'}, {0}};
	char why[SESSION_WHY];
	uint64_t seconds = EXPIRES_S;
	int option;

	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		switch (option) {
		case 'n':
			if (!is_person(optarg))
				return fail(EX_USAGE, "--name takes at most 64 bytes that can be "
						      "printed");
			terms->name = optarg;
			break;
		case 'e':
			if (!parse_span(optarg, &seconds))
				return fail(EX_USAGE, "--expires takes a time such as 30m, 2h or "
						      "7d, a year at most");
			break;
		case 'u':
			if (!parse_uses(optarg, &terms->uses))
				return fail(EX_USAGE, "--uses takes a number, or any");
			break;
		case 's':
			if (!session_name_ok(optarg, why))
				return fail(EX_USAGE, why);
			terms->session = optarg;
			break;
		default: return option_bad("web", option, argv);
		}
	}
	terms->now = now_s();
	terms->expires = terms->now + seconds;
	return optind < argc ? fail(EX_USAGE, "web invite takes options only") : EX_OK;
}

static bool
begin(struct access_file *file, struct access *access)
{
	char dir[PATH_MAX], why[SESSION_WHY];

	if (session_dir_make(dir, why) && access_begin(file, dir, access, why))
		return true;
	fail(EX_NOPERM, why);
	return false;
}

int
link_invite(int argc, char **argv)
{
	struct access_terms terms = {.session = "", .uses = 1};
	struct access_file file;
	struct access access;
	char why[SESSION_WHY];
	int status = parse_invite(argc, argv, &terms);

	if (status != EX_OK)
		return status;
	if (!begin(&file, &access))
		return EX_NOPERM;
	if (!*access.url) {
		access_end(&file, &access, false, why);
		status =
		    fail(EX_UNAVAILABLE, "there is no gateway yet: start `" MIRRORD_NAME " web`");
	} else {
		status = make_link(&file, &access, &terms, why);
		if (status != EX_OK)
			fail(status, why);
	}
	access_fini(&access);
	return status;
}

static void
print_table(const struct access *access)
{
	if (access->links_len)
		printf("%-16s %-12s %-8s %-6s %s\n", "NAME", "SESSION", "LEFT", "USES", "OPENED");
	for (size_t i = 0; i < access->links_len; i++) {
		const struct access_link *link = &access->links[i];
		char span[32], uses[16] = "any";

		print_span(span, sizeof(span), now_s(), link->expires);
		if (link->uses != ACCESS_USES_ANY)
			snprintf(uses, sizeof(uses), "%" PRIu32, link->uses);
		printf("%-16s %-12s %-8s %-6s %zu\n", link->name,
		    *link->session ? link->session : "all", span, uses,
		    access_opened(access, link));
	}
}

static void
print_json(const struct access *access)
{
	json_t *list = json_array();

	for (size_t i = 0; i < access->links_len; i++) {
		const struct access_link *link = &access->links[i];
		json_t *entry = json_pack("{s:s, s:I, s:I, s:b, s:I}", "name", link->name, "made",
		    (json_int_t)link->made, "expires", (json_int_t)link->expires, "good",
		    access_is_good(link, now_s()), "opened",
		    (json_int_t)access_opened(access, link));

		json_object_set_new(
		    entry, "session", *link->session ? json_string(link->session) : json_null());
		json_object_set_new(entry, "uses",
		    link->uses == ACCESS_USES_ANY ? json_null() : json_integer(link->uses));
		json_array_append_new(list, entry);
	}
	json_dumpf(list, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(list);
}

int
link_invites(int argc, char **argv)
{
	static const struct option longs[] = {{"json", no_argument, NULL, 'j'}, {0}};
	struct access_file file;
	struct access access;
	char why[SESSION_WHY];
	bool json = false;
	int option;

	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		if (option != 'j')
			return option_bad("web", option, argv);
		json = true;
	}
	if (optind < argc)
		return fail(EX_USAGE, "web invites takes options only");
	if (!begin(&file, &access))
		return EX_NOPERM;
	access_end(&file, &access, false, why);
	if (json)
		print_json(&access);
	else
		print_table(&access);
	access_fini(&access);
	return EX_OK;
}

int
link_revoke(int argc, char **argv)
{
	struct access_file file;
	struct access access;
	char why[SESSION_WHY];
	bool found;
	int status = EX_OK;

	if (argc != 2 || *argv[1] == '-')
		return fail(EX_USAGE,
		    "web revoke takes the name of a link: see `" MIRRORD_NAME " web invites`");
	if (!begin(&file, &access))
		return EX_NOPERM;
	found = access_revoke(&access, argv[1]);
	if (!access_end(&file, &access, found, why))
		status = fail(EX_CANTCREAT, why);
	else if (!found)
		status =
		    fail(EX_UNAVAILABLE, "there is no link of that name: see `" MIRRORD_NAME " web "
					 "invites`");
	access_fini(&access);
	return status;
}
