// SPDX-License-Identifier: ISC
// Commands that are programs of their own.
#include "server/base/aside.h"

#include "server/commands.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

// Of the file that is run, also after it was replaced.
static void
own_path(char path[PATH_MAX])
{
	static const char gone[] = " (deleted)";
	ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);
	size_t tail = strlen(gone);

	path[len > 0 ? len : 0] = '\0';
	if (strlen(path) > tail && strcmp(path + strlen(path) - tail, gone) == 0)
		path[strlen(path) - tail] = '\0';
}

const char *
aside_own_name(char path[PATH_MAX])
{
	own_path(path);
	return strrchr(path, '/') ? strrchr(path, '/') + 1 : MIRRORD_NAME;
}

int
aside_run(const char *name, char **argv)
{
	char path[PATH_MAX];
	size_t room;

	own_path(path);
	room = sizeof(path) - strlen(path);
	if (*path && snprintf(path + strlen(path), room, "-%s", name) < (int)room)
		execv(path, argv);
	else
		errno = ENOENT;
	fprintf(stderr, MIRRORD_NAME ": cannot run %s: %s; is mirrord installed whole?\n",
	    *path ? path : name, strerror(errno));
	return EX_UNAVAILABLE;
}

int
cmd_web(int argc, char **argv)
{
	(void)argc;
	return aside_run("web", argv);
}
