// SPDX-License-Identifier: ISC
// Tries each door of a relay as a guest: one login, over which OpenSSH's multiplexing asks for all the
// things that a guest should not get. What is asked for prints a number that nobody would print who only
// repeats the question.
#include "server/base/run.h"
#include "server/base/words.h"
#include "server/setup/doctor.h"
#include "server/setup/record.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DOOR_WORDS 64     // of a command line, with its NULL
#define DOOR_MS 10000     // for an answer that comes over a line that is up
#define DOOR_OUTPUT 65536 // bytes of what ssh says
#define ASKED "echo mirrord-$((6*7))"
#define ANSWER "mirrord-42"

struct doors {
	struct doctor *doctor;
	char *words[DOOR_WORDS]; // owned: the user's ssh
	size_t count;
	const char *dest;
	char dir[PATH_MAX], control[PATH_MAX + 8], log[PATH_MAX + 8];
	char output[DOOR_OUTPUT]; // of the last command
};

// ---- ssh -----------------------------------------------------------------------------------------

// Runs ssh with these options and words after the destination, each list NULL-terminated. `shared`: over
// the login that is there.
static int
ask(struct doors *doors, bool shared, char *const *options, char *const *command, const void *input,
    size_t input_len)
{
	char *argv[DOOR_WORDS * 2],
	    *common[] = {"-S", shared ? doors->control : "none", "-o", "BatchMode=yes", NULL};
	const struct run ssh = {.argv = argv,
	    .input = input,
	    .input_len = input_len,
	    .lingers = input_len > 0, // sftp's server goes with its input, its answer unsaid
	    .timeout_ms = DOOR_MS,
	    .users = true,
	    .holds = true};
	size_t count = 0;

	for (size_t i = 0; i < doors->count; i++)
		argv[count++] = doors->words[i];
	for (size_t i = 0; common[i]; i++)
		argv[count++] = common[i];
	for (size_t i = 0; options[i]; i++)
		argv[count++] = options[i];
	argv[count++] = (char *)doors->dest;
	for (size_t i = 0; command[i]; i++)
		argv[count++] = command[i];
	argv[count] = NULL;
	return run(&ssh, doors->output, sizeof(doors->output));
}

static char *const nothing[] = {NULL};
#define WORDS(...) ((char *[]){__VA_ARGS__, NULL})

static bool
said(const struct doors *doors, const char *words)
{
	return strstr(doors->output, words) != NULL;
}

static void
closed(struct doors *doors, bool open, const char *what, const char *advice)
{
	doctor_add(doors->doctor, open ? DOCTOR_HOLE : DOCTOR_OK, "%s", open ? what : "closed");
	if (open)
		doctor_advise(doors->doctor, "%s", advice);
}

static void
unanswered(struct doors *doors)
{
	doctor_add(doors->doctor, DOCTOR_UNKNOWN, "no answer within %d s", DOOR_MS / 1000);
}

// ---- doors ---------------------------------------------------------------------------------------

#define FORCE "force a command on the key: restrict,pty,command=\"" MIRRORD_NAME " view ...\""
#define RESTRICT "write restrict,pty in front of the key's options, or DisableForwarding yes"

static void
try_command(struct doors *doors)
{
	if (ask(doors, true, WORDS("-T"), WORDS(ASKED), NULL, 0) == RUN_TIMEOUT)
		unanswered(doors);
	else
		closed(doors, said(doors, ANSWER), "a guest can run any command", FORCE);
}

static void
try_shell(struct doors *doors)
{
	static const char line[] = ASKED "\nexit\n";

	if (ask(doors, true, WORDS("-T"), nothing, line, sizeof(line) - 1) == RUN_TIMEOUT)
		unanswered(doors);
	else
		closed(doors, said(doors, ANSWER), "a guest gets a shell", FORCE);
}

// The first packet of sftp, INIT of version 3, is answered by one of type 2, VERSION.
static void
try_sftp(struct doors *doors)
{
	static const unsigned char init[] = {0, 0, 0, 5, 1, 0, 0, 0, 3};
	int status = ask(doors, true, WORDS("-T", "-s"), WORDS("sftp"), init, sizeof(init));
	const unsigned char *answer = (const unsigned char *)doors->output;

	if (status == RUN_TIMEOUT)
		unanswered(doors);
	else
		closed(doors, answer[0] == 0 && answer[1] == 0 && answer[4] == 2,
		    "a guest can read and write files by sftp and scp", FORCE);
}

// What ssh has logged since it had `from` bytes, to be freed; NULL if there is no log.
static char *
logged(const struct doors *doors, size_t from, size_t *all)
{
	char *log = record_read_file(doors->log, all);

	if (log && from <= *all)
		memmove(log, log + from, *all - from + 1);
	return log;
}

// sshd refuses before it looks whether anything listens there; port 9 rarely does. The reason of a refusal
// goes to the log.
static void
try_local(struct doors *doors)
{
	size_t before = 0, after;
	char *log = logged(doors, 0, &before);
	int status = ask(doors, true, WORDS("-W", "localhost:9"), nothing, NULL, 0);

	free(log);
	log = logged(doors, before, &after);
	if (log && strstr(log, "prohibited"))
		closed(doors, false, "", "");
	else if (status == RUN_TIMEOUT || status == 0 || (log && strstr(log, "connect failed")))
		closed(doors, true,
		    "a guest can reach other machines through the relay (-L, -D, -W)", RESTRICT);
	else
		doctor_add(doors->doctor, DOCTOR_UNKNOWN, "the relay does not say");
	free(log);
}

static void
try_remote(struct doors *doors)
{
	int status =
	    ask(doors, true, WORDS("-O", "forward", "-R", "0:localhost:9"), nothing, NULL, 0);

	if (status == RUN_TIMEOUT)
		unanswered(doors);
	else
		closed(doors, status == 0 && !said(doors, "failed"),
		    "a guest can open ports on the relay (-R)", RESTRICT);
}

static void
try_remote_socket(struct doors *doors)
{
	char path[64], to[sizeof(path) + 16], remove[sizeof(path) + 8];
	int status;

	// A name of its own below /tmp, where all may write: elsewhere the answer would be no either way.
	snprintf(path, sizeof(path), "/tmp/mirrord-doctor-%ld", (long)getpid());
	snprintf(to, sizeof(to), "%s:localhost:9", path);
	snprintf(remove, sizeof(remove), "rm -f %s", path);
	status = ask(doors, true, WORDS("-O", "forward", "-R", to), nothing, NULL, 0);
	if (status == RUN_TIMEOUT) {
		unanswered(doors);
		return;
	}
	closed(doors, status == 0 && !said(doors, "failed"),
	    "a guest can open unix sockets on the relay (-R), as doctor did in its /tmp", RESTRICT);
	if (status == 0) // sshd leaves it there; where any command runs, this one does
		ask(doors, true, WORDS("-T"), WORDS(remove), NULL, 0);
}

// sshd answers no request for an agent; but it says, to a client that wants to hear much, what the key
// was let in with.
static void
try_agent(struct doors *doors)
{
	size_t len;
	char *log = logged(doors, 0, &len);
	const char *options = log ? strstr(log, "key options:") : NULL;

	if (!options)
		doctor_add(doors->doctor, DOCTOR_UNKNOWN, "the relay does not say");
	else if (!memmem(options, strcspn(options, "\r\n"), "agent-forwarding", 16))
		closed(doors, false, "", "");
	else if (ask(doors, false, WORDS("-A", "-T"), WORDS("test -n \"$SSH_AUTH_SOCK\" && " ASKED),
		     NULL, 0) >= 0 &&
		 said(doors, ANSWER))
		closed(doors, true, "a guest can leave a socket of an agent on the relay (-A)",
		    RESTRICT);
	else
		doctor_add(doors->doctor, DOCTOR_UNKNOWN,
		    "the key's line allows it; `" MIRRORD_NAME
		    " doctor` on the relay knows whether sshd "
		    "does");
	free(log);
}

static void
try_display(struct doors *doors)
{
	char *before = getenv("DISPLAY"), *saved = before ? strdup(before) : NULL;
	int status;

	setenv("DISPLAY", saved ? saved : "localhost:99", 1);
	status = ask(doors, false, WORDS("-X", "-T"), nothing, NULL, 0);
	if (saved)
		setenv("DISPLAY", saved, 1);
	else
		unsetenv("DISPLAY");
	free(saved);
	if (status == RUN_TIMEOUT)
		unanswered(doors);
	else if (said(doors, "X11 forwarding request failed"))
		closed(doors, false, "", "");
	else if (status == 255)
		doctor_add(doors->doctor, DOCTOR_UNKNOWN,
		    "a second login is needed, and ssh may not ask for anything then: use an "
		    "agent");
	else
		closed(doors, true, "a guest can forward a display (-X)", RESTRICT);
}

static void
try_tunnel(struct doors *doors)
{
	ask(doors, false, WORDS("-w", "any:any", "-T", "-o", "ExitOnForwardFailure=yes"), nothing,
	    NULL, 0);
	if (said(doors, "administratively prohibited") || said(doors, "open failed"))
		closed(doors, false, "", "");
	else
		doctor_add(doors->doctor, DOCTOR_UNKNOWN,
		    "a tunnel can only be tried where this machine may make one");
}

#define LEAVE "q\rexit\r" // a view, and a shell

// The guest's own terminal, without which they would see nothing.
static void
try_terminal(struct doors *doors)
{
	int status = ask(doors, true, WORDS("-tt"), nothing, LEAVE, strlen(LEAVE));

	if (!said(doors, "PTY allocation request failed")) {
		if (status == RUN_TIMEOUT)
			unanswered(doors);
		else
			doctor_add(doors->doctor, DOCTOR_OK, "guests get one");
		return;
	}
	doctor_add(doors->doctor, DOCTOR_HOLE, "guests get no terminal, and see nothing");
	doctor_advise(doors->doctor, "write pty behind restrict in the key's options");
}

// What else than a key may be tried: with none of the methods, the relay says which there are.
static void
try_methods(struct doors *doors)
{
	const char *list;

	ask(doors, false, WORDS("-T", "-o", "PreferredAuthentications=none"), nothing, NULL, 0);
	list = strstr(doors->output, "Permission denied (");
	if (!list) {
		doctor_add(doors->doctor, DOCTOR_UNKNOWN, "the relay does not say what it takes");
		return;
	}
	list = strchr(list, '(') + 1;
	if (strncmp(list, "publickey)", 10) == 0) {
		doctor_add(doors->doctor, DOCTOR_OK, "keys alone");
		return;
	}
	doctor_add(doors->doctor, DOCTOR_UNKNOWN,
	    "the relay would also take %.*s: whether one fits is not tried",
	    (int)strcspn(list, ")\r\n"), list);
	doctor_advise(doors->doctor, "AuthenticationMethods publickey in sshd_config");
}

static const struct {
	const char *name;
	void (*try)(struct doors *doors);
} table[] = {
    {"another command", try_command},
    {"a shell", try_shell},
    {"sftp", try_sftp},
    {"forwarding to elsewhere", try_local},
    {"forwarding from the relay", try_remote},
    {"forwarding from a socket", try_remote_socket},
    {"forwarding of an agent", try_agent},
    {"forwarding of a display", try_display},
    {"a tunnel", try_tunnel},
    {"other ways to log in", try_methods},
    {"a terminal", try_terminal},
};

// ---- the login -----------------------------------------------------------------------------------

static void
last_line(const char *text, char why[DOCTOR_TEXT])
{
	const char *line = text;

	for (const char *at = text; *at; at++) {
		if (at[0] == '\n' && at[1] && strncmp(at + 1, "debug", 5) != 0)
			line = at + 1;
	}
	snprintf(why, DOCTOR_TEXT, "%.*s", (int)strcspn(line, "\r\n"), line);
	for (char *c = why; *c; c++) {
		if (iscntrl((unsigned char)*c))
			*c = '?';
	}
}

// It may ask for a passphrase, on the terminal; then it stays in the background.
static bool
log_in(struct doors *doors, char why[DOCTOR_TEXT])
{
	char *argv[DOOR_WORDS * 2], *log;
	const struct run ssh = {.argv = argv, .users = true, .holds = true};
	char *options[] = {"-v", "-E", doors->log, "-M", "-S", doors->control, "-o",
	    "ControlPersist=no", "-o", "ExitOnForwardFailure=no", "-f", "-N", NULL};
	size_t count = 0, len;
	int status;

	for (size_t i = 0; i < doors->count; i++)
		argv[count++] = doors->words[i];
	for (size_t i = 0; options[i]; i++)
		argv[count++] = options[i];
	argv[count++] = (char *)doors->dest;
	argv[count] = NULL;
	status = run(&ssh, doors->output, sizeof(doors->output));
	if (status == 0)
		return true;
	log = logged(doors, 0, &len);
	if (status == RUN_NOT_FOUND)
		snprintf(why, DOCTOR_TEXT, "there is no %.100s here", argv[0]);
	else
		last_line(log ? log : doors->output, why);
	free(log);
	return false;
}

static bool
prepare(struct doors *doors, const char *ssh, char why[DOCTOR_TEXT])
{
	const char *base = getenv("XDG_RUNTIME_DIR");

	doors->count = words_split(ssh, doors->words, DOOR_WORDS - 1);
	if (!doors->count) {
		snprintf(why, DOCTOR_TEXT, "--ssh=%.100s is no command", ssh);
		return false;
	}
	// Short: a socket's path is, and ssh adds some letters to it for a while.
	snprintf(doors->dir, sizeof(doors->dir), "%.60s/mirrord-XXXXXX",
	    base && *base == '/' && strlen(base) < 60 ? base : "/tmp");
	if (!mkdtemp(doors->dir)) {
		snprintf(why, DOCTOR_TEXT, "cannot make a directory %.100s", doors->dir);
		return false;
	}
	snprintf(doors->control, sizeof(doors->control), "%s/c", doors->dir);
	snprintf(doors->log, sizeof(doors->log), "%s/log", doors->dir);
	return true;
}

bool
doctor_doors(struct doctor *doctor, const char *ssh, const char *dest, char why[DOCTOR_TEXT])
{
	struct doors *doors = calloc(1, sizeof(*doors));
	bool ok;

	if (!doors)
		abort();
	doors->doctor = doctor;
	doors->dest = dest;
	ok = prepare(doors, ssh, why);
	if (ok && (ok = log_in(doors, why))) {
		for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
			doctor->where = table[i].name;
			table[i].try(doors);
		}
		ask(doors, true, WORDS("-O", "exit"), nothing, NULL, 0);
	}
	unlink(doors->log);
	unlink(doors->control);
	rmdir(doors->dir);
	for (size_t i = 0; i < doors->count; i++)
		free(doors->words[i]);
	free(doors);
	return ok;
}
