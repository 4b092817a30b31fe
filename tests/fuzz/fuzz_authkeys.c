// SPDX-License-Identifier: ISC
// An authorized_keys file, and keys from the network: the first byte chooses. A file is read, all its guests
// are listed, one is added and taken away again: everybody else's lines stay byte for byte, and without a
// part of ours before, so does the file. A key that is let in comes out of the line that is written for it.
#include "server/guest/guests.h"
#include "server/guest/keyopts.h"
#include "server/guest/sshkey.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ED25519 "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF/dtCCnZN/HVqLFdEGKvTZkXx6IiHorL0V7wFt3ABMg"
#define SIZE_MAX_BYTES 65536

static const char name[] = "a-new-guest";

static void
must(bool holds)
{
	if (!holds)
		abort();
}

// What stands in front of a key is read in the same way as a list and one by one.
static void
check_options(const struct authkeys_line *line)
{
	const char *at = line->options;
	size_t left = line->options_len, used = 0;
	char why[SSHKEY_WHY];
	struct keyopts may;
	struct keyopt option;

	keyopts_read(line->options, line->options_len, &may);
	while (keyopt_next(&at, &left, &option, why)) {
		must(option.name && option.text >= line->options);
		used += option.len;
	}
	must(used <= line->options_len && may.usable == !*why);
}

static void
check_lines(const struct authkeys *keys, const char *text, size_t len)
{
	size_t at = 0;

	for (size_t i = 0; i < keys->count; i++) {
		const struct authkeys_line *line = &keys->line[i];

		must(line->text == text + at && line->number == i + 1 && line->read <= line->len);
		at += line->len;
		if (line->kind == AUTHKEYS_KEY)
			must(strlen(line->key.fingerprint) == SSHKEY_FINGERPRINT - 1);
		if (line->options)
			check_options(line);
	}
	must(at == len);
}

static void
check_guests(const struct authkeys *keys)
{
	struct guests guests;

	guests_read(keys, &guests);
	for (size_t i = 0; i < guests.count; i++) {
		const struct guest *guest = &guests.guest[i];
		struct buf none = {0}, out = {0};
		struct authkeys without;
		char why[AUTHKEYS_WHY];

		must(guests_find(&guests, guest->note.name) == guest);
		guests_edit(keys, guest->note.name, &none, &out);
		must(authkeys_parse((char *)out.data, out.len, &without, why));
		must(guests_same_but(keys, &without, guest->note.name));
		for (size_t k = 0; k < without.count; k++)
			must(!guests_owns(guest->note.name, &without.line[k]));
		authkeys_fini(&without);
		buf_fini(&out);
	}
	guests_fini(&guests);
}

static void
put_guest(struct buf *lines)
{
	struct guest_note note = {.source = "github:x", .added = 1700000000, .by = "me"};
	struct guest_line line = {.until = 1800000000, .keys = "/k", .session = "me/shared"};
	struct sshkey key;
	char why[SSHKEY_WHY];

	strcpy(note.name, name);
	strcpy(line.name, name);
	must(sshkey_parse(ED25519, strlen(ED25519), &key, why) == SSHKEY_OK);
	guest_note_put(lines, &note);
	guest_line_put(lines, &line, "/usr/bin/mirrord", &key);
}

static void
check_change(const struct authkeys *keys, const char *text, size_t len)
{
	struct buf lines = {0}, none = {0}, with = {0}, without = {0};
	struct authkeys added, removed;
	struct guests guests;
	char why[AUTHKEYS_WHY];
	size_t owned = 0;

	put_guest(&lines);
	guests_edit(keys, name, &lines, &with);
	must(authkeys_parse((char *)with.data, with.len, &added, why));
	must(guests_same_but(keys, &added, name));
	for (size_t i = 0; i < added.count; i++)
		owned += guests_owns(name, &added.line[i]);
	must(owned == 2);
	guests_read(&added, &guests);
	must(guests_find(&guests, name) && guests_find(&guests, name)->line.until == 1800000000);
	guests_fini(&guests);
	guests_edit(&added, name, &none, &without);
	must(authkeys_parse((char *)without.data, without.len, &removed, why));
	must(guests_same_but(keys, &removed, name));
	if (keys->begin == keys->count)
		must(without.len == len && (!len || memcmp(without.data, text, len) == 0));
	authkeys_fini(&removed);
	authkeys_fini(&added);
	buf_fini(&lines);
	buf_fini(&with);
	buf_fini(&without);
}

// A key from the network, one line.
static void
check_key(const char *text, size_t len)
{
	struct guest_line line = {.name = "alice", .keys = "/k", .role = GUEST_PAIR}, again;
	struct guest_note note = {.name = "alice", .source = "file", .by = "me"};
	struct sshkey key;
	struct buf out = {0};
	struct authkeys keys;
	char why[SSHKEY_WHY], reason[AUTHKEYS_WHY];

	if (sshkey_parse(text, len, &key, why) != SSHKEY_OK)
		return;
	buf_printf(&out, AUTHKEYS_BEGIN "\n");
	guest_note_put(&out, &note);
	guest_line_put(&out, &line, "/usr/bin/mirrord", &key);
	buf_printf(&out, AUTHKEYS_END "\n");
	must(authkeys_parse((char *)out.data, out.len, &keys, reason));
	must(keys.count == 4 && guest_note_get(&keys.line[1], &note));
	must(guest_line_get(&keys.line[2], &again) && keys.line[2].verdict == SSHKEY_OK);
	must(strcmp(again.fingerprint, key.fingerprint) == 0 && again.role == GUEST_PAIR);
	authkeys_fini(&keys);
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;
	char why[AUTHKEYS_WHY];
	struct authkeys keys;

	if (!size || size > SIZE_MAX_BYTES)
		return 0;
	if (*data == 'k') {
		check_key(text, size - 1);
		return 0;
	}
	if (authkeys_parse(text, size - 1, &keys, why)) {
		check_lines(&keys, text, size - 1);
		check_guests(&keys);
		check_change(&keys, text, size - 1);
	}
	authkeys_fini(&keys);
	return 0;
}
