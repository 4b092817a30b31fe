// SPDX-License-Identifier: ISC
// Commands that are programs of their own, for what they link would cost every other command memory:
// docs/decisions/programs.md.
#pragma once

// Becomes `mirrord-NAME`, which stands beside this program. Returns a status, and has said why, only if
// that is not there.
int aside_run(const char *name, char **argv);
