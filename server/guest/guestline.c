// SPDX-License-Identifier: ISC
// What mirrord writes into authorized_keys, and how it knows it again.
//
//   # guest alice from github:alice, added 2026-11-22T03:10:00Z by root
//   restrict,pty,expiry-time="20261122050000Z",command="/usr/local/bin/mirrord view --as=alice
//     --until=2026-11-22T05:00:00Z --keys=/var/lib/mirrord/guest/.ssh/authorized_keys
//     --key=SHA256:... alice/shared" ssh-ed25519 AAAA... alice@laptop         (all of it one line)
#include "server/guest/guestline.h"

#include "server/base/when.h"
#include "server/base/words.h"
#include "server/guest/keyopts.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOTE_BEGIN "# guest "
#define WORDS_MAX 16

const char *const guest_roles[2] = {"view", "pair"};

bool
guest_word_ok(const char *word)
{
	return *word && word[strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					  "0123456789._@+:/=-")] == '\0';
}

bool
guest_name_ok(const char *name, char why[AUTHKEYS_WHY])
{
	const char *rule = NULL;

	if (!*name)
		rule = "must not be empty";
	else if (strlen(name) > LIMIT_NAME)
		rule = "must not be longer than 64 bytes";
	else if (*name == '-' || *name == '.')
		rule = "must not begin with a dash or a dot";
	else if (!guest_word_ok(name) || strpbrk(name, ":/="))
		rule = "must be of letters, digits and . _ @ + - alone";
	if (rule)
		snprintf(why, AUTHKEYS_WHY, "a guest's name %s", rule);
	return !rule;
}

// ---- writing -------------------------------------------------------------------------------------

void
guest_note_put(struct buf *out, const struct guest_note *note)
{
	char added[WHEN_TEXT];

	when_put_utc(note->added, added);
	buf_printf(out, NOTE_BEGIN "%s from %s, added %s by %s\n", note->name, note->source, added,
	    note->by);
}

void
guest_line_put(
    struct buf *out, const struct guest_line *line, const char *program, const struct sshkey *key)
{
	char until[WHEN_TEXT], expiry[WHEN_TEXT];

	when_put_utc(line->until, until);
	when_put_sshd(line->until, expiry);
	buf_printf(out, "restrict,pty,");
	if (line->until)
		buf_printf(out, "expiry-time=\"%s\",", expiry);
	buf_printf(out, "command=\"%s view --as=%s", program, line->name);
	if (line->role != GUEST_VIEW)
		buf_printf(out, " --role=%s", guest_roles[line->role]);
	if (line->until)
		buf_printf(out, " --until=%s", until);
	buf_printf(out, " --keys=%s --key=%s%s%s\" %s %.*s%s%s\n", line->keys, key->fingerprint,
	    *line->session ? " " : "", line->session, key->type, (int)key->base64_len, key->base64,
	    *key->comment ? " " : "", key->comment);
}

// ---- reading -------------------------------------------------------------------------------------

static bool
copy(char *to, size_t size, const char *from, size_t len)
{
	if (len >= size)
		return false;
	memcpy(to, from, len);
	to[len] = '\0';
	return true;
}

// A word of a note that ends before `end`; moves `*at` behind that.
static bool
take_until(const char **at, const char *end, char *to, size_t size)
{
	const char *found = strstr(*at, end);

	if (!found || !copy(to, size, *at, (size_t)(found - *at)) || strpbrk(to, " \t"))
		return false;
	*at = found + strlen(end);
	return true;
}

bool
guest_note_get(const struct authkeys_line *line, struct guest_note *note)
{
	char text[LIMIT_NAME * 2 + GUEST_SOURCE + 128], added[WHEN_TEXT], why[AUTHKEYS_WHY];
	const char *at = text;
	size_t len = line->read;

	if (!line->managed || line->kind != AUTHKEYS_COMMENT)
		return false;
	while (len && (line->text[len - 1] == '\r' || line->text[len - 1] == ' '))
		len--;
	if (!copy(text, sizeof(text), line->text, len) ||
	    strncmp(text, NOTE_BEGIN, strlen(NOTE_BEGIN)) != 0)
		return false;
	at += strlen(NOTE_BEGIN);
	return take_until(&at, " from ", note->name, sizeof(note->name)) &&
	       guest_name_ok(note->name, why) &&
	       take_until(&at, ", added ", note->source, sizeof(note->source)) &&
	       take_until(&at, " by ", added, sizeof(added)) &&
	       when_parse(added, 0, &note->added) &&
	       copy(note->by, sizeof(note->by), at, strlen(at)) && !strpbrk(note->by, " \t");
}

// An option and its value. What is unknown was added by hand and is passed over.
static bool
take_option(struct guest_line *guest, const char *name, size_t name_len, const char *value)
{
	static const struct {
		const char *name;
		size_t at, size;
	} texts[] = {
	    {"--as", offsetof(struct guest_line, name), sizeof(guest->name)},
	    {"--keys", offsetof(struct guest_line, keys), sizeof(guest->keys)},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		if (strlen(texts[i].name) == name_len && memcmp(name, texts[i].name, name_len) == 0)
			return copy(
			    (char *)guest + texts[i].at, texts[i].size, value, strlen(value));
	}
	if (name_len == 7 && memcmp(name, "--until", 7) == 0)
		return when_parse(value, 0, &guest->until);
	if (name_len == 6 && memcmp(name, "--role", 6) == 0)
		guest->role = strcmp(value, guest_roles[GUEST_PAIR]) == 0 ? GUEST_PAIR : GUEST_VIEW;
	return true;
}

static bool
read_words(char *const *words, size_t count, struct guest_line *guest)
{
	for (size_t i = 0; i < count; i++) {
		const char *equals = strchr(words[i], '=');
		bool ok = true;

		if (*words[i] != '-')
			ok = copy(
			    guest->session, sizeof(guest->session), words[i], strlen(words[i]));
		else if (equals)
			ok = take_option(guest, words[i], (size_t)(equals - words[i]), equals + 1);
		else if (i + 1 < count && strcmp(words[i], "--frames") != 0 &&
			 strcmp(words[i], "--wait") != 0) { // of one's own hand: --as alice
			ok = take_option(guest, words[i], strlen(words[i]), words[i + 1]);
			i++;
		}
		if (!ok)
			return false;
	}
	return true;
}

static bool
read_command(const char *command, struct guest_line *guest)
{
	char *words[WORDS_MAX] = {0};
	size_t count = words_split(command, words, WORDS_MAX);
	bool ok =
	    count >= 2 && strcmp(words[1], "view") == 0 && read_words(words + 2, count - 2, guest);

	for (size_t i = 0; i < count; i++)
		free(words[i]);
	return ok;
}

// A line of ours that somebody has changed by hand is still that guest's, and goes with them.
bool
guest_line_get(const struct authkeys_line *line, struct guest_line *guest)
{
	struct keyopts may;
	char why[AUTHKEYS_WHY];

	*guest = (struct guest_line){0};
	if (!line->managed || line->kind != AUTHKEYS_KEY || !line->options_len)
		return false;
	keyopts_read(line->options, line->options_len, &may);
	memcpy(guest->fingerprint, line->key.fingerprint, sizeof(guest->fingerprint));
	return may.has_command && read_command(may.command, guest) &&
	       guest_name_ok(guest->name, why);
}
