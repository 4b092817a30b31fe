// SPDX-License-Identifier: ISC
// The list of system calls: private to sandbox.c and its self-test.
#pragma once

#include "server/base/sandbox.h"

#include <stdint.h>

enum sandbox_for {
	FOR_MIRROR = 1 << SANDBOX_MIRROR,
	FOR_VIEW = 1 << SANDBOX_VIEW,
	FOR_WATCH = 1 << SANDBOX_WATCH,
	FOR_WEB = 1 << SANDBOX_WEB,
	FOR_PUBLISH = 1 << SANDBOX_PUBLISH,
	FOR_RELAY = 1 << SANDBOX_RELAY,
	FOR_GUEST = FOR_VIEW | FOR_WATCH,
	FOR_SERVER = FOR_MIRROR | FOR_RELAY,
	FOR_ALL = FOR_SERVER | FOR_GUEST | FOR_WEB | FOR_PUBLISH,
};

// A call is allowed if `arg` is -1, or argument `arg` & `mask` == `value`. Rules for the same call
// add up.
struct sandbox_rule {
	const char *name; // of the system call
	uint8_t roles;    // enum sandbox_for
	int8_t arg;       // or -1
	bool own_pid;     // `value` is this process's id
	uint32_t mask, value;
	const char *condition; // as docs/security.md says it; "" if none
};

extern const struct sandbox_rule sandbox_rules[];
extern const size_t sandbox_rules_len;
