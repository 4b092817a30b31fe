// SPDX-License-Identifier: ISC
// The command lines of ssh, what it says on standard error, and what its end means.
#include "server/base/ssh.h"

#include "server/base/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define USER_WORDS 32      // of --ssh
#define EXIT_NOT_FOUND 127 // of a shell
#define EXIT_SSH 255       // ssh's own failures

// Beside the user's own configuration: nothing but a stream of bytes is wanted, and a link that is
// dead must be known to be. Frames are compressed already, but ssh's own headers, a part of each
// small packet, are not: that saves more than compressing twice costs (docs/performance.md).
static char *const always[] = {"-T", "-x", "-a", "-o", "ClearAllForwardings=yes", "-o",
    "Compression=yes", "-o", "ServerAliveInterval=15", "-o", "ServerAliveCountMax=3", NULL};
static char *const batch[] = {"-o", "BatchMode=yes", NULL};

static size_t
append(char **argv, size_t count, char *const *words)
{
	for (; *words; words++)
		argv[count++] = *words;
	argv[count] = NULL;
	return count;
}

static bool
name_remote(char to[SSH_LINE_BYTES + 1], const struct ssh_way *way, const char *what)
{
	const char *remote = way->remote ? way->remote : MIRRORD_NAME;

	return *remote && snprintf(to, SSH_LINE_BYTES + 1, "%s %s", remote, what) <= SSH_LINE_BYTES;
}

static void
build(char **argv, char *const *words, char *const *options, const char *relay, char *remote)
{
	char *const last[] = {(char *)(uintptr_t)relay, remote, NULL};
	size_t count = append(argv, append(argv, 0, words), always);

	if (options)
		count = append(argv, append(argv, count, batch), options);
	append(argv, count, last);
}

bool
ssh_argv_init(struct ssh_argv *argv, const struct ssh_way *way, const char *relay, const char *what,
    const char *aside, char *const *again_options)
{
	size_t count = words_split(way->ssh ? way->ssh : "ssh", argv->words, USER_WORDS);

	argv->words[count] = NULL;
	if (!count || !name_remote(argv->remote, way, what) ||
	    !name_remote(argv->remote_aside, way, aside)) {
		ssh_argv_fini(argv);
		return false;
	}
	build(argv->first, argv->words, NULL, relay, argv->remote);
	build(argv->again, argv->words, again_options, relay, argv->remote);
	build(argv->aside, argv->words, again_options, relay, argv->remote_aside);
	return true;
}

void
ssh_argv_fini(struct ssh_argv *argv)
{
	for (char **word = argv->words; *word; word++)
		free(*word);
	argv->words[0] = NULL;
}

bool
ssh_asks_for(const char *command, const char *what)
{
	const char *space = command ? strchr(command, ' ') : NULL;

	return space && space != command && strcmp(space + 1, what) == 0;
}

const char *
ssh_remote_name(const struct ssh_way *way)
{
	const char *slash = way->remote ? strrchr(way->remote, '/') : NULL;

	return slash ? slash + 1 : way->remote ? way->remote : MIRRORD_NAME;
}

// Whether that is a line of the program's there: it begins with its name.
static bool
is_remotes(const struct ssh_way *way, const char *line)
{
	const char *name = ssh_remote_name(way);
	size_t len = strlen(name);

	return strncmp(line, name, len) == 0 && line[len] == ':';
}

bool
ssh_lines_put(struct ssh_lines *lines, char byte)
{
	size_t len = strlen(lines->part);

	if (byte == '\n' || len == SSH_LINE_BYTES) {
		if (!view_text_clean(lines->part, len))
			*lines->part = '\0';
		if (*lines->part)
			strcpy(lines->line, lines->part);
		return true;
	}
	if (byte != '\r' && byte)
		memcpy(lines->part + len, (char[]){byte, '\0'}, 2);
	return false;
}

void
ssh_explain(int status, const struct ssh_way *way, const char *relay, const char *line,
    const char *does_not, struct view_bye *bye)
{
	bye->status = EX_UNAVAILABLE;
	// 64, or 127 with a line of its own: a mirrord that does not know what it was asked for
	if (status == EX_USAGE || (status == EXIT_NOT_FOUND && is_remotes(way, line))) {
		bye->status = EX_PROTOCOL;
		snprintf(bye->text, sizeof(bye->text),
		    "the mirrord on %.100s is older than this one and %s", relay, does_not);
	} else if (status == EXIT_NOT_FOUND) {
		snprintf(bye->text, sizeof(bye->text),
		    "there is no %.60s on %.100s, or not in the PATH of its shell (--remote)",
		    ssh_remote_name(way), relay);
	} else if (status == EXIT_SSH) {
		snprintf(bye->text, sizeof(bye->text), "ssh did not reach %.100s", relay);
	} else {
		snprintf(bye->text, sizeof(bye->text),
		    "%.100s ended the link before it showed anything (status %d)", relay, status);
	}
}
