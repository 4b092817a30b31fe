// SPDX-License-Identifier: ISC
// A child that goes on in the background.
#pragma once

// Leaves the terminal and who started us: of their files only these two stay open, standard input,
// output and error become /dev/null (error: what $MIRRORD_MIRROR_STDERR names, for sanitizers'
// reports). SIGPIPE and SIGHUP are ignored from then on. Ends the process if that fails.
void daemon_begin(const char *name, int keep_a, int keep_b);
