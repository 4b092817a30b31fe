// SPDX-License-Identifier: ISC
// Tells a slip of the pen from the name of a program.
#include "server/cli/suggest.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORD_MAX 15    // letters of a word that may be a command's
#define DISTANCE_MAX 2 // slips in it

bool
suggest_is_program(const char *word)
{
	const char *path = getenv("PATH");
	char file[PATH_MAX];

	if (strchr(word, '/') || !path)
		return true; // execvp() knows
	for (;;) {
		size_t len = strcspn(path, ":");

		// An empty part is the working directory (POSIX.1-2017, 8.3).
		snprintf(file, sizeof(file), "%.*s/%s", len ? (int)len : 1, len ? path : ".", word);
		if (access(file, F_OK) == 0)
			return true;
		if (!path[len])
			return false;
		path += len + 1;
	}
}

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

// Letters put in, left out, changed, or swapped with the next one (Damerau's distance, in the form that
// changes no letter twice).
static unsigned
distance(const char *a, const char *b)
{
	unsigned cost[WORD_MAX + 1][WORD_MAX + 1];
	size_t rows = strlen(a), cols = strlen(b);

	if (rows > WORD_MAX || cols > WORD_MAX)
		return DISTANCE_MAX + 1;
	for (size_t i = 0; i <= rows; i++) {
		for (size_t j = 0; j <= cols; j++) {
			if (!i || !j) {
				cost[i][j] = (unsigned)(i + j);
				continue;
			}
			cost[i][j] = least(least(cost[i - 1][j], cost[i][j - 1]) + 1,
			    cost[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				cost[i][j] = least(cost[i][j], cost[i - 2][j - 2] + 1);
		}
	}
	return cost[rows][cols];
}

const char *
suggest_name(const char *word, const char *const *names, size_t count)
{
	const char *best = NULL;
	unsigned least_seen = DISTANCE_MAX + 1;

	for (size_t i = 0; i < count; i++) {
		unsigned far = distance(word, names[i]);

		if (far < least_seen && far < strlen(names[i]) - 1) {
			least_seen = far;
			best = names[i];
		}
	}
	return best;
}
