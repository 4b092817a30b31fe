// SPDX-License-Identifier: ISC
// `mirrord who`: who watches a session.
#include "server/host/who.h"

#include "server/base/option.h"
#include "server/base/viewclient.h"
#include "server/commands.h"

#include <getopt.h>
#include <inttypes.h>
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

static int
fail(int status, const char *text)
{
	fprintf(stderr, MIRRORD_NAME ": %s\n", text);
	return status;
}

static bool
parse_answer(const struct msg *msg, struct who *who)
{
	struct reader reader = msg_reader(msg);

	who->rows = (uint16_t)reader_bounded(&reader, UINT16_MAX);
	who->cols = (uint16_t)reader_bounded(&reader, UINT16_MAX);
	who->count = reader_bounded(&reader, LIMIT_PEOPLE);
	who->people = calloc(who->count + 1, sizeof(*who->people));
	if (!who->people)
		abort();
	for (size_t i = 0; i < who->count; i++) {
		if (!view_person_get(&reader, &who->people[i]))
			return false;
	}
	return !reader.bad && !reader.len;
}

#define RATIO_DIGITS 6      // of ratios, and frames a second
#define TODAY_S (12 * 3600) // what began longer ago is shown with its day

// ---- how it is shown ---------------------------------------------------------------------------

void
who_name(const struct view_person *person, char name[WHO_NAME])
{
	const struct passwd *user = getpwuid((uid_t)person->uid);

	if (*person->name)
		snprintf(name, WHO_NAME, "%s", person->name);
	else if (user && view_text_clean(user->pw_name, strlen(user->pw_name)))
		snprintf(name, WHO_NAME, "%s", user->pw_name);
	else
		snprintf(name, WHO_NAME, "uid %" PRIu32, person->uid);
}

static bool
is_clipped(const struct who *who, const struct view_person *person)
{
	const struct view_status *status = &person->status; // no size: it shows nothing itself

	return (status->rows && status->rows < who->rows) ||
	       (status->cols && status->cols < who->cols);
}

// Bytes sent for each that the program has printed; negative if it has printed nothing.
static double
ratio_of(const struct view_person *person)
{
	return person->printed ? (double)person->status.bytes / (double)person->printed : -1;
}

static const char *
format_ms(uint64_t us, char *to, size_t size)
{
	snprintf(to, size, us ? "%.0fms" : "-", (double)us / 1000);
	return to;
}

// In four digits and a unit at most.
static const char *
format_bytes(uint64_t bytes, char *to, size_t size)
{
	static const char units[] = " kMGT";
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 10000 && unit + 2 < sizeof(units)) {
		value /= 1000;
		unit++;
	}
	snprintf(to, size, unit ? "%.0f%c" : "%.0f", value, units[unit]);
	return to;
}

static const char *
format_ratio(double ratio, char *to, size_t size)
{
	snprintf(to, size, ratio < 0 ? "-" : ratio < 10 ? "%.2f" : "%.0f", ratio);
	return to;
}

// What does not fit into 80 columns goes into a second line.
static void
print_remarks(const struct who *who, const struct view_person *person)
{
	const char *gap = "  ";

	if (person->holds || person->pair)
		gap = (printf("%s%s", gap, person->holds ? "has the keyboard" : "may pair"), ", ");
	if (is_clipped(who, person))
		gap = (printf("%sclipped", gap), ", ");
	if (*person->key)
		gap = (printf("%skey %s", gap, person->key), ", ");
	if (gap[0] == ',')
		putchar('\n');
}

static void
print_person(const struct who *who, const struct view_person *person)
{
	char name[WHO_NAME], since[32], size[32], rtt[32], lag[32], bytes[32], ratio[32];
	time_t at = (time_t)person->since;
	struct tm local;

	who_name(person, name);
	strftime(since, sizeof(since), time(NULL) - at < TODAY_S ? "%H:%M" : "%b %e",
	    localtime_r(&at, &local));
	snprintf(size, sizeof(size), "%ux%u", person->status.cols, person->status.rows);
	printf("%-10s %-5s %-15s %-6s %-8s %6s %6s %4.1f %6s %5s\n", name,
	    *person->via ? person->via : "local", *person->from ? person->from : "-", since, size,
	    format_ms(person->status.rtt_us, rtt, sizeof(rtt)),
	    format_ms(person->status.lag_us, lag, sizeof(lag)), (double)person->fps10 / 10,
	    format_bytes(person->status.bytes, bytes, sizeof(bytes)),
	    format_ratio(ratio_of(person), ratio, sizeof(ratio)));
	print_remarks(who, person);
}

static void
print_table(const struct who *who)
{
	if (!who->count) {
		puts("nobody watches");
		return;
	}
	printf("%-10s %-5s %-15s %-6s %-8s %6s %6s %4s %6s %5s\n", "NAME", "VIA", "FROM", "SINCE",
	    "SIZE", "RTT", "LAG", "FPS", "BYTES", "RATIO");
	for (size_t i = 0; i < who->count; i++)
		print_person(who, &who->people[i]);
}

static json_t *
json_of(const struct who *who, const struct view_person *person)
{
	const struct view_status *status = &person->status;
	double ratio = ratio_of(person);
	char name[WHO_NAME];

	who_name(person, name);
	return json_pack("{s:s, s:I, s:I, s:s, s:s, s:s, s:I, s:i, s:i, s:b, s:I, s:I, s:I, s:I, "
			 "s:f, s:I, s:o, s:b, s:b}",
	    "name", name, "uid", (json_int_t)person->uid, "pid", (json_int_t)person->pid, "via",
	    *person->via ? person->via : "local", "from", person->from, "key", person->key, "since",
	    (json_int_t)person->since, "rows", (int)status->rows, "cols", (int)status->cols,
	    "clipped", (int)is_clipped(who, person), "rtt_us", (json_int_t)status->rtt_us, "lag_us",
	    (json_int_t)status->lag_us, "bytes", (json_int_t)status->bytes, "frames",
	    (json_int_t)status->frames, "fps", (double)person->fps10 / 10, "printed",
	    (json_int_t)person->printed, "ratio", ratio < 0 ? json_null() : json_real(ratio),
	    "pair", (int)person->pair, "keyboard", (int)person->holds);
}

static void
print_json(const struct who *who)
{
	json_t *list = json_array();

	for (size_t i = 0; i < who->count; i++)
		json_array_append_new(list, json_of(who, &who->people[i]));
	json_dumpf(
	    list, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(RATIO_DIGITS));
	putchar('\n');
	json_decref(list);
}

// ---- the command -------------------------------------------------------------------------------

int
who_ask(const struct session *session, struct who *who)
{
	struct viewclient client;
	struct view_bye bye;
	struct msg msg;
	int status = EX_OK;

	*who = (struct who){0};
	if (!viewclient_ask(&client, session->view, VIEW_WHO, VIEW_WHO_IS, &msg, &bye))
		return fail(bye.status, bye.text);
	if (!parse_answer(&msg, who))
		status = fail(EX_PROTOCOL, "the session sent a malformed list");
	viewclient_close(&client);
	return status;
}

void
who_fini(struct who *who)
{
	free(who->people);
	*who = (struct who){0};
}

int
cmd_who(int argc, char **argv)
{
	static const struct option longs[] = {{"json", no_argument, NULL, 'j'}, {NULL, 0, NULL, 0}};
	struct session session;
	struct who who = {0};
	char why[SESSION_WHY];
	bool json = false;
	int option, status;

	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		if (option != 'j')
			return option_bad("who", option, argv);
		json = true;
	}
	if (argc - optind > 1)
		return fail(EX_USAGE, "who takes one session's name");
	status = session_find(argv[optind], SESSION_OWN, &session, why);
	if (status != EX_OK)
		return fail(status, why);
	status = who_ask(&session, &who);
	if (status == EX_OK)
		(json ? print_json : print_table)(&who);
	who_fini(&who);
	return status;
}
