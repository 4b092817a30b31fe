// SPDX-License-Identifier: ISC
// `mirrord relay login KEYS`: what sshd runs for every login of the guests' account.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define RELAY_LOGIN_WHY 256

// The command that the lines of `keys`, an authorized_keys file of `len` bytes, force on the key that sshd
// says was used: `auth` is what stands in its $SSH_USER_AUTH. To be freed; NULL with `why` if there is none,
// or more than one.
char *relay_login_command(
    const char *keys, size_t len, const char *auth, char why[RELAY_LOGIN_WHY]);

// Whether a command is mirrord's `what` ("view") and its options, by whatever path, and nothing for a shell
// to do.
bool relay_login_runs(const char *command, const char *what);

// argv: "login" and the file. Watches as that command says. Returns the exit status.
int relay_login(int argc, char **argv);
