// SPDX-License-Identifier: ISC
// `mirrord doctor`: looks at a set-up for guests, from the inside or, given a destination, as a guest would
// come, and says in plain words what is open that should not be.
#include "server/setup/doctor.h"

#include "server/base/option.h"
#include "server/commands.h"
#include "server/setup/record.h"
#include "server/setup/relay_setup.h"

#include <getopt.h>
#include <jansson.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define EXIT_HOLE 1 // something is open

struct options {
	const char *user, *file, *ssh, *dest;
	bool json, verbose;
};

static const char *const results[] = {
    [DOCTOR_OK] = "ok", [DOCTOR_HOLE] = "hole", [DOCTOR_UNKNOWN] = "unknown"};

void
doctor_add(struct doctor *doctor, enum doctor_result result, const char *format, ...)
{
	struct doctor_finding *finding =
	    realloc(doctor->finding, (doctor->count + 1) * sizeof(*finding));
	va_list args;

	if (!finding)
		abort();
	doctor->finding = finding;
	finding += doctor->count++;
	*finding = (struct doctor_finding){.result = result};
	snprintf(finding->where, sizeof(finding->where), "%s", doctor->where);
	va_start(args, format);
	vsnprintf(finding->text, sizeof(finding->text), format, args);
	va_end(args);
	doctor->holes += result == DOCTOR_HOLE;
	doctor->unknown += result == DOCTOR_UNKNOWN;
}

void
doctor_advise(struct doctor *doctor, const char *format, ...)
{
	struct doctor_finding *finding = &doctor->finding[doctor->count - 1];
	va_list args;

	va_start(args, format);
	vsnprintf(finding->advice, sizeof(finding->advice), format, args);
	va_end(args);
}

// ---- the report ----------------------------------------------------------------------------------

static void
print_text(const struct doctor *doctor, bool verbose)
{
	for (size_t i = 0; i < doctor->count; i++) {
		const struct doctor_finding *finding = &doctor->finding[i];

		if (!verbose && finding->result != DOCTOR_HOLE)
			continue;
		printf("%-7s %s: %s\n", results[finding->result], finding->where, finding->text);
		if (*finding->advice)
			printf("        -> %s\n", finding->advice);
	}
	if (doctor->holes)
		printf("%zu hole%s in %zu checks", doctor->holes, doctor->holes > 1 ? "s" : "",
		    doctor->count);
	else
		printf("no hole in %zu checks", doctor->count);
	if (doctor->unknown)
		printf("; %zu could not be told%s", doctor->unknown,
		    verbose ? "" : " (--verbose says which)");
	putchar('\n');
}

static void
print_json(const struct doctor *doctor)
{
	json_t *list = json_array();

	for (size_t i = 0; i < doctor->count; i++) {
		const struct doctor_finding *finding = &doctor->finding[i];

		json_array_append_new(list,
		    json_pack("{s:s, s:s, s:s, s:s}", "result", results[finding->result], "where",
			finding->where, "text", finding->text, "advice", finding->advice));
	}
	json_dumpf(list, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(list);
}

// ---- the command ---------------------------------------------------------------------------------

static int
fail(int status, const char *text)
{
	fprintf(stderr, MIRRORD_NAME ": doctor: %s\n", text);
	return status;
}

static int
parse(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {{"user", required_argument, NULL, 'u'},
	    {"authorized-keys", required_argument, NULL, 'k'},
	    {"ssh", required_argument, NULL, 's'}, {"json", no_argument, NULL, 'j'},
	    {"verbose", no_argument, NULL, 'v'}, {NULL, 0, NULL, 0}};
	int option;

	*options = (struct options){.ssh = "ssh"};
	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":v", longs, NULL)) != -1) {
		switch (option) {
		case 'u': options->user = optarg; break;
		case 'k': options->file = optarg; break;
		case 's': options->ssh = optarg; break;
		case 'j': options->json = true; break;
		case 'v': options->verbose = true; break;
		default: return option_bad("doctor", option, argv);
		}
	}
	options->dest = argv[optind];
	if (argc - optind > 1)
		return fail(EX_USAGE, "it takes one destination");
	if (options->dest && (options->user || options->file))
		return fail(EX_USAGE, "--user and --authorized-keys are of this machine: leave the "
				      "destination out");
	if (options->dest && (!*options->dest || *options->dest == '-'))
		return fail(EX_USAGE, "that is no destination");
	return EX_OK;
}

// Who is looked at: the account that was asked for, else that of a relay, else one's own.
static int
look_here(struct doctor *doctor, const struct options *options)
{
	struct doctor_account account = {.name = options->user};
	const struct passwd *user;
	struct record record = {0};
	char why[SESSION_WHY];
	int status = EX_OK;

	if (!record_load(&record, RELAY_RECORD, why))
		return fail(EX_DATAERR, why);
	for (size_t i = 0; i < record.count; i++) {
		if (record.entry[i].kind == RECORD_USER &&
		    (!account.name ? geteuid() == 0
				   : strcmp(account.name, record.entry[i].name) == 0)) {
			account.name = record.entry[i].name;
			account.made = true;
		}
	}
	user = account.name ? getpwnam(account.name) : getpwuid(getuid());
	if (user) {
		char *name = strdup(user->pw_name), *home = strdup(user->pw_dir);

		account.guests = user->pw_uid != getuid();
		account.uid = user->pw_uid;
		account.name = name;
		account.home = home;
		if (name && home)
			doctor_local(doctor, &account, options->file);
		free(name);
		free(home);
	} else {
		status = fail(EX_NOUSER, "there is no such account");
	}
	record_fini(&record);
	return status;
}

int
cmd_doctor(int argc, char **argv)
{
	struct doctor doctor = {0};
	struct options options;
	char why[DOCTOR_TEXT];
	int status = parse(argc, argv, &options);

	if (status == EX_OK && options.dest) {
		if (!doctor_doors(&doctor, options.ssh, options.dest, why))
			status = fail(EX_UNAVAILABLE, why);
	} else if (status == EX_OK) {
		status = look_here(&doctor, &options);
	}
	if (status == EX_OK) {
		if (options.json)
			print_json(&doctor);
		else
			print_text(&doctor, options.verbose);
		status = doctor.holes ? EXIT_HOLE : EX_OK;
	}
	free(doctor.finding);
	return status;
}
