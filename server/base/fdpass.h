// SPDX-License-Identifier: ISC
// Bytes over a unix socket, with files beside them (unix(7), SCM_RIGHTS).
#pragma once

#include <stddef.h>
#include <sys/types.h>

#define FDPASS_MAX 2 // files with one piece

// As send(2) and recv(2), never waiting and without SIGPIPE. `*count` is how many of `fds` came,
// each close-on-exec.
ssize_t fdpass_send(int to, const void *data, size_t len, const int *fds, size_t count);
ssize_t fdpass_recv(int from, void *data, size_t len, int fds[FDPASS_MAX], size_t *count);
