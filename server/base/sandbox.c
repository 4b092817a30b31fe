// SPDX-License-Identifier: ISC
// Locks a process that reads untrusted bytes into what it needs from then on.
#include "server/base/sandbox_rules.h"

#include <errno.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef MIRRORD_SANITIZED
#define LANDLOCKED false // the search for leaks reads /proc at the end
#else
#define LANDLOCKED true
#endif

// ---- Landlock ----------------------------------------------------------------------------------
// From linux/landlock.h, whose version on the building machine may be older than the kernel we run
// on: everything a kernel can refuse is refused.
#define LANDLOCK_VERSION 1u // flag of landlock_create_ruleset: asks for the ABI version

struct landlock_attr {
	uint64_t fs;     // LANDLOCK_ACCESS_FS_*
	uint64_t net;    // LANDLOCK_ACCESS_NET_*, from ABI 4
	uint64_t scoped; // LANDLOCK_SCOPE_*, from ABI 6
};

// How many of the LANDLOCK_ACCESS_FS_* bits, from the lowest, each ABI knows, and the bytes of the
// attribute that it takes.
static const struct {
	int fs_bits;
	size_t size;
} landlock_abi[] = {{13, 8}, {14, 8}, {15, 8}, {15, 16}, {16, 16}, {16, 24}};
#define LANDLOCK_ABIS ((long)(sizeof(landlock_abi) / sizeof(landlock_abi[0])))
#define LANDLOCK_NET_ALL 3u    // bind and connect of TCP
#define LANDLOCK_SCOPED_ALL 3u // abstract unix sockets and signals of others

static bool
enter_landlock(bool *entered)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION);
	struct landlock_attr attr = {.net = LANDLOCK_NET_ALL, .scoped = LANDLOCK_SCOPED_ALL};
	long fd, failed;

	*entered = false;
	if (abi < 1)
		return true; // not in this kernel, or switched off
	if (abi > LANDLOCK_ABIS)
		abi = LANDLOCK_ABIS;
	attr.fs = (UINT64_C(1) << landlock_abi[abi - 1].fs_bits) - 1;
	fd = syscall(SYS_landlock_create_ruleset, &attr, landlock_abi[abi - 1].size, 0);
	if (fd < 0)
		return false;
	failed = syscall(SYS_landlock_restrict_self, fd, 0); // no rule: nothing is allowed
	close((int)fd);
	*entered = !failed;
	return !failed;
}

// ---- seccomp -----------------------------------------------------------------------------------
#ifdef MIRRORD_SANITIZED
// The sanitizers' runtimes map, print, clone and trace as they like: no list of what they may do
// would last. So these builds, which are for tests, have a short one of what nobody may.
static const struct {
	const char *name;
	uint8_t roles;
} refused[] = {{"execve", FOR_ALL}, {"execveat", FOR_ALL}, {"bind", FOR_ALL}, {"listen", FOR_ALL},
    {"socket", FOR_SERVER | FOR_WATCH | FOR_WEB}, {"connect", FOR_SERVER | FOR_WATCH | FOR_WEB}};

static int
add_rules(scmp_filter_ctx filter, enum sandbox_role role)
{
	int error = 0;

	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]) && !error; i++) {
		if (refused[i].roles & (1u << role))
			error = seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS,
			    seccomp_syscall_resolve_name(refused[i].name), 0);
	}
	return error;
}
#define OTHERWISE SCMP_ACT_ALLOW
#else
static int
add_rule(scmp_filter_ctx filter, const struct sandbox_rule *rule)
{
	int nr = seccomp_syscall_resolve_name(rule->name);
	uint32_t value = rule->own_pid ? (uint32_t)getpid() : rule->value;

	if (nr < 0)
		return 0; // this architecture has no such call
	if (rule->arg < 0)
		return seccomp_rule_add(filter, SCMP_ACT_ALLOW, nr, 0);
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, nr, 1,
	    SCMP_CMP((unsigned)rule->arg, SCMP_CMP_MASKED_EQ, rule->mask, value));
}

static int
add_rules(scmp_filter_ctx filter, enum sandbox_role role)
{
	int error = 0;

	for (size_t i = 0; i < sandbox_rules_len && !error; i++) {
		if (sandbox_rules[i].roles & (1u << role))
			error = add_rule(filter, &sandbox_rules[i]);
	}
	return error;
}
#define OTHERWISE SCMP_ACT_KILL_PROCESS
#endif

static bool
enter_seccomp(enum sandbox_role role, bool *entered)
{
	scmp_filter_ctx filter;
	int error;

	*entered = false;
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0)
		return true; // not in this kernel
	filter = seccomp_init(OTHERWISE);
	if (!filter) {
		errno = ENOMEM;
		return false;
	}
	error = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
	if (!error)
		error = add_rules(filter, role);
	if (!error)
		error = seccomp_load(filter);
	seccomp_release(filter);
	*entered = !error;
	errno = -error;
	return !error;
}

bool
sandbox_enter(enum sandbox_role role, struct sandbox_state *state)
{
	const struct rlimit no_core = {0, 0}; // what stood on the screen is not left on a disk

	*state = (struct sandbox_state){0};
	setrlimit(RLIMIT_CORE, &no_core);
	// First: a process without privileges of its own may restrict itself only after this.
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return false;
	if (LANDLOCKED && !enter_landlock(&state->landlock))
		return false;
	return enter_seccomp(role, &state->seccomp);
}
