// SPDX-License-Identifier: ISC
// What may come next on a command line, for the completions of shells. The usage lines that people read
// are what it goes by, so there is nothing to keep in step.
#include "server/cli/complete.h"

#include "server/base/run.h"
#include "server/base/session.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOKEN 96           // bytes of a word of a usage line, with its NUL
#define PARTS 32           // words of a usage line
#define LIST_MS 1000       // a shell's user waits
#define LIST_BYTES 1048576 // of what a list prints

enum part_kind {
	PART_OPTION,  // "--json", "--name=NAME", "-n NAME"
	PART_WORD,    // "invite": stands for itself
	PART_OPERAND, // "NAME"
};
struct part {
	enum part_kind kind;
	char text[TOKEN];  // of an option: up to its "="
	char value[TOKEN]; // what an option takes, or empty
	bool next;         // ... as the next word
};

// A usage line.
struct form {
	struct part part[PARTS];
	size_t count;
};

struct line {
	char *const *words; // behind the command
	size_t count;       // at least 1: the last is to be completed
	const char *last;
};

// ---- usage lines ---------------------------------------------------------------------------------

// The next word without the brackets and dots around it, into `token`. False: the line ends.
static bool
next_token(const char **at, char token[TOKEN])
{
	size_t len;

	*at += strspn(*at, " []|");
	if (!**at || **at == '\n')
		return false;
	len = strcspn(*at, " ]\n");
	if ((*at)[len] == ']' && isupper((unsigned char)(*at)[len + 1]))
		len += strcspn(*at + len, " \n"); // "[USER@]RELAY" is one word
	snprintf(token, TOKEN, "%.*s", (int)len, *at);
	*at += len;
	token[strcspn(token, ".")] = 0; // "NAME..."
	return true;
}

static void
read_part(struct part *part, const char *token, const char **at)
{
	size_t name = strcspn(token, "=");

	*part = (struct part){.kind = PART_OPERAND};
	snprintf(part->text, sizeof(part->text), "%s", token);
	if (*token != '-') {
		if (islower((unsigned char)*token) && !strchr(token, '|'))
			part->kind = PART_WORD;
		return;
	}
	part->kind = PART_OPTION;
	if (token[name] == '=') {
		part->text[name + 1] = 0;
		snprintf(part->value, sizeof(part->value), "%s", token + name + 1);
	} else if (**at == ' ' && isupper((unsigned char)(*at)[1])) {
		part->next = next_token(at, part->value);
	}
}

// "  -n, --name=NAME   what it is", and "--web[=PORT]", which needs no value.
static void
read_options(struct form *form, const char *help)
{
	char token[TOKEN];

	for (; help && *help; help += strcspn(help, "\n"), help += *help == '\n') {
		help += strspn(help, " ");
		while (*help == '-' && form->count < PARTS) {
			size_t len = strcspn(help, " ,\n");

			snprintf(token, sizeof(token), "%.*s", (int)len, help);
			if (strstr(token, "[="))
				*strstr(token, "[=") = 0;
			help += len;
			read_part(&form->part[form->count++], token, &help);
			help += *help == ',' ? strspn(help, ", ") : 0;
		}
	}
}

// A line behind the first says the names again: "  mirrord web invite ...".
static void
read_form(struct form *form, const struct complete_command *command, const char *args)
{
	bool first = args == command->args;
	char token[TOKEN];

	form->count = 0;
	while (form->count < PARTS && next_token(&args, token)) {
		if (!first && !form->count && command->name &&
		    (strcmp(token, MIRRORD_NAME) == 0 || strcmp(token, command->name) == 0))
			continue;
		if (strcmp(token, "OPTION") == 0)
			read_options(form, command->help);
		else
			read_part(&form->part[form->count++], token, &args);
	}
}

static const char *
next_form(const char *args)
{
	args += strcspn(args, "\n");
	return *args ? args + 1 : NULL;
}

// ---- what there is -------------------------------------------------------------------------------

// `whole`: the word up to what is completed, e.g. "--session=".
static void
offer(const struct line *line, const char *whole, const char *choice)
{
	size_t len = strlen(whole);

	if (strncmp(line->last, whole, len) == 0 &&
	    strncmp(choice, line->last + len, strlen(line->last + len)) == 0)
		printf("%s%s\n", whole, choice);
}

static bool
is_live(const struct session *session)
{
	int fd = session_connect(session->view);

	if (fd >= 0)
		close(fd);
	return fd >= 0 || (errno != ECONNREFUSED && errno != ENOENT);
}

static void
offer_sessions(const struct line *line, const char *whole, enum session_scope scope)
{
	char why[SESSION_WHY], name[LIMIT_NAME + 80];
	size_t count;
	struct session *list = session_list(scope, &count, why);

	for (size_t i = 0; list && i < count; i++) {
		const struct passwd *user =
		    list[i].owner == getuid() ? NULL : getpwuid(list[i].owner);

		snprintf(name, sizeof(name), "%.64s%s%s", user ? user->pw_name : "",
		    user ? "/" : "", list[i].name);
		if (is_live(&list[i]))
			offer(line, whole, name);
	}
	free(list);
}

// The file of keys that the line names, as an option, or NULL.
static const char *
named_keys(const struct line *line)
{
	static const char option[] = "--authorized-keys=";

	for (size_t i = 0; i + 1 < line->count; i++)
		if (strncmp(line->words[i], option, strlen(option)) == 0)
			return line->words[i];
	return NULL;
}

// The names that one of our lists has, e.g. `mirrord who --json`.
static void
offer_listed(const struct line *line, const char *whole, const char *list, const char *verb,
    const char *session)
{
	char *argv[] = {"/proc/self/exe", (char *)list, (char *)verb, (char *)session,
	    strcmp(list, "guest") == 0 ? (char *)named_keys(line) : NULL, NULL};
	const struct run program = {.argv = argv, .timeout_ms = LIST_MS, .users = true};
	char *text = malloc(LIST_BYTES);
	json_t *names = NULL, *one;
	size_t i;

	if (text && run(&program, text, LIST_BYTES) == 0)
		names = json_loads(text, 0, NULL);
	json_array_foreach(names, i, one)
	{
		const char *name = json_string_value(json_object_get(one, "name"));

		if (name)
			offer(line, whole, name);
	}
	json_decref(names);
	free(text);
}

static void
offer_viewers(const struct line *line, const char *whole)
{
	char why[SESSION_WHY];
	size_t count;
	struct session *list = session_list(SESSION_OWN, &count, why);

	for (size_t i = 0; list && i < count; i++) {
		if (is_live(&list[i]))
			offer_listed(line, whole, "who", "--json", list[i].name);
	}
	free(list);
}

static void
offer_users(const struct line *line, const char *whole)
{
	const struct passwd *user;

	setpwent();
	while ((user = getpwent()))
		offer(line, whole, user->pw_name);
	endpwent();
}

// "text|json|ansi"
static void
offer_each(const struct line *line, const char *whole, const char *choices)
{
	char one[TOKEN];

	for (; *choices; choices += strcspn(choices, "|"), choices += *choices == '|') {
		snprintf(one, sizeof(one), "%.*s", (int)strcspn(choices, "|"), choices);
		if (!isupper((unsigned char)*one))
			offer(line, whole, one);
	}
}

// Where NAME is not that of a session: of a person who was let in, or is about to be.
static bool
offer_person(const struct line *line, const char *whole, const char *command)
{
	static const struct {
		const char *command, *word, *list;
	} people[] = {{"guest", "remove", "list"}, {"guest", "refresh", "list"},
	    {"web", "revoke", "invites"}};

	for (size_t i = 0; !*whole && i < sizeof(people) / sizeof(people[0]); i++) {
		if (strcmp(command, people[i].command) == 0 &&
		    strcmp(line->words[0], people[i].word) == 0) {
			offer_listed(line, whole, command, people[i].list, "--json");
			return true;
		}
	}
	return strcmp(whole, "--name=") == 0 &&
	       (strcmp(command, "guest") == 0 || strcmp(command, "web") == 0);
}

// What a word in upper case stands for.
static void
offer_kind(const struct line *line, const char *whole, const char *kind, const char *command)
{
	bool any = command && strcmp(command, "view") == 0;

	if (strcmp(kind, "NAME") == 0 && (!command || offer_person(line, whole, command)))
		return; // or a new session's
	if (strcmp(kind, "NAME") == 0)
		offer_sessions(line, whole, any ? SESSION_ALL : SESSION_OWN);
	else if (strcmp(kind, "GUEST") == 0)
		offer_viewers(line, whole);
	else if (strcmp(kind, "USER") == 0)
		offer_users(line, whole);
	else if (strcmp(kind, "FILE") == 0)
		puts(":files");
	else if (strstr(kind, "RELAY") || strcmp(kind, "DEST") == 0)
		puts(":hosts");
	else
		offer_each(line, whole, kind);
}

// ---- one usage line ------------------------------------------------------------------------------

// The option that a word is, or NULL.
static const struct part *
find_option(const struct form *form, const char *word)
{
	for (size_t i = 0; i < form->count; i++) {
		const struct part *part = &form->part[i];
		size_t len = strlen(part->text);

		if (part->kind == PART_OPTION &&
		    (part->text[len - 1] == '=' ? strncmp(word, part->text, len) == 0
						: strcmp(word, part->text) == 0))
			return part;
	}
	return NULL;
}

// What stands at the place of the operand number `at`, or NULL.
static const struct part *
find_operand(const struct form *form, size_t at)
{
	for (size_t i = 0; i < form->count; i++) {
		if (form->part[i].kind != PART_OPTION && at-- == 0)
			return &form->part[i];
	}
	return NULL;
}

static void
offer_options(const struct form *form, const struct line *line, const char *command)
{
	const struct part *option = find_option(form, line->last);

	if (option && *option->value && !option->next) {
		offer_kind(line, option->text, option->value, command);
		return;
	}
	for (size_t i = 0; i < form->count; i++) {
		if (form->part[i].kind == PART_OPTION)
			offer(line, "", form->part[i].text);
	}
}

static void
complete_form(const struct form *form, const struct line *line, const char *command)
{
	const struct part *part, *before = NULL; // an option that takes the next word
	size_t operands = 0;

	for (size_t i = 0; i + 1 < line->count; i++) {
		const char *word = line->words[i];

		if (before) {
			before = NULL;
		} else if (*word == '-') {
			before = find_option(form, word);
			before = before && before->next ? before : NULL;
		} else {
			part = find_operand(form, operands++);
			if (part && part->kind == PART_WORD && strcmp(part->text, word) != 0)
				return; // the line is of another form
		}
	}
	part = find_operand(form, operands);
	if (before)
		offer_kind(line, "", before->value, command);
	else if (*line->last == '-')
		offer_options(form, line, command);
	else if (part && part->kind == PART_WORD)
		offer(line, "", part->text);
	else if (part)
		offer_kind(line, "", part->text, command);
}

// ---- the command line ----------------------------------------------------------------------------

// The command of that name, or hosting, which is the first.
static const struct complete_command *
find(const struct complete_command *commands, size_t count, const char *name)
{
	for (size_t i = 1; name && i < count; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return commands;
}

// Whether the form is one of those that begin with the first word of the line.
static bool
begins_with(const struct form *form, const struct line *line)
{
	const struct part *first = find_operand(form, 0);

	return line->count > 1 && first && first->kind == PART_WORD &&
	       strcmp(first->text, line->words[0]) == 0;
}

static void
complete_command(const struct complete_command *command, const struct line *line)
{
	struct form form;
	bool subword = false; // "web invite": not a session called invite

	for (const char *args = command->args; args; args = next_form(args)) {
		read_form(&form, command, args);
		subword |= begins_with(&form, line);
	}
	for (const char *args = command->args; args; args = next_form(args)) {
		read_form(&form, command, args);
		if (!subword || begins_with(&form, line))
			complete_form(&form, line, command->name);
	}
}

// Where the command that is hosted begins, or `count` if it has not.
static size_t
find_hosted(char *const *words, size_t count)
{
	for (size_t i = 0; i + 1 < count; i++) {
		if (strcmp(words[i], "--") == 0)
			return i + 1;
		if (*words[i] != '-' && (!i || strcmp(words[i - 1], "-n") != 0))
			return i;
	}
	return count;
}

static void
offer_commands(const struct complete_command *commands, size_t count, const struct line *line)
{
	for (size_t i = 0; i < count; i++) {
		if (commands[i].name) // hosting has none
			offer(line, "", commands[i].name);
	}
}

void
complete_print(
    const struct complete_command *commands, size_t count, char *const *words, size_t word_count)
{
	const struct complete_command *command =
	    find(commands, count, word_count > 1 ? words[0] : NULL);
	struct line line = {.words = words, .count = word_count, .last = words[word_count - 1]};
	size_t hosted = find_hosted(words, word_count);

	if (command && command->name) {
		line.words++;
		line.count--;
	} else if (hosted < word_count) {
		printf(":command %zu\n", hosted);
		return;
	}
	if (!command->args)
		offer_commands(commands, count, &line); // help
	else
		complete_command(command, &line);
	if (!command->name && word_count == 1 && *line.last != '-')
		offer_commands(commands, count, &line);
}
