// SPDX-License-Identifier: ISC
// What is wrong with the lines of a file of keys.
#include "server/guest/authkeys.h"
#include "server/guest/keyopts.h"
#include "server/setup/doctor.h"
#include "server/setup/relay_login.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOOD_OPTIONS "restrict,pty,command=\"" MIRRORD_NAME " view --as NAME\""

struct look {
	struct doctor *doctor;
	const struct doctor_account *account;
	const char *path;
};

__attribute__((format(printf, 4, 5))) static void
hole(const struct look *look, const struct authkeys_line *line, const char *advice,
    const char *format, ...)
{
	char where[DOCTOR_TEXT], text[DOCTOR_TEXT];
	va_list args;

	snprintf(where, sizeof(where), "%.300s:%zu", look->path, line->number);
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	look->doctor->where = where;
	doctor_add(look->doctor, DOCTOR_HOLE, "%s", text);
	doctor_advise(look->doctor, "%s", advice);
	look->doctor->where = look->path;
}

static void
join(char *list, size_t size, bool wanted, const char *word)
{
	size_t len = strlen(list);

	if (wanted)
		snprintf(list + len, size - len, "%s%s", len ? ", " : "", word);
}

// A key that publishes, and does nothing else, in somebody's own account.
static bool
is_publisher(const struct look *look, const struct keyopts *may)
{
	return !look->account->guests && may->has_command &&
	       relay_login_runs(may->command, "relay");
}

// A line that lets a guest in: what it allows besides the screen.
static void
judge_guest(const struct look *look, const struct authkeys_line *line, const struct keyopts *may)
{
	bool publisher = is_publisher(look, may);
	char doors[128] = "";

	if (may->cert_authority)
		hole(look, line, "take cert-authority out",
		    "the key signs others, and whoever has one of those gets in");
	if (!may->has_command && !look->account->made) {
		hole(look, line, "write " GOOD_OPTIONS " in front of the key",
		    "nothing is forced on the key: it gets a shell");
		return;
	}
	if (!publisher && (!may->has_command || !relay_login_runs(may->command, "view")))
		hole(look, line, "write " GOOD_OPTIONS " in front of the key",
		    may->has_command ? "the key runs something else than `" MIRRORD_NAME
				       " view`: %.100s"
				     : "nothing is forced on the key%s",
		    may->command);
	// sshd_config as `relay setup` writes it refuses these for all keys; one line of defence is enough
	// to be safe, and both are what is meant.
	join(doors, sizeof(doors), may->port_forwarding, "ports");
	join(doors, sizeof(doors), may->agent_forwarding, "agents");
	join(doors, sizeof(doors), may->x11_forwarding, "displays");
	if (*doors)
		hole(look, line, "write restrict,pty in front of its options",
		    "the key may forward %s", doors);
	if (may->user_rc)
		hole(look, line, "write restrict,pty in front of its options",
		    "the key runs ~/.ssh/rc before the command");
	if (!may->pty && !publisher)
		hole(look, line, "write pty behind restrict",
		    "the key gets no terminal: its guest would see nothing");
}

static bool
is_guests(const struct look *look, const struct authkeys_line *line, const struct keyopts *may)
{
	return look->account->guests || line->managed ||
	       (may->has_command && strstr(may->command, MIRRORD_NAME));
}

static void
judge_bad(const struct look *look, const struct authkeys_line *line)
{
	struct keyopts may;

	keyopts_read(line->options, line->options_len, &may);
	if (line->options_len && may.usable)
		hole(look, line, "put options and key on one line",
		    "these options stand on a line of their own: they belong to no key, and the "
		    "next "
		    "one has none of them");
	else if (look->account->guests)
		hole(look, line, "mend or remove it", "sshd skips the line: %s", line->why);
}

static void
judge(const struct look *look, const struct authkeys_line *line)
{
	struct keyopts may;

	if (line->kind == AUTHKEYS_BAD)
		judge_bad(look, line);
	if (line->kind != AUTHKEYS_KEY)
		return;
	keyopts_read(line->options, line->options_len, &may);
	if (!may.usable)
		hole(look, line, "mend it: until then nobody gets in with this key",
		    "sshd refuses the key: %s", may.why);
	else if (is_guests(look, line, &may))
		judge_guest(look, line, &may);
}

// ---- the same key twice --------------------------------------------------------------------------

static int
by_key(const void *a, const void *b)
{
	const struct authkeys_line *x = *(const struct authkeys_line *const *)a;
	const struct authkeys_line *y = *(const struct authkeys_line *const *)b;
	size_t len = x->key.base64_len < y->key.base64_len ? x->key.base64_len : y->key.base64_len;
	int order = memcmp(x->key.base64, y->key.base64, len);

	if (order)
		return order;
	if (x->key.base64_len != y->key.base64_len)
		return x->key.base64_len < y->key.base64_len ? -1 : 1;
	return x->number < y->number ? -1 : 1;
}

static bool
is_usable(const struct authkeys_line *line)
{
	struct keyopts may;

	keyopts_read(line->options, line->options_len, &may);
	return line->kind == AUTHKEYS_KEY && may.usable;
}

static void
judge_twins(const struct look *look, const struct authkeys *keys)
{
	const struct authkeys_line **sorted = calloc(keys->count + 1, sizeof(*sorted));
	size_t count = 0;

	if (!sorted)
		abort();
	for (size_t i = 0; i < keys->count; i++) {
		if (is_usable(&keys->line[i]))
			sorted[count++] = &keys->line[i];
	}
	qsort(sorted, count, sizeof(*sorted), by_key);
	for (size_t i = 1; i < count; i++) {
		const struct sshkey *key = &sorted[i]->key, *before = &sorted[i - 1]->key;

		if (key->base64_len == before->base64_len &&
		    memcmp(key->base64, before->base64, key->base64_len) == 0)
			hole(look, sorted[i], "remove one of the two",
			    "the key stands in line %zu too, and what that allows is what counts",
			    sorted[i - 1]->number);
	}
	free(sorted);
}

void
doctor_keys(struct doctor *doctor, const struct doctor_account *account, const char *path,
    const char *text, size_t len)
{
	const struct look look = {.doctor = doctor, .account = account, .path = path};
	size_t holes = doctor->holes;
	char why[AUTHKEYS_WHY];
	struct authkeys keys;

	doctor->where = path;
	if (!authkeys_parse(text, len, &keys, why))
		doctor_add(doctor, DOCTOR_HOLE, "%s", why);
	for (size_t i = 0; i < keys.count; i++)
		judge(&look, &keys.line[i]);
	judge_twins(&look, &keys);
	authkeys_fini(&keys);
	if (doctor->holes == holes)
		doctor_add(doctor, DOCTOR_OK, "every guest's key is good for watching alone");
}
