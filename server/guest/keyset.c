// SPDX-License-Identifier: ISC
// The keys of one guest, from where they are published. What comes from there is not trusted: a line that
// is no key, and all of it is refused.
#include "server/guest/keyset.h"

#include "server/guest/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define GITHUB "github:"
#define GITHUB_BASE "https://github.com"
#define GITHUB_NAME_MAX 39

bool
keyset_github_ok(const char *name)
{
	size_t len = strlen(name);

	return len && len <= GITHUB_NAME_MAX && *name != '-' && *name != '_' &&
	       name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "0123456789-_")] == '\0';
}

bool
keyset_has(const struct keyset *set, const char *fingerprint)
{
	for (size_t i = 0; i < set->count; i++) {
		if (strcmp(set->key[i].fingerprint, fingerprint) == 0)
			return true;
	}
	return false;
}

void
keyset_fini(struct keyset *set)
{
	buf_fini(&set->text);
}

// ---- from where ----------------------------------------------------------------------------------

static int
read_file(const char *path, struct buf *text, char why[KEYSET_WHY])
{
	int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = -1;

	while (fd >= 0 && text->len <= KEYSET_BYTES &&
	       (got = read(fd, buf_reserve(text, 4096), 4096)) > 0)
		text->len += (size_t)got;
	if (got < 0)
		snprintf(why, KEYSET_WHY, "cannot read %.200s: %s", path, strerrordesc_np(errno));
	else if (text->len > KEYSET_BYTES)
		snprintf(why, KEYSET_WHY, "%.200s is larger than %u bytes, too large for keys",
		    path, KEYSET_BYTES);
	if (fd >= 0)
		close(fd);
	return got < 0 ? EX_NOINPUT : text->len > KEYSET_BYTES ? EX_DATAERR : EX_OK;
}

static int
read_github(const char *name, struct buf *text, char why[KEYSET_WHY])
{
	const char *base = getenv("MIRRORD_GITHUB");
	char url[FETCH_URL_MAX + 1];
	int status;

	if (!keyset_github_ok(name)) {
		snprintf(why, KEYSET_WHY,
		    "\"%.80s\" is no name that GitHub has: letters, digits and dashes, at most %d",
		    name, GITHUB_NAME_MAX);
		return EX_USAGE;
	}
	snprintf(url, sizeof(url), "%.180s/%s.keys", base && *base ? base : GITHUB_BASE, name);
	status = fetch_https(url, KEYSET_BYTES, text, why);
	if (status == EX_NOUSER)
		snprintf(why, KEYSET_WHY, "there is no %s on GitHub", name);
	return status;
}

// ---- what is there -------------------------------------------------------------------------------

static bool
is_void(const char *line, size_t len)
{
	size_t blanks = 0;

	while (blanks < len && strchr(" \t\r", line[blanks]) && line[blanks])
		blanks++;
	return blanks == len || line[blanks] == '#';
}

// One line. `last`: why the last key that was left out was.
static int
take_line(struct keyset *set, const char *from, size_t number, const char *line, size_t len,
    char last[KEYSET_WHY])
{
	struct sshkey key;
	char why[SSHKEY_WHY];
	enum sshkey_verdict verdict = sshkey_parse(line, len, &key, why);

	if (verdict != SSHKEY_OK) {
		if (*last)
			fprintf(stderr, MIRRORD_NAME ": left out: %s\n", last);
		snprintf(last, KEYSET_WHY, "line %zu of %.300s %s", number, from, why);
		return verdict == SSHKEY_BAD ? EX_DATAERR : EX_OK;
	}
	if (keyset_has(set, key.fingerprint))
		return EX_OK;
	if (set->count == KEYSET_MAX) {
		snprintf(last, KEYSET_WHY, "%.300s has more than %d keys", from, KEYSET_MAX);
		return EX_DATAERR;
	}
	set->key[set->count++] = key;
	return EX_OK;
}

static int
take_lines(struct keyset *set, const char *from, char why[KEYSET_WHY])
{
	const char *at = (const char *)set->text.data, *end = at + set->text.len;
	int status = EX_OK;

	*why = '\0';
	for (size_t number = 1; at < end && status == EX_OK; number++) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		size_t len = (size_t)((newline ? newline : end) - at);

		if (!is_void(at, len))
			status = take_line(set, from, number, at, len, why);
		at += len + (newline != NULL);
	}
	if (status == EX_OK && !set->count) {
		if (!*why)
			snprintf(why, KEYSET_WHY, "%.300s has no keys", from);
		return EX_DATAERR;
	}
	if (status == EX_OK && *why)
		fprintf(stderr, MIRRORD_NAME ": left out: %s\n", why);
	return status;
}

int
keyset_read(struct keyset *set, const char *source, const char *path, char why[KEYSET_WHY])
{
	const char *from = source;
	int status;

	*set = (struct keyset){0};
	if (strncmp(source, GITHUB, strlen(GITHUB)) == 0) {
		status = read_github(source + strlen(GITHUB), &set->text, why);
	} else if (strcmp(source, "file") == 0) {
		from = strcmp(path, "-") == 0 ? "standard input" : path;
		status = read_file(path, &set->text, why);
	} else {
		status = fetch_https(source, KEYSET_BYTES, &set->text, why);
	}
	if (status == EX_OK)
		status = take_lines(set, from, why);
	if (status != EX_OK)
		keyset_fini(set);
	return status;
}
