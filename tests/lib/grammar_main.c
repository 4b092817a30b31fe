// SPDX-License-Identifier: ISC
// grammar_main [--query]: status 0 if stdin is in the closed language of what a guest's terminal
// receives, else 1 and the offset of the first offence. --query: CSI 5 n is allowed.
#include "tests/lib/grammar.h"

#include <stdio.h>
#include <string.h>

int
main(int argc, char **argv)
{
	static char data[65536];
	struct grammar grammar;
	size_t len;

	grammar_init(&grammar, argc > 1 && strcmp(argv[1], "--query") == 0);
	while ((len = fread(data, 1, sizeof(data), stdin)) > 0)
		if (!grammar_feed(&grammar, data, len))
			break;
	if (grammar_end(&grammar))
		return 0;
	printf("offset %zu: %s\n", grammar.offset, grammar.why);
	return 1;
}
