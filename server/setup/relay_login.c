// SPDX-License-Identifier: ISC
// `mirrord relay login KEYS`: what sshd runs for every login of the guests' account.
//
// sshd_config forces this one command, which goes before what the line of a key forces. It looks up the
// line of the key that logged in, and watches as `command="mirrord view ..."` there says: who the guest
// is, and what they may see. A line that says nothing, or anything else, opens no door: nothing but
// `mirrord view` is ever run, and that in this process, by no shell.
#include "server/setup/relay_login.h"

#include "server/base/aside.h"
#include "server/base/words.h"
#include "server/commands.h"
#include "server/guest/authkeys.h"
#include "server/guest/keyopts.h"
#include "server/setup/record.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#define LOGIN_WORDS 64 // of a command, and one for the end
#define AUTH_METHOD "publickey "

// "publickey TYPE BASE64", a line of what sshd tells of how somebody logged in.
static bool
read_auth(const char *auth, struct sshkey *key)
{
	char why[SSHKEY_WHY];
	size_t method = strlen(AUTH_METHOD);

	for (; *auth; auth += strcspn(auth, "\n"), auth += *auth == '\n') {
		if (strncmp(auth, AUTH_METHOD, method) == 0)
			return sshkey_parse(auth + method, strcspn(auth + method, "\n"), key,
				   why) != SSHKEY_BAD;
	}
	return false;
}

static bool
same_key(const struct sshkey *a, const struct sshkey *b)
{
	return strcmp(a->type, b->type) == 0 && a->base64_len == b->base64_len &&
	       memcmp(a->base64, b->base64, a->base64_len) == 0;
}

// `first`: the line before that has the same key, 0 if none. sshd does not say by which of them it let
// the key in, so they have to be of one mind.
static bool
take_line(const struct authkeys_line *line, size_t *first, char **command, char *why)
{
	struct keyopts may;

	keyopts_read(line->options, line->options_len, &may);
	if (!may.usable)
		return true;
	if (!may.has_command || strlen(may.command) == sizeof(may.command) - 1) {
		snprintf(why, RELAY_LOGIN_WHY, "line %zu of the keys has no command", line->number);
		return false;
	}
	if (*first && strcmp(*command, may.command) != 0) {
		snprintf(why, RELAY_LOGIN_WHY,
		    "the key stands twice, in line %zu and line %zu of the keys", *first,
		    line->number);
		return false;
	}
	if (!*first)
		*command = strdup(may.command);
	*first = line->number;
	return true;
}

char *
relay_login_command(const char *text, size_t len, const char *auth, char why[RELAY_LOGIN_WHY])
{
	struct authkeys keys;
	struct sshkey key;
	char *command = NULL, reason[AUTHKEYS_WHY];
	size_t first = 0;
	bool ok = true;

	if (!read_auth(auth, &key)) {
		snprintf(why, RELAY_LOGIN_WHY, "sshd does not say which key was used");
		return NULL;
	}
	authkeys_parse(text, len, &keys, reason); // markers are of no interest
	for (size_t i = 0; ok && i < keys.count; i++) {
		if (keys.line[i].kind == AUTHKEYS_KEY && same_key(&keys.line[i].key, &key))
			ok = take_line(&keys.line[i], &first, &command, why);
	}
	authkeys_fini(&keys);
	if (ok && !command)
		snprintf(why, RELAY_LOGIN_WHY, "the key is not among the guests' any more");
	if (!ok || !command) {
		free(command);
		return NULL;
	}
	return command;
}

static int
refuse(int status, const char *why)
{
	fprintf(
	    stderr, MIRRORD_NAME ": this relay cannot let you in: %s; tell whoever runs it\n", why);
	return status;
}

// Its words, to be freed, if it is mirrord's `what`, by whatever path; else 0.
static size_t
split_own(const char *command, const char *what, char *words[LOGIN_WORDS])
{
	size_t count = words_split(command, words, LOGIN_WORDS - 1);
	const char *name = count ? strrchr(words[0], '/') : NULL;
	char path[PATH_MAX];

	name = name ? name + 1 : count ? words[0] : "";
	if (count >= 2 && strcmp(words[1], what) == 0 &&
	    (strcmp(name, MIRRORD_NAME) == 0 || strcmp(name, aside_own_name(path)) == 0))
		return count;
	while (count)
		free(words[--count]);
	return 0;
}

bool
relay_login_runs(const char *command, const char *what)
{
	char *words[LOGIN_WORDS] = {0};
	size_t count = split_own(command, what, words);
	bool is = count && !strpbrk(command, ";&|<>()$`*?~#!\n");

	while (count)
		free(words[--count]);
	return is;
}

static int
run(const char *command)
{
	char *words[LOGIN_WORDS] = {0};
	size_t count = split_own(command, "view", words);
	int status;

	if (!count)
		return refuse(EX_NOPERM, "the command of your key is not `" MIRRORD_NAME " view`");
	status = cmd_view((int)count - 1, words + 1);
	while (count)
		free(words[--count]);
	return status;
}

int
relay_login(int argc, char **argv)
{
	const char *path = getenv("SSH_USER_AUTH");
	char why[RELAY_LOGIN_WHY], *keys, *auth, *command = NULL;
	size_t keys_len, auth_len;
	int status;

	if (argc != 2 || !path) {
		fprintf(stderr,
		    MIRRORD_NAME ": relay login is for sshd, with the file of keys and "
				 "ExposeAuthInfo; see `" MIRRORD_NAME " relay --help`\n");
		return EX_USAGE;
	}
	keys = record_read_file(argv[1], &keys_len);
	auth = record_read_file(path, &auth_len);
	if (!keys || !auth)
		snprintf(why, sizeof(why), "the keys cannot be read: %s", strerror(errno));
	else
		command = relay_login_command(keys, keys_len, auth, why);
	status = command ? run(command) : refuse(EX_NOPERM, why);
	free(command);
	free(keys);
	free(auth);
	return status;
}
