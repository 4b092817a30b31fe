// SPDX-License-Identifier: ISC
// Locks a process that reads untrusted bytes into what it needs from then on: no new privileges,
// Landlock, and a list of system calls outside of which it is killed. docs/security.md has the list.
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum sandbox_role {
	SANDBOX_MIRROR,
	SANDBOX_VIEW,
	SANDBOX_WATCH,
	SANDBOX_WEB,
	SANDBOX_PUBLISH,
	SANDBOX_RELAY,
	SANDBOX_ROLE_COUNT
};

// What the kernel had to give; a kernel without one of them is no error.
struct sandbox_state {
	bool landlock;
	bool seccomp;
};

// There is no way back. False with errno if a step failed that this kernel does have.
bool sandbox_enter(enum sandbox_role role, struct sandbox_state *state);
