// SPDX-License-Identifier: ISC
// Commands that are programs of their own.
#include "server/aside.h"

#include "server/commands.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

int
aside_run(const char *name, char **argv)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	char *slash;
	int room;

	path[len > 0 ? len : 0] = '\0';
	slash = strrchr(path, '/');
	room = slash ? (int)(path + sizeof(path) - slash) : 0;
	if (slash && snprintf(slash, (size_t)room, "/mirrord-%s", name) < room)
		execv(path, argv);
	else
		errno = ENOENT;
	fprintf(stderr, "mirrord: cannot run %s: %s; is mirrord installed whole?\n",
	    *path ? path : name, strerror(errno));
	return EX_UNAVAILABLE;
}

int
cmd_web(int argc, char **argv)
{
	(void)argc;
	return aside_run("web", argv);
}
