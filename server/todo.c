// SPDX-License-Identifier: ISC
// Stand-ins for commands that are still to come; delete each here as the real one lands.
#include "server/commands.h"

#include <stdio.h>
#include <sysexits.h>

static int missing(char **argv)
{
	fprintf(stderr, "mirrord: \"%s\" is not built yet\n", argv[0]);
	return EX_SOFTWARE;
}

#define MISSING(name)                                                                              \
	int name(int argc, char **argv)                                                            \
	{                                                                                          \
		(void)argc;                                                                        \
		return missing(argv);                                                              \
	}

MISSING(cmd_view)
MISSING(cmd_who)
MISSING(cmd_dump)
MISSING(cmd_render)
MISSING(cmd_mirror)

