// SPDX-License-Identifier: ISC
// An authorized_keys file as sshd reads it: its lines. What sshd would skip is kept and told apart,
// for the file is others' too.
#include "server/guest/authkeys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

// Where a list of options ends: at the first blank outside quotes. `len` if a quote is never closed.
static size_t
options_end(const char *text, size_t len)
{
	bool quoted = false;
	size_t i = 0;

	for (; i < len && (quoted || !is_blank(text[i])); i++) {
		if (text[i] == '\\' && i + 1 < len && text[i + 1] == '"')
			i++;
		else if (text[i] == '"')
			quoted = !quoted;
	}
	return i;
}

static bool
is_bare(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!is_blank(text[i]))
			return false;
	}
	return true;
}

// As sshd: a key; if it is none, options and then a key.
static void
read_key(struct authkeys_line *line, const char *text, size_t len)
{
	size_t end;

	line->verdict = sshkey_parse(text, len, &line->key, line->why);
	line->kind = line->verdict == SSHKEY_BAD ? AUTHKEYS_BAD : AUTHKEYS_KEY;
	if (line->kind == AUTHKEYS_KEY || sshkey_has_type(text, len))
		return;
	end = options_end(text, len);
	line->options = text;
	line->options_len = end;
	while (end < len && is_blank(text[end]))
		end++;
	if (end == len)
		return;
	line->verdict = sshkey_parse(text + end, len - end, &line->key, line->why);
	if (line->verdict != SSHKEY_BAD)
		line->kind = AUTHKEYS_KEY;
}

static void
read_line(struct authkeys_line *line)
{
	const char *text = line->text;
	size_t len = line->len;

	if (len && text[len - 1] == '\n')
		len--;
	line->read = len = strnlen(text, len);
	while (len && is_blank(*text)) {
		text++;
		len--;
	}
	if (!len || *text == '\r')
		line->kind = AUTHKEYS_BLANK;
	else if (*text == '#')
		line->kind = AUTHKEYS_COMMENT;
	else
		read_key(line, text, len);
}

static struct authkeys_line *
add_line(struct authkeys *keys)
{
	struct authkeys_line *line;

	if ((keys->count & (keys->count - 1)) == 0) { // a power of two: full
		size_t cap = keys->count ? 2 * keys->count : 1;

		line = realloc(keys->line, cap * sizeof(*line));
		if (!line)
			abort();
		keys->line = line;
	}
	line = &keys->line[keys->count++];
	*line = (struct authkeys_line){.number = keys->count};
	return line;
}

static bool
is_marker(const struct authkeys_line *line, const char *marker)
{
	size_t len = strlen(marker);

	return line->kind == AUTHKEYS_COMMENT && line->len >= len &&
	       memcmp(line->text, marker, len) == 0 && is_bare(line->text + len, line->read - len);
}

static bool
refuse_marker(const struct authkeys_line *line, const char *what, char why[AUTHKEYS_WHY])
{
	snprintf(why, AUTHKEYS_WHY, "line %zu %s; mend it by hand", line->number, what);
	return false;
}

static bool
find_markers(struct authkeys *keys, char why[AUTHKEYS_WHY])
{
	keys->begin = keys->end = keys->count;
	for (size_t i = 0; i < keys->count; i++) {
		struct authkeys_line *line = &keys->line[i];

		if (is_marker(line, AUTHKEYS_BEGIN)) {
			if (keys->begin < keys->count)
				return refuse_marker(
				    line, "begins the part of mirrord's guests once more", why);
			keys->begin = i;
		} else if (is_marker(line, AUTHKEYS_END)) {
			if (keys->begin == keys->count || keys->end < keys->count)
				return refuse_marker(line,
				    "ends a part of mirrord's guests that did not begin", why);
			keys->end = i;
		} else {
			line->managed = keys->begin < i && keys->end == keys->count;
		}
	}
	if (keys->begin < keys->count && keys->end == keys->count)
		return refuse_marker(&keys->line[keys->begin],
		    "begins the part of mirrord's guests, and nothing ends it", why);
	return true;
}

bool
authkeys_parse(const char *data, size_t len, struct authkeys *keys, char why[AUTHKEYS_WHY])
{
	*keys = (struct authkeys){0};
	while (len) {
		const char *newline = memchr(data, '\n', len);
		struct authkeys_line *line = add_line(keys);

		line->text = data;
		line->len = newline ? (size_t)(newline - data) + 1 : len;
		read_line(line);
		data += line->len;
		len -= line->len;
	}
	return find_markers(keys, why);
}

void
authkeys_fini(struct authkeys *keys)
{
	free(keys->line);
	*keys = (struct authkeys){0};
}
