// SPDX-License-Identifier: ISC
// What commands say about options that are wrong.
#include "server/base/option.h"

#include "server/base/proto.h"
#include "server/base/tty.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

int
option_bad(const char *command, int option, char **argv)
{
	const char *what = option == ':' ? "a value is missing after" : "unknown option";

	if (command)
		fprintf(stderr, MIRRORD_NAME ": %s: %s \"%s\"; see `" MIRRORD_NAME " %s --help`\n",
		    command, what, argv[optind - 1], command);
	else
		fprintf(stderr, MIRRORD_NAME ": %s \"%s\"; see `" MIRRORD_NAME " --help`\n", what,
		    argv[optind - 1]);
	return EX_USAGE;
}

bool
option_seconds(const char *text, uint32_t *seconds)
{
	static const char units[] = "smh";
	static const unsigned long factor[] = {1, 60, 3600};
	const char *unit;
	char *end;
	unsigned long value;

	if (*text < '0' || *text > '9' || strlen(text) > 6)
		return false;
	value = strtoul(text, &end, 10);
	unit = *end ? strchr(units, *end) : units;
	if (!unit || (*end && end[1]))
		return false;
	value *= factor[unit - units];
	*seconds = (uint32_t)value;
	return value >= 1 && value <= 86400;
}

bool
option_size(const char *text, uint16_t *rows, uint16_t *cols)
{
	unsigned long want_cols = 0, want_rows = 0;
	char end;

	if (strspn(text, "0123456789x") != strlen(text) ||
	    sscanf(text, "%6lux%6lu%c", &want_cols, &want_rows, &end) != 2) {
		fprintf(stderr,
		    MIRRORD_NAME ": --size=%.32s is no size: give COLSxROWS, e.g. 80x24\n", text);
		return false;
	}
	if (tty_clamp(want_rows, want_cols, rows, cols))
		fprintf(stderr,
		    MIRRORD_NAME
		    ": --size=%lux%lu is cut to %ux%u: a screen has at most %dx%d cells\n",
		    want_cols, want_rows, (unsigned)*cols, (unsigned)*rows, TTY_SIZE_MAX,
		    TTY_SIZE_MAX);
	return true;
}

// A whole number from 1 to `max`.
static bool
parse_number(const char *text, uint64_t max, uint64_t *value)
{
	char *end;

	if (*text < '0' || *text > '9') // strtoull takes signs and spaces
		return false;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return !*end && !errno && *value >= 1 && *value <= max;
}

bool
option_max_fps(const char *text, uint32_t *fps)
{
	uint64_t value;

	if (!parse_number(text, LIMIT_MAX_FPS, &value)) {
		fprintf(stderr,
		    MIRRORD_NAME
		    ": the allowed range of --max-fps is from 1 frame a second to %d\n",
		    LIMIT_MAX_FPS);
		return false;
	}
	*fps = (uint32_t)value;
	return true;
}

bool
option_budget(const char *text, uint64_t *bytes_per_s)
{
	if (parse_number(text, LIMIT_BUDGET, bytes_per_s))
		return true;
	fprintf(stderr,
	    MIRRORD_NAME ": the allowed range of --budget is from 1 byte a second to %llu\n",
	    LIMIT_BUDGET);
	return false;
}
