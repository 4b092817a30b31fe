// SPDX-License-Identifier: ISC
// `mirrord dump`: a session's screen as it is now, once.
#include "server/base/option.h"
#include "server/base/session.h"
#include "server/base/viewclient.h"
#include "server/cli/show.h"
#include "server/commands.h"
#include "server/edge/replica.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#define FORMAT_VT "vt" // not a picture: the model's canonical dump, for the host only

static int
fail(int status, const char *text)
{
	fprintf(stderr, MIRRORD_NAME ": %s\n", text);
	return status;
}

static int
print_screen(const struct msg *msg, show_format *format)
{
	struct replica replica;
	int status;

	replica_init(&replica);
	if (replica_apply(&replica, msg) == REPLICA_CHANGED)
		status = show_screen(replica.screen, format);
	else
		status = fail(EX_PROTOCOL, "the session sent a broken frame");
	replica_fini(&replica);
	return status;
}

static int
dump(const struct session *session, show_format *format)
{
	struct viewclient client;
	struct view_bye bye;
	struct msg msg;
	int status;

	if (!viewclient_ask(&client, session->view, format ? VIEW_KEY : VIEW_DUMP,
		format ? VIEW_FRAME : VIEW_DUMP_IS, &msg, &bye))
		return fail(bye.status, bye.text);
	status = format ? print_screen(&msg, format) : show_bytes(msg.data, msg.len);
	viewclient_close(&client);
	return status;
}

int
cmd_dump(int argc, char **argv)
{
	static const struct option longs[] = {
	    {"format", required_argument, NULL, 'f'}, {NULL, 0, NULL, 0}};
	struct session session;
	char why[SESSION_WHY];
	const char *name = "text";
	show_format *format;
	int option, status;

	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		if (option != 'f')
			return option_bad("dump", option, argv);
		name = optarg;
	}
	format = show_format_of(name);
	if (!format && strcmp(name, FORMAT_VT) != 0)
		return fail(
		    EX_USAGE, "dump knows the formats text, json, ansi, html and " FORMAT_VT);
	if (argc - optind > 1)
		return fail(EX_USAGE, "dump takes one session's name");
	status = session_find(argv[optind], SESSION_ALL, &session, why);
	return status == EX_OK ? dump(&session, format) : fail(status, why);
}
