// SPDX-License-Identifier: ISC
// The list of system calls that a sandboxed process may make; docs/security.md has the same list,
// and a test compares them.
#include "server/sandbox_rules.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#define ANY(name, roles)                                                                           \
	{                                                                                          \
		name, roles, -1, false, 0, 0, ""                                                   \
	}
#define WHEN(name, roles, arg, mask, value, condition)                                             \
	{                                                                                          \
		name, roles, arg, false, mask, value, condition                                    \
	}
#define WHOLE UINT32_MAX

const struct sandbox_rule sandbox_rules[] = {
    // waiting
    ANY("epoll_ctl", FOR_BOTH),
    ANY("epoll_pwait", FOR_BOTH),
    ANY("epoll_wait", FOR_BOTH),
    ANY("poll", FOR_VIEW),          // the last bytes to a terminal that is slow
    ANY("ppoll", FOR_VIEW),         // the same, where the architecture has no poll
    ANY("clock_gettime", FOR_BOTH), // where the vDSO cannot answer
    // moving bytes
    ANY("recvfrom", FOR_BOTH),
    ANY("sendto", FOR_BOTH),
    ANY("close", FOR_BOTH),
    ANY("read", FOR_VIEW), // the terminal, the pipe of libuv's signals
    ANY("write", FOR_VIEW),
    WHEN("write", FOR_MIRROR, 0, WHOLE, STDERR_FILENO, "fd is 2"),
    // the listener
    ANY("accept4", FOR_MIRROR),
    WHEN("getsockopt", FOR_MIRROR, 2, WHOLE, SO_PEERCRED, "option is SO_PEERCRED"),
    WHEN("ioctl", FOR_BOTH, 1, WHOLE, FIONBIO, "request is FIONBIO"),
    // connecting again
    WHEN("socket", FOR_VIEW, 0, WHOLE, AF_UNIX, "domain is AF_UNIX"),
    ANY("connect", FOR_VIEW),
    // the guest's terminal; TIOCSTI, which types, is not among these
    WHEN("ioctl", FOR_VIEW, 1, WHOLE, TCGETS, "request is TCGETS"),
    WHEN("ioctl", FOR_VIEW, 1, WHOLE, TCSETS, "request is TCSETS"),
    WHEN("ioctl", FOR_VIEW, 1, WHOLE, TCFLSH, "request is TCFLSH"),
    WHEN("ioctl", FOR_VIEW, 1, WHOLE, TIOCGWINSZ, "request is TIOCGWINSZ"),
    WHEN("ioctl", FOR_VIEW, 1, WHOLE, TIOCOUTQ, "request is TIOCOUTQ"),
    // memory, never executable
    ANY("brk", FOR_BOTH),
    ANY("munmap", FOR_BOTH),
    ANY("mremap", FOR_BOTH),
    WHEN("mmap", FOR_BOTH, 2, PROT_EXEC, 0, "no PROT_EXEC"),
    // signals, and abort()
    ANY("rt_sigprocmask", FOR_BOTH),
    ANY("rt_sigreturn", FOR_VIEW),
    ANY("rt_sigaction", FOR_VIEW),
    ANY("getpid", FOR_BOTH),
    ANY("gettid", FOR_BOTH),
    {"tgkill", FOR_BOTH, 0, true, WHOLE, 0, "to itself"},
    // leaving
    ANY("exit_group", FOR_BOTH),
};
const size_t sandbox_rules_len = sizeof(sandbox_rules) / sizeof(sandbox_rules[0]);
