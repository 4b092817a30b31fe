// SPDX-License-Identifier: ISC
// The options in front of a key in authorized_keys, as sshd reads them (sshd(8), OpenSSH 9.2).
#pragma once

#include "server/guest/sshkey.h"

#include <stdbool.h>
#include <stddef.h>

#define KEYOPTS_COMMAND 2048 // bytes of a command, and a NUL

// One option of a list.
struct keyopt {
	const char *name; // as sshd(8) has it, without "no-"; NULL: unknown to sshd
	bool no;          // it has "no-" in front
	const char *text; // borrowed; all of it
	size_t len;
	const char *value; // borrowed, between the quotes, still escaped; NULL: none
	size_t value_len;
};

// Takes the next option off the list. False at its end (`why` is empty), or where sshd would refuse the
// list, and with it the key: `why` is the reason.
bool keyopt_next(const char **options, size_t *len, struct keyopt *option, char why[SSHKEY_WHY]);

// What a list of options lets a key do. Without any: everything.
struct keyopts {
	bool usable;     // else sshd refuses the key, and `why` is the reason
	bool restricted; // `restrict` is among them
	bool pty, port_forwarding, agent_forwarding, x11_forwarding, user_rc;
	bool cert_authority; // the key signs others
	bool has_command;
	char command[KEYOPTS_COMMAND]; // unescaped; cut if longer
	char expiry[32];               // the value of expiry-time, or empty
	char why[SSHKEY_WHY];
};
void keyopts_read(const char *options, size_t len, struct keyopts *may);
