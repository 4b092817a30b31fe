// SPDX-License-Identifier: ISC
// The guests of an authorized_keys file. The file is the only record there is of them: what is known of a
// guest stands beside the keys, and cannot be lost, or left behind, without them.
//
// The managed part is put at the head of a file: there its lines come before any other of the same key,
// and nothing of the others' has to be touched, not even a missing end of line.
#include "server/guest/guests.h"

#include <stdlib.h>
#include <string.h>

static struct guest *
find(const struct guests *guests, const char *name)
{
	for (size_t i = 0; i < guests->count; i++) {
		if (strcmp(guests->guest[i].note.name, name) == 0)
			return &guests->guest[i];
	}
	return NULL;
}

static void *
grow(void *array, size_t count, size_t size)
{
	void *more = realloc(array, (count + 1) * size);

	if (!more)
		abort();
	return more;
}

static struct guest *
find_or_add(struct guests *guests, const char *name)
{
	struct guest *guest = find(guests, name);

	if (guest)
		return guest;
	guests->guest = grow(guests->guest, guests->count, sizeof(*guest));
	guest = &guests->guest[guests->count++];
	*guest = (struct guest){0};
	strcpy(guest->note.name, name);
	return guest;
}

void
guests_read(const struct authkeys *keys, struct guests *guests)
{
	*guests = (struct guests){0};
	for (size_t i = 0; i < keys->count; i++) {
		struct guest_note note;
		struct guest_line line;

		if (guest_note_get(&keys->line[i], &note)) {
			find_or_add(guests, note.name)->note = note;
		} else if (guest_line_get(&keys->line[i], &line)) {
			struct guest *guest = find_or_add(guests, line.name);

			if (!guest->key_count)
				guest->line = line;
			guest->key = grow(guest->key, guest->key_count, sizeof(*guest->key));
			guest->key[guest->key_count++] = keys->line[i].key;
		}
	}
}

void
guests_fini(struct guests *guests)
{
	for (size_t i = 0; i < guests->count; i++)
		free(guests->guest[i].key);
	free(guests->guest);
	*guests = (struct guests){0};
}

const struct guest *
guests_find(const struct guests *guests, const char *name)
{
	return find(guests, name);
}

bool
guest_has_key(const struct guest *guest, const char *fingerprint)
{
	for (size_t i = 0; i < guest->key_count; i++) {
		if (strcmp(guest->key[i].fingerprint, fingerprint) == 0)
			return true;
	}
	return false;
}

// ---- changing ------------------------------------------------------------------------------------

bool
guests_owns(const char *name, const struct authkeys_line *line)
{
	struct guest_note note;
	struct guest_line guest;

	return (guest_note_get(line, &note) && strcmp(note.name, name) == 0) ||
	       (guest_line_get(line, &guest) && strcmp(guest.name, name) == 0);
}

static bool
is_marker(const struct authkeys *keys, size_t i)
{
	return i == keys->begin || i == keys->end;
}

// Whether anything is left between the markers.
static bool
stays(const struct authkeys *keys, const char *name)
{
	for (size_t i = 0; i < keys->count; i++) {
		if (keys->line[i].managed && !guests_owns(name, &keys->line[i]))
			return true;
	}
	return false;
}

void
guests_edit(const struct authkeys *keys, const char *name, const struct buf *lines, struct buf *out)
{
	bool had = keys->begin < keys->count, keep = lines->len || stays(keys, name);

	if (!had && lines->len) {
		buf_printf(out, AUTHKEYS_BEGIN "\n");
		buf_put(out, lines->data, lines->len);
		buf_printf(out, AUTHKEYS_END "\n");
	}
	for (size_t i = 0; i < keys->count; i++) {
		const struct authkeys_line *line = &keys->line[i];

		if (guests_owns(name, line) || (is_marker(keys, i) && !keep))
			continue;
		if (i == keys->end && lines->len)
			buf_put(out, lines->data, lines->len);
		buf_put(out, line->text, line->len);
	}
}

// The next line from `*i` on that is neither this guest's nor a marker; NULL: none.
static const struct authkeys_line *
next_other(const struct authkeys *keys, const char *name, size_t *i)
{
	for (; *i < keys->count; ++*i) {
		if (!is_marker(keys, *i) && !guests_owns(name, &keys->line[*i]))
			return &keys->line[(*i)++];
	}
	return NULL;
}

bool
guests_same_but(const struct authkeys *a, const struct authkeys *b, const char *name)
{
	size_t i = 0, k = 0;

	for (;;) {
		const struct authkeys_line *one = next_other(a, name, &i);
		const struct authkeys_line *two = next_other(b, name, &k);

		if (!one || !two)
			return !one && !two;
		if (one->len != two->len || memcmp(one->text, two->text, one->len) != 0 ||
		    one->managed != two->managed)
			return false;
	}
}
