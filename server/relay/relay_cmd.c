// SPDX-License-Identifier: ISC
// `mirrord relay`: picks what a relay is asked to do.
#include "server/commands.h"
#include "server/relay/relay.h"
#include "server/setup/relay_login.h"
#include "server/setup/relay_setup.h"

#include <string.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} words[] = {
    {"setup", relay_setup},
    {"login", relay_login},
};

int
cmd_relay(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(argv[1], words[i].name) == 0)
			return words[i].run(argc - 1, argv + 1);
	}
	return relay_publish(argc, argv);
}
