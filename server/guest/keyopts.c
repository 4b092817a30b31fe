// SPDX-License-Identifier: ISC
// The options in front of a key, as sshd reads them: a list without blanks outside quotes, names in
// any case, and one that is unknown or in a wrong form makes the key useless.
#include "server/guest/keyopts.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum form {
	FLAG,    // NAME
	SWITCH,  // NAME or no-NAME
	NO_ONLY, // no-NAME: it has no meaning, but is known
	VALUE,   // NAME="VALUE"
};

// sshd(8) 9.2.
static const struct {
	const char *name;
	enum form form;
} known[] = {
    {"restrict", FLAG},
    {"cert-authority", FLAG},
    {"port-forwarding", SWITCH},
    {"agent-forwarding", SWITCH},
    {"x11-forwarding", SWITCH},
    {"touch-required", NO_ONLY},
    {"verify-required", SWITCH},
    {"pty", SWITCH},
    {"user-rc", SWITCH},
    {"command", VALUE},
    {"principals", VALUE},
    {"from", VALUE},
    {"expiry-time", VALUE},
    {"environment", VALUE},
    {"permitopen", VALUE},
    {"permitlisten", VALUE},
    {"tunnel", VALUE},
};
#define KNOWN (sizeof(known) / sizeof(known[0]))

static bool
bad(char why[SSHKEY_WHY], const char *what, const char *text, size_t len)
{
	snprintf(why, SSHKEY_WHY, "%s \"%.*s\"", what, (int)(len < 40 ? len : 40), text);
	for (char *c = why; *c; c++) {
		if (*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	return false;
}

static bool
fits(size_t i, const struct keyopt *option)
{
	switch (known[i].form) {
	case FLAG: return !option->no && !option->value;
	case SWITCH: return !option->value;
	case NO_ONLY: return option->no && !option->value;
	case VALUE: return !option->no && option->value;
	}
	return false;
}

static void
find_name(struct keyopt *option, size_t name_len)
{
	const char *name = option->text;

	option->no = name_len > 3 && strncasecmp(name, "no-", 3) == 0;
	if (option->no) {
		name += 3;
		name_len -= 3;
	}
	for (size_t i = 0; i < KNOWN; i++) {
		if (strlen(known[i].name) == name_len &&
		    strncasecmp(known[i].name, name, name_len) == 0 && fits(i, option))
			option->name = known[i].name;
	}
}

// The value of NAME="VALUE" at `text`, which begins behind '='. Bytes with its quotes, 0: malformed.
static size_t
take_value(const char *text, size_t len, struct keyopt *option)
{
	if (!len || *text != '"')
		return 0;
	for (size_t i = 1; i < len; i++) {
		if (text[i] == '\\' && i + 1 < len && text[i + 1] == '"') {
			i++;
		} else if (text[i] == '"') {
			option->value = text + 1;
			option->value_len = i - 1;
			return i + 1;
		}
	}
	return 0;
}

bool
keyopt_next(const char **options, size_t *len, struct keyopt *option, char why[SSHKEY_WHY])
{
	const char *text = *options;
	size_t used = 0, name_len;

	*why = '\0';
	*option = (struct keyopt){.text = text};
	if (!*len)
		return false;
	while (used < *len && text[used] != ',' && text[used] != '=')
		used++;
	name_len = used;
	if (used < *len && text[used] == '=') {
		size_t value = take_value(text + used + 1, *len - used - 1, option);

		if (!value)
			return bad(
			    why, "a value is not in quotes, or they are not closed:", text, *len);
		used += 1 + value;
	}
	option->len = used;
	find_name(option, name_len);
	if (!option->name)
		return bad(why, "sshd knows no option", text, used);
	if (used < *len && (text[used] != ',' || ++used == *len))
		return bad(why, "the list of options is malformed after", text, option->len);
	*options += used;
	*len -= used;
	return true;
}

static void
unescape(const struct keyopt *option, char *to, size_t size)
{
	size_t out = 0;

	for (size_t i = 0; i < option->value_len && out < size - 1; i++) {
		if (option->value[i] == '\\' && i + 1 < option->value_len &&
		    option->value[i + 1] == '"')
			i++;
		to[out++] = option->value[i];
	}
	to[out] = '\0';
}

static void
apply(const struct keyopt *option, struct keyopts *may)
{
	const struct {
		const char *name;
		bool *allowed;
	} switches[] = {{"pty", &may->pty}, {"port-forwarding", &may->port_forwarding},
	    {"agent-forwarding", &may->agent_forwarding}, {"x11-forwarding", &may->x11_forwarding},
	    {"user-rc", &may->user_rc}};

	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
		if (strcmp(option->name, "restrict") == 0)
			*switches[i].allowed = false;
		else if (strcmp(option->name, switches[i].name) == 0)
			*switches[i].allowed = !option->no;
	}
	if (strcmp(option->name, "restrict") == 0) {
		may->restricted = true;
	} else if (strcmp(option->name, "cert-authority") == 0) {
		may->cert_authority = true;
	} else if (strcmp(option->name, "command") == 0) {
		may->has_command = true;
		unescape(option, may->command, sizeof(may->command));
	} else if (strcmp(option->name, "expiry-time") == 0) {
		unescape(option, may->expiry, sizeof(may->expiry));
	}
}

void
keyopts_read(const char *options, size_t len, struct keyopts *may)
{
	struct keyopt option;

	*may = (struct keyopts){.pty = true,
	    .port_forwarding = true,
	    .agent_forwarding = true,
	    .x11_forwarding = true,
	    .user_rc = true};
	while (keyopt_next(&options, &len, &option, may->why))
		apply(&option, may);
	may->usable = !*may->why;
}
