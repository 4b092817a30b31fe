// SPDX-License-Identifier: ISC
// What commands say about options that are wrong.
#include "server/option.h"

#include <getopt.h>
#include <stdio.h>
#include <sysexits.h>

int
option_bad(const char *command, int option, char **argv)
{
	const char *what = option == ':' ? "a value is missing after" : "unknown option";

	if (command)
		fprintf(stderr, "mirrord: %s: %s \"%s\"; see `mirrord %s --help`\n", command, what,
		    argv[optind - 1], command);
	else
		fprintf(
		    stderr, "mirrord: %s \"%s\"; see `mirrord --help`\n", what, argv[optind - 1]);
	return EX_USAGE;
}
