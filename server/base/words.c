// SPDX-License-Identifier: ISC
// Splits a command line into words (POSIX.1-2017, Shell Command Language, 2.2 Quoting).
#include "server/base/words.h"

#include <stdlib.h>
#include <string.h>

// One word from `*line` on into `to`, which has room for all of the line. False: a quote is open.
static int
take_word(const char **line, char *to)
{
	const char *at = *line;
	char quote = 0;

	for (; *at && (quote || !strchr(" \t\n", *at)); at++) {
		if (quote && *at == quote) {
			quote = 0;
		} else if (!quote && (*at == '\'' || *at == '"')) {
			quote = *at;
		} else if (*at == '\\' && quote != '\'' && at[1] &&
			   (!quote || strchr("\"\\$`", at[1]))) {
			*to++ = *++at;
		} else {
			*to++ = *at;
		}
	}
	*to = '\0';
	*line = at;
	return !quote;
}

size_t
words_split(const char *line, char **words, size_t max)
{
	size_t count = 0;

	for (;;) {
		line += strspn(line, " \t\n");
		if (!*line)
			return count;
		if (count == max)
			break;
		words[count] = malloc(strlen(line) + 1);
		if (!words[count])
			abort();
		if (!take_word(&line, words[count++]))
			break;
	}
	while (count)
		free(words[--count]);
	return 0;
}
