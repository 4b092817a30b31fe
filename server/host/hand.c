// SPDX-License-Identifier: ISC
// The host's hand on a running session: pause, resume, lock, unlock, say, kick, admit. Each is an order
// to the keeper, which has been carried out when the command returns.
#include "server/base/control.h"
#include "server/base/option.h"
#include "server/base/orders.h"
#include "server/base/viewclient.h"
#include "server/commands.h"
#include "server/host/who.h"

#include <errno.h>
#include <getopt.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define OBEY_MS 5000 // for a mirror that is just being replaced

struct hand {
	const char *command;
	struct session session;
	struct control control;
	bool lenient; // that nobody is of that name is no fault
};

static int
fail(int status, const char *text)
{
	fprintf(stderr, MIRRORD_NAME ": %s\n", text);
	return status;
}

// ---- orders ------------------------------------------------------------------------------------

static int
hand_open(struct hand *hand, const char *command, const char *name)
{
	char why[SESSION_WHY];
	int status;

	*hand = (struct hand){.command = command, .control = {.fd = -1}};
	status = session_find_own(name, &hand->session, why);
	if (status != EX_OK)
		return fail(status, why);
	if (control_open(&hand->control, hand->session.control) == 0)
		return EX_OK;
	snprintf(why, sizeof(why), "session \"%s\": %s", hand->session.name, strerror(errno));
	return fail(EX_UNAVAILABLE, why);
}

static int
give(struct hand *hand, const struct buf *order)
{
	char why[SESSION_WHY] = "the session has ended";
	struct msg msg;
	int status = EX_UNAVAILABLE;

	if (control_send(
		&hand->control, CONTROL_ORDER, order, -1, control_now_ms() + CONTROL_ANSWER_MS))
		status = control_wait(&hand->control, control_now_ms() + OBEY_MS, &msg, why);
	if (status == EX_OK || (status == EX_NOUSER && hand->lenient))
		return status;
	return fail(status, why);
}

static int
give_plain(struct hand *hand, enum order order)
{
	struct buf bytes = {0};
	int status;

	buf_put_u8(&bytes, (uint8_t)order);
	status = give(hand, &bytes);
	buf_fini(&bytes);
	return status;
}

static int
give_about(struct hand *hand, enum order order, const struct order_who *who)
{
	struct buf bytes = {0};
	int status;

	buf_put_u8(&bytes, (uint8_t)order);
	orders_who_put(&bytes, who);
	status = give(hand, &bytes);
	buf_fini(&bytes);
	return status;
}

// ---- pause, resume, lock, unlock -----------------------------------------------------------------

// Orders without fields; `name` is the session's, or NULL.
static int
order_session(const char *command, int argc, char **argv, const enum order *orders, size_t count)
{
	struct hand hand;
	int status;

	if (argc > 2)
		return fail(EX_USAGE, "only one session's name, please");
	if (argc == 2 && argv[1][0] == '-' && strcmp(argv[1], "--") != 0) {
		optind = 2;
		return option_bad(command, '?', argv);
	}
	status = hand_open(&hand, command, argc == 2 ? argv[1] : NULL);
	for (size_t i = 0; i < count && status == EX_OK; i++)
		status = give_plain(&hand, orders[i]);
	control_close(&hand.control);
	return status;
}

int
cmd_pause(int argc, char **argv)
{
	const enum order order = ORDER_PAUSE;

	return order_session("pause", argc, argv, &order, 1);
}

int
cmd_resume(int argc, char **argv)
{
	const enum order order = ORDER_RESUME;

	return order_session("resume", argc, argv, &order, 1);
}

int
cmd_lock(int argc, char **argv)
{
	enum order order = ORDER_LOCK;

	if (argc > 1 && strcmp(argv[1], "--ask") == 0) {
		order = ORDER_ASK;
		argc--;
		argv++;
	}
	return order_session("lock", argc, argv, &order, 1);
}

int
cmd_unlock(int argc, char **argv)
{
	const enum order orders[] = {ORDER_UNLOCK, ORDER_UNASK};

	return order_session("unlock", argc, argv, orders, 2);
}

// ---- say, kick, admit ----------------------------------------------------------------------------

struct words {
	const char *session; // -n, or NULL
	bool ban;
	uint32_t seconds; // --for
	char *text;       // owned: the words
};

enum { OPTION_BAN = 256, OPTION_FOR };
static const struct option name_option = {"name", required_argument, NULL, 'n'};

static char *
join(int count, char **words)
{
	struct buf text = {0};

	for (int i = 0; i < count; i++)
		buf_printf(&text, "%s%s", i ? " " : "", words[i]);
	buf_put_u8(&text, 0);
	return (char *)text.data;
}

static int
parse(const char *command, int argc, char **argv, const struct option *options, struct words *words)
{
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "+:n:", options, NULL)) != -1) {
		switch (option) {
		case 'n': words->session = optarg; break;
		case OPTION_BAN: words->ban = true; break;
		case OPTION_FOR:
			if (!option_seconds(optarg, &words->seconds))
				return fail(EX_USAGE,
				    "--for takes a time such as 30s, 5m or 2h, of a day at most");
			break;
		default: return option_bad(command, option, argv);
		}
	}
	words->text = join(argc - optind, argv + optind);
	return EX_OK;
}

int
cmd_say(int argc, char **argv)
{
	const struct option options[] = {
	    name_option, {"for", required_argument, NULL, OPTION_FOR}, {0}};
	struct words words = {.seconds = 0};
	struct buf order = {0};
	struct hand hand;
	int status = parse("say", argc, argv, options, &words);

	if (status == EX_OK &&
	    (strlen(words.text) > LIMIT_SAY || !view_text_clean(words.text, strlen(words.text))))
		status = fail(EX_DATAERR, "say one line, of 200 bytes that can be printed at most");
	if (status == EX_OK) {
		status = hand_open(&hand, "say", words.session);
		buf_put_u8(&order, ORDER_SAY);
		buf_put_bytes(&order, words.text, strlen(words.text));
		buf_put_varint(&order, words.seconds);
		if (status == EX_OK)
			status = give(&hand, &order);
		control_close(&hand.control);
	}
	buf_fini(&order);
	free(words.text);
	return status;
}

static bool
is_called(const struct view_person *person, const char *guest)
{
	char name[WHO_NAME];

	who_name(person, name);
	return strcmp(name, guest) == 0 || (*guest && strcmp(person->key, guest) == 0);
}

// Nobody who watches: the name in a forced command, a key's fingerprint, or a login name.
static int
rule(struct hand *hand, enum order order, const char *guest)
{
	const struct passwd *user = getpwnam(guest);
	struct order_who who = {.uid = user ? user->pw_uid : 0};
	const struct order_who login = who;
	bool is_key = strncmp(guest, "SHA256:", 7) == 0;
	int by_login = EX_NOUSER, status;

	if (strlen(guest) > (is_key ? LIMIT_KEY : LIMIT_NAME) || !*guest ||
	    !view_text_clean(guest, strlen(guest)))
		return fail(
		    EX_USAGE, "that is neither a guest's name nor the fingerprint of a key");
	strcpy(is_key ? who.key : who.name, guest);
	hand->lenient = true;
	if (user)
		by_login = give_about(hand, order, &login);
	hand->lenient = by_login == EX_OK;
	status = give_about(hand, order, &who);
	return status == EX_NOUSER ? by_login : status;
}

// A viewer that is known by its login alone is shut out for a moment.
static int
cut(struct hand *hand, const struct view_person *person, bool ban)
{
	struct view_cut whom = {0};
	struct order_who who;
	struct view_bye bye;
	uint32_t count;
	int status = EX_OK;

	orders_who_of(person, &who);
	if (ban || (!*person->name && !*person->key))
		status = give_about(hand, ORDER_BAN, &who);
	if (!ban && !*person->name && !*person->key && status == EX_OK)
		return give_about(hand, ORDER_FORGET, &who);
	strcpy(whom.name, person->name);
	strcpy(whom.key, person->key);
	if (status != EX_OK || ban || viewclient_cut(hand->session.view, &whom, &count, &bye))
		return status;
	return fail(bye.status, bye.text);
}

// The mirror always lets in the host's own views on this machine.
static bool
is_own(const struct view_person *person)
{
	return !*person->name && person->uid == getuid() && strcmp(person->via, "relay") != 0;
}

static int
kick(struct hand *hand, const struct words *words)
{
	size_t found = 0;
	bool own = false;
	struct who who;
	int status = who_ask(&hand->session, &who);

	for (size_t i = 0; i < who.count && status == EX_OK; i++) {
		if (!is_called(&who.people[i], words->text))
			continue;
		if (is_own(&who.people[i])) {
			own = true;
			continue;
		}
		found++;
		status = cut(hand, &who.people[i], words->ban);
	}
	who_fini(&who);
	if (status != EX_OK || found)
		return status;
	if (own)
		return fail(EX_NOPERM, "that is your own view: q in it leaves");
	if (words->ban)
		return rule(hand, ORDER_BAN, words->text);
	fprintf(stderr,
	    MIRRORD_NAME ": nobody called \"%.64s\" watches; see `" MIRRORD_NAME " who`\n",
	    words->text);
	return EX_NOUSER;
}

static int
admit(struct hand *hand, const struct words *words)
{
	return rule(hand, ORDER_ADMIT, words->text);
}

static int
about_guest(const char *command, int argc, char **argv, const struct option *options,
    int (*does)(struct hand *hand, const struct words *words))
{
	struct words words = {.seconds = 0};
	struct hand hand;
	int status = parse(command, argc, argv, options, &words);

	if (status == EX_OK && (!*words.text || argc - optind > 1))
		status = fail(EX_USAGE, "name one guest, as `" MIRRORD_NAME " who` does");
	if (status == EX_OK) {
		status = hand_open(&hand, command, words.session);
		if (status == EX_OK)
			status = does(&hand, &words);
		control_close(&hand.control);
	}
	free(words.text);
	return status;
}

// Why the keyboard cannot be lent to any of those who are called that.
static const char *
why_not(const struct view_person *person)
{
	if (strcmp(person->via, "web") == 0)
		return "watches in a browser, which is never lent the keyboard: let them watch by "
		       "ssh or " MIRRORD_NAME " watch, with a key that has --role=pair";
	if (strcmp(person->via, "publish") == 0)
		return "is a relay: lend the keyboard to one of its guests, whom `" MIRRORD_NAME
		       " who` shows below it";
	if (strcmp(person->via, "relay") == 0)
		return "may only watch: it takes a key with --role=pair at the relay "
		       "(there: " MIRRORD_NAME " guest add --role=pair), and ssh or " MIRRORD_NAME
		       " watch";
	return "may only watch: it takes a key with --role=pair (" MIRRORD_NAME
	       " guest add --role=pair)";
}

// Those who may be lent it say so, if their forced command does; a relay says it of its guests.
static int
lend(struct hand *hand, const struct words *words)
{
	const struct view_person *person = NULL, *called = NULL;
	struct order_who whom;
	struct buf order = {0};
	struct who who;
	int status = who_ask(&hand->session, &who);

	for (size_t i = 0; i < who.count && status == EX_OK && !person; i++) {
		if (!is_called(&who.people[i], words->text))
			continue;
		called = &who.people[i];
		person = called->pair ? called : NULL;
	}
	if (status == EX_OK && !person) {
		if (called)
			fprintf(stderr, MIRRORD_NAME ": %.64s %s\n", words->text, why_not(called));
		else
			fprintf(stderr,
			    MIRRORD_NAME ": nobody called \"%.64s\" watches; see `" MIRRORD_NAME
					 " who`\n",
			    words->text);
		status = called ? EX_NOPERM : EX_NOUSER;
	}
	if (status == EX_OK) {
		orders_who_of(person, &whom);
		buf_put_u8(&order, ORDER_GRANT);
		orders_who_put(&order, &whom);
		buf_put_varint(&order, words->seconds);
		status = give(hand, &order);
	}
	buf_fini(&order);
	who_fini(&who);
	return status;
}

int
cmd_grant(int argc, char **argv)
{
	const struct option options[] = {
	    name_option, {"for", required_argument, NULL, OPTION_FOR}, {0}};

	return about_guest("grant", argc, argv, options, lend);
}

int
cmd_revoke(int argc, char **argv)
{
	const enum order order = ORDER_REVOKE;

	return order_session("revoke", argc, argv, &order, 1);
}

int
cmd_kick(int argc, char **argv)
{
	const struct option options[] = {name_option, {"ban", no_argument, NULL, OPTION_BAN}, {0}};

	return about_guest("kick", argc, argv, options, kick);
}

int
cmd_admit(int argc, char **argv)
{
	const struct option options[] = {name_option, {0}};

	return about_guest("admit", argc, argv, options, admit);
}
