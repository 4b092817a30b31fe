// SPDX-License-Identifier: ISC
// `mirrord relay setup`: makes this machine a relay, in one command, or takes that back.
#pragma once

#define RELAY_RECORD "/var/lib/mirrord/relay.record" // what it made
#define RELAY_GUEST "guest"                          // the account, unless another is named

// argv: "setup" and its options. Returns the exit status.
int relay_setup(int argc, char **argv);
