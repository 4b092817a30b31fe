// SPDX-License-Identifier: ISC
// `mirrord sandbox-test`: tries every system call number in a sandboxed child of each role.
#include "server/base/sandbox_rules.h"
#include "server/commands.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#define NUMBER_MAX 1024    // well past the last call of any architecture today
#define X32_BIT 0x40000000 // the same calls with another ABI, on x86-64
#define ARG_BAD 0x5a5a5a5a // an argument that no condition asks for
#define STUCK_S 5          // a call that is let through and waits has been let through

static const char *const role_names[SANDBOX_ROLE_COUNT] = {[SANDBOX_MIRROR] = "mirror",
    [SANDBOX_VIEW] = "view",
    [SANDBOX_WATCH] = "watch",
    [SANDBOX_WEB] = "web",
    [SANDBOX_PUBLISH] = "publish",
    [SANDBOX_RELAY] = "relay"};

enum verdict { VERDICT_KILLED, VERDICT_ALLOWED, VERDICT_BROKEN };

// The arguments for a call: zeros, with which an allowed one fails at once or does nothing, but for
// the one that its rule asks for.
static void
arguments_for(const struct sandbox_rule *rule, bool fulfil, long args[6])
{
	for (int i = 0; i < 6; i++)
		args[i] = 0;
	if (!rule || rule->arg < 0)
		return;
	args[rule->arg] = rule->own_pid ? getpid() : (long)rule->value;
	if (!fulfil)
		args[rule->arg] = rule->mask == UINT32_MAX ? ARG_BAD : (long)rule->mask;
}

static void
in_child(enum sandbox_role role, long nr, const struct sandbox_rule *rule, bool fulfil)
{
	struct sandbox_state state;
	long args[6];

	arguments_for(rule, fulfil, args);
	alarm(STUCK_S);
	if (!sandbox_enter(role, &state) || !state.seccomp)
		_exit(1);
	syscall(nr, args[0], args[1], args[2], args[3], args[4], args[5]);
	_exit(0);
}

static enum verdict
try_call(enum sandbox_role role, long nr, const struct sandbox_rule *rule, bool fulfil)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		in_child(role, nr, rule, fulfil);
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return VERDICT_BROKEN;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return VERDICT_KILLED;
	if (WIFEXITED(status) && WEXITSTATUS(status) != 0)
		return VERDICT_BROKEN;
	return VERDICT_ALLOWED; // also if it crashed on our arguments, or waits
}

static bool
number_has_rule(enum sandbox_role role, long nr, bool unconditional)
{
	for (size_t i = 0; i < sandbox_rules_len; i++) {
		const struct sandbox_rule *rule = &sandbox_rules[i];

		if ((rule->roles & (1u << role)) &&
		    seccomp_syscall_resolve_name(rule->name) == nr &&
		    (!unconditional || rule->arg < 0))
			return true;
	}
	return false;
}

static int
report(enum sandbox_role role, long nr, const char *what)
{
	char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, (int)nr);

	fprintf(stderr, MIRRORD_NAME ": %s: call %ld (%s) %s\n", role_names[role], nr,
	    name ? name : "no name", what);
	free(name);
	return 1;
}

// Linux on x86-64 shows uretprobe (335) and uprobe (336) to no filter, and refuses them itself unless
// they come from its own trampoline.
static bool
never_filtered(long nr)
{
#ifdef __x86_64__
	return nr == 335 || nr == 336;
#else
	(void)nr;
	return false;
#endif
}

// Every number that no rule names must kill. One whose arguments decide is tried below.
static int
try_unlisted(enum sandbox_role role)
{
	int wrong = 0;

	for (long nr = 0; nr < NUMBER_MAX; nr++) {
		if (number_has_rule(role, nr, false) || never_filtered(nr))
			continue;
		if (try_call(role, nr, NULL, true) != VERDICT_KILLED)
			wrong += report(role, nr, "is on no list, yet it did not kill");
		if (nr < NUMBER_MAX / 2 &&
		    try_call(role, nr | X32_BIT, NULL, true) != VERDICT_KILLED)
			wrong += report(role, nr | X32_BIT, "is of another ABI, yet did not kill");
	}
	return wrong;
}

static int
try_rule(enum sandbox_role role, const struct sandbox_rule *rule)
{
	long nr = seccomp_syscall_resolve_name(rule->name);

	if (nr < 0)
		return 0;
	if (try_call(role, nr, rule, true) != VERDICT_ALLOWED)
		return report(role, nr, "is on the list, yet it killed");
	if (rule->arg >= 0 && !number_has_rule(role, nr, true) &&
	    try_call(role, nr, rule, false) != VERDICT_KILLED)
		return report(role, nr, "was let through against its condition");
	printf(
	    "%s %s %s\n", role_names[role], rule->name, *rule->condition ? rule->condition : "-");
	return 0;
}

static int
try_role(enum sandbox_role role)
{
	int wrong = 0;

	for (size_t i = 0; i < sandbox_rules_len; i++) {
		if (sandbox_rules[i].roles & (1u << role))
			wrong += try_rule(role, &sandbox_rules[i]);
	}
	return wrong + try_unlisted(role);
}

// What this kernel has of the two.
static void
print_state(void)
{
	struct sandbox_state state;
	char line[64];
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		bool entered = sandbox_enter(SANDBOX_VIEW, &state);
		int len = snprintf(line, sizeof(line), "landlock %s\nseccomp %s\n",
		    state.landlock ? "yes" : "no", entered && state.seccomp ? "yes" : "no");

		if (write(STDOUT_FILENO, line, (size_t)len) != len)
			_exit(1);
		_exit(0);
	}
	waitpid(pid, &status, 0);
}

int
cmd_sandbox_test(int argc, char **argv)
{
	int null = open("/dev/null", O_RDWR);
	int wrong = 0;

	(void)argc;
	(void)argv;
#ifdef MIRRORD_SANITIZED
	fputs(MIRRORD_NAME ": this build is sanitized, and its list a wider one\n", stderr);
	return EX_UNAVAILABLE;
#endif
	setvbuf(stdout, NULL, _IOLBF, 0); // nothing buffered for the children to print again
	dup2(null, STDIN_FILENO);
	for (enum sandbox_role role = 0; role < SANDBOX_ROLE_COUNT; role++)
		wrong += try_role(role);
	print_state();
	return wrong ? EX_SOFTWARE : EX_OK;
}
