// SPDX-License-Identifier: ISC
// mirrord: picks the command, and prints what there is to know about each.
//
//   commands.h  what each command's entry looks like; main.c's table lists them
//   base/    what all processes share: session.c (names, directories, sockets), msg.c and proto.h
//            (messages, limits), viewproto.c, viewclient.c and control.c (the clients' ends of a session's
//            two sockets; list, stop), orders.c, sandbox*.c, option.c, tty.c, caps.c, ssh.c, run.c
//   host/    the host's side: host.c (`mirrord -- CMD`), front.c (raw both ways), attach.c, hand.c (orders to
//            a running session), event.c (what happens, as JSON and in words), notify.c, who.c, dump.c
//   keeper/  the process that owns the PTY: keeper.c and its parts; ring.c, pty.c below it
//   mirror/  the process that holds the model and serves the view socket: viewers.c all who watch,
//            viewer*.c one of them, cut.c when a frame is cut, curtain.c what is seen while paused
//   edge/    watching: upstream.c the connection to the mirror, replica.c the screen, sender.c and pace.c what
//            goes to a guest's terminal and when, view.c all of it at work, scroll.c what has scrolled away,
//            pick.c which session; typing.c a viewer who was lent the keyboard (keyboard.c in base/: its socket)
//   link/    watching through frames: frames.c the far end of watch.c; link*.c the link's states, sight.c its pace
//            under sshd, dialer.c runs ssh; fan.c one sender's frames for many; keyline.c typing from afar, between
//            farkeys.c (watch) and lent.c (its far end)
//   relay/   publish*.c watching, for a relay: the same frames up through ssh; relay.c what ssh runs
//            there, relay_serve.c the process that serves; *_keyboard.c its guests' typing
//   setup/   a machine where guests watch: relay_setup.c, doctor.c what is open that should not be,
//            invite.c the line to hand out, relay_login.c what sshd forces
//   guest/   who may watch, in authorized_keys; guest.c has a map
//   cli/     complete.c for shells, suggest.c for slips, render.c and show.c screens as text, sandbox_test.c
#include "server/base/aside.h"
#include "server/cli/complete.h"
#include "server/cli/suggest.h"
#include "server/commands.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#ifdef MIRRORD_SANITIZED
// The leak checker stops the process from a tracer that a sandbox forbids, and then waits for ever.
// Unit tests and fuzzers look for leaks.
const char *__asan_default_options(void);

const char *
__asan_default_options(void)
{
	return "detect_leaks=0";
}
#endif

struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *args;    // as in a usage line
	const char *summary; // one line, or NULL: hidden
	const char *help;    // the options, one a line
};

static const char host_help[] =
    "  -n, --name=NAME       name of the session (default: shared)\n"
    "      --detach          start it without a terminal, in the background\n"
    "      --size=COLSxROWS  its size with --detach (default: 80x24)\n"
    "      --detach-key=KEY  key that, followed by d, leaves the session running:\n"
    "                        ^A to ^_, or none (default: ^\\, or $MIRRORD_DETACH_KEY);\n"
    "                        followed by p, pauses or resumes\n"
    "      --ask             whoever wants to watch waits for your word: the key, then y or n\n"
    "      --notify=WAY      tell of who comes and goes by osc9 (default), title or none\n"
    "      --on-event=CMD    run CMD for what happens, with a JSON line on its input\n"
    "      --web[=ADDR:PORT] let others watch in a browser too: see `" MIRRORD_NAME " web --help`\n"
    "      --publish=[USER@]RELAY  let guests of a relay watch it, as " MIRRORD_NAME
    " publish does\n"
    "      --ssh=CMD         how to run ssh for that (default: ssh)\n"
    "      --remote=PROGRAM  what " MIRRORD_NAME " is called there, or its path\n"
    "      --help, --version\n";

static const struct command commands[] = {
    {"attach", cmd_attach, "[--detach-key=KEY] [--notify=WAY] [NAME]",
	"take a session back as its host",
	"      --detach-key=KEY, --notify=WAY  as for hosting a session\n"},
    {"list", cmd_list, "[--json]", "sessions of yours", "      --json  for programs\n"},
    {"stop", cmd_stop, "[NAME]", "end a session: hang up its command", ""},
    {"view", cmd_view, "[--wait] [--as GUEST] [--max-fps=N] [--budget=BYTES] [NAME]",
	"watch a session in this terminal",
	"      --wait          wait for a session instead of leaving\n"
	"      --as GUEST      who watches, for `" MIRRORD_NAME
	" who`; for forced commands, as are\n"
	"      --key=PRINT     the fingerprint of their key,\n"
	"      --keys=FILE     the authorized_keys that must still have it for GUEST,\n"
	"      --role=ROLE     view or pair, and\n"
	"      --until=TIME    the end of it: 2h, 2026-12-31, 2026-12-31T18:00:00Z\n"
	"      --frames        be the far end of `" MIRRORD_NAME " watch`\n"
	"      --max-fps=N     no more than N frames a second, 1 to 240\n"
	"      --budget=BYTES  no more than so many bytes a second, on average\n"
	"  q or ^C leaves. The arrow keys move a terminal smaller than the host's; with Home or\n"
	"  0 it follows the cursor again. Page Up or b goes back to what has scrolled away, Page\n"
	"  Down or f forward, q, Esc or End to the live screen. Where there are several sessions "
	"and\n"
	"  no NAME, it asks which.\n"},
    {"watch", cmd_watch,
	"[--ssh=CMD] [--remote=PROGRAM] [--max-fps=N] [--budget=BYTES] [USER@]RELAY [NAME]",
	"watch a session through ssh, as frames",
	"      --ssh=CMD       how to run ssh, with its options (default: ssh)\n"
	"      --remote=PROGRAM  what " MIRRORD_NAME " is called there, or its path\n"
	"      --max-fps=N     no more than N frames a second, 1 to 240\n"
	"      --budget=BYTES  no more than so many bytes a second, on average\n"
	"  Comes back by itself when the link is lost. Keys as for `" MIRRORD_NAME " view`.\n"},
    {"who", cmd_who, "[--json] [NAME]", "who watches a session", "      --json  for programs\n"},
    {"pause", cmd_pause, "[NAME]", "draw a curtain: viewers see nothing of the session", ""},
    {"resume", cmd_resume, "[NAME]", "show the session again", ""},
    {"say", cmd_say, "[-n NAME] [--for=TIME] TEXT", "show viewers a line beside the session",
	"  -n, --name=NAME  the session\n"
	"      --for=TIME   for so long: 30s, 5m, 2h; without it until the next\n"
	"  An empty TEXT takes the line away.\n"},
    {"lock", cmd_lock, "[--ask] [NAME]", "let nobody else in", "      --ask  but ask about each\n"},
    {"unlock", cmd_unlock, "[NAME]", "let others in again, unasked", ""},
    {"kick", cmd_kick, "[-n NAME] [--ban] GUEST", "send a viewer away",
	"  -n, --name=NAME  the session\n"
	"      --ban        and shut them out until the session ends or they are admitted\n"
	"  GUEST is a name, or the fingerprint of a key, as `" MIRRORD_NAME " who` shows them.\n"},
    {"admit", cmd_admit, "[-n NAME] GUEST", "let in who asks, or who was shut out",
	"  -n, --name=NAME  the session\n"},
    {"grant", cmd_grant, "[-n NAME] [--for=TIME] GUEST", "lend the keyboard to a viewer",
	"  -n, --name=NAME  the session\n"
	"      --for=TIME   for so long at most: 30s, 5m, 2h\n"
	"  It is yours again with your next key, with `" MIRRORD_NAME
	" revoke`, when they leave, or when\n"
	"  they do not see what the session shows. Only to keys with --role=pair, and never to a\n"
	"  browser. While a relay's guest has it, whoever runs that relay could type too.\n"},
    {"revoke", cmd_revoke, "[NAME]", "take the keyboard back", ""},
    {"events", cmd_events, "[--exec=CMD] [NAME]", "print what happens in a session, as JSON lines",
	"      --exec=CMD  run a shell command for each, with the line on its input\n"},
    {"dump", cmd_dump, "[--format=text|json|ansi|html|vt] [NAME]", "print a session's screen",
	"      --format=FORMAT  text (default), json, ansi or html; vt: all of the terminal's\n"
	"                       state, for programs of the host's\n"},
    {"render", cmd_render, "[--size=COLSxROWS] [--format=text|json|ansi|html] [FILE]",
	"print the final screen of terminal bytes, without a session",
	"      --size=COLSxROWS  of the screen (default: 80x24)\n"
	"      --format=FORMAT   text (default), json, ansi or html\n"
	"  Reads FILE, or standard input.\n"},
    {"publish", cmd_publish, "[--ssh=CMD] [--remote=PROGRAM] [--stop] [USER@]RELAY [NAME]",
	"let guests of a relay watch a session",
	"      --ssh=CMD  how to run ssh, with its options (default: ssh)\n"
	"      --remote=PROGRAM  what " MIRRORD_NAME " is called there, or its path\n"
	"      --stop     end that\n"
	"  Goes on in the background for as long as the session does. Needs mirrord on the relay,\n"
	"  and an account there; opens no port here.\n"},
    {"relay", cmd_relay,
	"[--as=NAME] [--keep=TIME] | setup [--user=NAME] [--host=USER]... [--dry-run] [--undo]",
	"make this machine a relay",
	"  Without setup: what " MIRRORD_NAME
	" publish runs there, also as a key's forced command.\n"
	"      --as=NAME    what comes with this key is published as NAME.SESSION\n"
	"      --keep=TIME  how long guests are kept while the host is away: 90s, 30m, 4h\n"
	"                   (default), 2d\n"
	"  With setup:\n"
	"      --user=NAME  the guests' account (default: guest)\n"
	"      --host=USER  who of this machine hosts or publishes sessions for guests\n"
	"      --dry-run    say what would be done, and do nothing\n"
	"      --undo       take back what it made\n"},
    {"web", cmd_web,
	"[--listen=ADDR:PORT] [--cert=FILE --key=FILE] [--host=NAME...] [--detach] [NAME]\n"
	"       " MIRRORD_NAME
	" web invite [--name=NAME] [--session=NAME] [--expires=2h] [--uses=N|any]\n"
	"       " MIRRORD_NAME " web invites [--json]\n"
	"       " MIRRORD_NAME " web revoke NAME",
	"let others watch in a browser",
	"      --listen=ADDR:PORT  where browsers connect (default: 127.0.0.1:6477)\n"
	"      --cert=FILE         certificate and key, in PEM: serve https\n"
	"      --key=FILE\n"
	"      --host=NAME         a name that browsers may use for it; can be repeated\n"
	"      --detach            run in the background until the last session has ended\n"
	"  Prints a link. NAME is the session that this link shows (default: all).\n"
	"  invite makes another link:\n"
	"      --name=NAME         of the person, for `" MIRRORD_NAME " who` (default: auditor)\n"
	"      --session=NAME      show only this one\n"
	"      --expires=TIME      30m, 2h, 7d; whoever watches is cut then (default: 24h)\n"
	"      --uses=N|any        how often it can be opened (default: 1)\n"
	"  invites lists them, revoke ends one and cuts who came through it.\n"},
    {"invite", cmd_invite, "[NAME]", "print the line to hand out to guests",
	"  With it stand those who have a key, and until when.\n"},
    {"doctor", cmd_doctor,
	"[--user=NAME] [--authorized-keys=FILE] [--ssh=CMD] [-v] [--json] [[USER@]RELAY]",
	"look for holes in a set-up for guests",
	"      --user=NAME             the account to look at (default: the relay's, or one's "
	"own)\n"
	"      --authorized-keys=FILE  the only file of keys to look at\n"
	"      --ssh=CMD               how to run ssh, with its options (default: ssh)\n"
	"  -v, --verbose               all that was looked at, not only holes\n"
	"      --json                  for programs\n"
	"  With USER@RELAY it logs in as a guest and tries each door. Status 1: there is a "
	"hole.\n"},
    {"guest", cmd_guest,
	"add --github=USER | --url=URL | --file=KEY.pub [OPTION...]\n"
	"       " MIRRORD_NAME " guest refresh [--yes] [NAME]\n"
	"       " MIRRORD_NAME " guest remove NAME\n"
	"       " MIRRORD_NAME " guest list [--json]",
	"say who may watch, by their keys",
	"      --name=NAME     how the guest is called (default: as there)\n"
	"      --expires=TIME  2h, 7d, 2026-12-31, 2026-12-31T18:00 (default: never)\n"
	"      --session=NAME  this session alone; USER/NAME is one of USER's\n"
	"      --role=ROLE     view (default), or pair: may be given the keyboard\n"
	"      --yes           do not ask\n"
	"      --authorized-keys=FILE  for all of them (default: of the account guest, for root, "
	"if\n"
	"                      there is one; else ~/.ssh/authorized_keys)\n"
	"  refresh gets the keys of all, or of one, again from where they were published. remove\n"
	"  also ends what is watched with the keys.\n"},
    {"mirror", cmd_mirror, "", NULL, "  Started by mirrord itself.\n"},
    {"sandbox-test", cmd_sandbox_test, "", NULL, "  Tries the list in docs/security.md.\n"},
};
#define EX_NOPROGRAM 127 // as shells have it
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int
print_usage(void)
{
	printf("usage: %s [OPTION...] [--] [COMMAND [ARG...]]\n"
	       "Runs COMMAND, or your shell, in a session that others can watch and never "
	       "touch.\n\n%s\n",
	    MIRRORD_NAME, host_help);
	for (size_t i = 0; i < COMMANDS; i++) {
		if (commands[i].summary)
			printf(
			    "  " MIRRORD_NAME " %-7s %s\n", commands[i].name, commands[i].summary);
	}
	printf("\nEach has --help, which is also `" MIRRORD_NAME
	       " help COMMAND`. NAME may be left out when "
	       "there is one session.\n");
	return EX_OK;
}

static int
print_help(const struct command *command)
{
	printf("usage: %s %s%s%s\n", MIRRORD_NAME, command->name, *command->args ? " " : "",
	    command->args);
	if (command->summary)
		printf("%c%s.\n", command->summary[0] - 'a' + 'A', command->summary + 1);
	printf("\n%s", command->help);
	return EX_OK;
}

static const struct command *
find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++) {
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	}
	return NULL;
}

// Whether `--help` stands among the arguments of a command, before a `--`.
static bool
wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	}
	return false;
}

// `mirrord help [COMMAND]`
static int
help(int argc, char **argv)
{
	const struct command *command = argc > 2 ? find_command(argv[2]) : NULL;

	if (argc == 3 && wants_help(argc - 1, argv + 1))
		return print_usage();
	if (argc > 3 || (argc > 2 && !command)) {
		fprintf(stderr,
		    MIRRORD_NAME ": help takes one of the commands; see `" MIRRORD_NAME " help`\n");
		return EX_USAGE;
	}
	return command ? print_help(command) : print_usage();
}

// Before anything has touched the terminal: hosting would, and end at once.
static int
unknown(const char *word)
{
	const char *names[COMMANDS];
	const char *meant;
	size_t count = 0;

	for (size_t i = 0; i < COMMANDS; i++) {
		if (commands[i].summary)
			names[count++] = commands[i].name;
	}
	meant = suggest_name(word, names, count);
	fprintf(stderr,
	    MIRRORD_NAME ": \"%.80s\" is neither a command of " MIRRORD_NAME
			 " nor a program%s%s%s\n",
	    word, meant ? "; did you mean " : "", meant ? meant : "", meant ? "?" : "");
	return EX_NOPROGRAM;
}

// `mirrord complete -- WORD...`, for shells: what the last word may become.
static int
complete(int argc, char **argv)
{
	struct complete_command known[COMMANDS + 2] = {
	    {.args = "[OPTION...]", .help = host_help}, {.name = "help"}};
	size_t count = 2;

	for (size_t i = 0; i < COMMANDS; i++) {
		if (commands[i].summary)
			known[count++] = (struct complete_command){
			    commands[i].name, commands[i].args, commands[i].help};
	}
	if (argc < 4)
		return EX_USAGE;
	complete_print(known, count, argv + 3, (size_t)argc - 3);
	return EX_OK;
}

// Files of ours must not get the numbers of standard input, output and error.
static void
open_standard_fds(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int
main(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "";
	const struct command *command = find_command(word);

	open_standard_fds();
	if (command)
		return wants_help(argc - 1, argv + 1) ? print_help(command)
						      : command->run(argc - 1, argv + 1);
	if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
		puts(MIRRORD_NAME " " MIRRORD_VERSION);
		return EX_OK;
	}
	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
		return print_usage();
	if (strcmp(word, "help") == 0)
		return help(argc, argv);
	if (strcmp(word, "complete") == 0)
		return complete(argc, argv);
	if (*word && *word != '-' && !suggest_is_program(word))
		return unknown(word);
	return cmd_host(argc, argv);
}
