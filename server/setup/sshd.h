// SPDX-License-Identifier: ISC
// sshd's configuration, as sshd itself reads it, and what it has to be for an account of guests.
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define SSHD_CONFIG_MAX (256u << 10) // bytes of what `sshd -T` prints

// A keyword of sshd_config(5) and its value for the guests' account. `hole`: what another value would let
// a guest do; NULL: nothing, it is for comfort.
struct sshd_rule {
	const char *keyword, *value, *hole;
};
extern const struct sshd_rule sshd_rules[];
extern const size_t sshd_rule_count;

// The program, or NULL if there is none on this machine.
const char *sshd_program(void);
// Whether sshd takes its configuration as it is; else `why` is what it says, in one line.
bool sshd_test(char *why, size_t size);
// The configuration that holds for `user`: "keyword value" lines, keywords in lower case, into `config`.
// False: sshd cannot tell, and `config` is what it says.
bool sshd_effective(const char *user, char config[SSHD_CONFIG_MAX]);
// The value of `keyword` in such a text, into `value`. False: it is not there.
bool sshd_value(const char *config, const char *keyword, char *value, size_t size);
// Has the running sshd read its configuration again. Returns its process id; 0 if none runs, -1 if it
// cannot be told or done.
long sshd_reload(void);
