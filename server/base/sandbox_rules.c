// SPDX-License-Identifier: ISC
// The list of system calls that a sandboxed process may make; docs/security.md has the same list,
// and a test compares them.
#include "server/base/sandbox_rules.h"

#include <fcntl.h>
#include <netinet/in.h>
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
    ANY("epoll_ctl", FOR_ALL),
    ANY("epoll_pwait", FOR_ALL),
    ANY("epoll_wait", FOR_ALL),
    ANY("poll", FOR_GUEST | FOR_WEB | FOR_PUBLISH),  // the last bytes to a terminal that is slow
    ANY("ppoll", FOR_GUEST | FOR_WEB | FOR_PUBLISH), // the same, where the architecture has no poll
    ANY("clock_gettime", FOR_ALL),                   // where the vDSO cannot answer
    // moving bytes
    ANY("recvfrom", FOR_ALL),
    ANY("sendto", FOR_ALL),
    ANY("close", FOR_ALL),
    ANY("read", FOR_GUEST | FOR_WEB | FOR_PUBLISH |
		    FOR_RELAY), // the terminal, the pipe of libuv's signals, TLS
    ANY("write", FOR_GUEST | FOR_WEB | FOR_RELAY),
    WHEN("write", FOR_MIRROR, 0, WHOLE, STDERR_FILENO, "fd is 2"),
    // the listener
    ANY("accept4", FOR_SERVER | FOR_WEB),
    WHEN("getsockopt", FOR_SERVER, 2, WHOLE, SO_PEERCRED, "option is SO_PEERCRED"),
    WHEN("ioctl", FOR_ALL, 1, WHOLE, FIONBIO, "request is FIONBIO"),
    // connecting again
    WHEN("socket", FOR_VIEW | FOR_PUBLISH, 0, WHOLE, AF_UNIX, "domain is AF_UNIX"),
    ANY("connect", FOR_VIEW | FOR_PUBLISH),
    // ssh's ends, from the process that runs it; connections to sessions, from the porter
    ANY("recvmsg", FOR_WATCH | FOR_WEB | FOR_PUBLISH | FOR_RELAY),
    // browsers' connections
    WHEN("setsockopt", FOR_WEB, 1, WHOLE, SOL_SOCKET, "level is SOL_SOCKET"),
    WHEN("setsockopt", FOR_WEB, 1, WHOLE, IPPROTO_TCP, "level is IPPROTO_TCP"),
    WHEN("getsockopt", FOR_WEB, 1, WHOLE, SOL_SOCKET, "level is SOL_SOCKET"),
    ANY("getpeername", FOR_WEB),
    WHEN("fcntl", FOR_WEB, 1, WHOLE, F_GETFL, "command is F_GETFL"),
    WHEN("fcntl", FOR_WEB, 1, WHOLE, F_SETFL, "command is F_SETFL"),
    WHEN("fcntl", FOR_WEB, 1, WHOLE, F_SETFD, "command is F_SETFD"),
    ANY("shutdown", FOR_WEB),
    ANY("getrandom", FOR_WEB), // names of streams, TLS
    // the guest's terminal; TIOCSTI, which types, is not among these
    WHEN("ioctl", FOR_GUEST, 1, WHOLE, TCGETS, "request is TCGETS"),
    WHEN("ioctl", FOR_GUEST, 1, WHOLE, TCSETS, "request is TCSETS"),
    WHEN("ioctl", FOR_GUEST, 1, WHOLE, TCFLSH, "request is TCFLSH"),
    WHEN("ioctl", FOR_GUEST, 1, WHOLE, TIOCGWINSZ, "request is TIOCGWINSZ"),
    WHEN("ioctl", FOR_GUEST, 1, WHOLE, TIOCOUTQ, "request is TIOCOUTQ"),
    // memory, never executable
    ANY("brk", FOR_ALL),
    ANY("munmap", FOR_ALL),
    ANY("mremap", FOR_ALL),
    WHEN("mmap", FOR_ALL, 2, PROT_EXEC, 0, "no PROT_EXEC"),
    // signals, and abort()
    ANY("rt_sigprocmask", FOR_ALL),
    ANY("rt_sigreturn", FOR_GUEST),
    ANY("rt_sigaction", FOR_GUEST),
    ANY("getpid", FOR_ALL),
    ANY("gettid", FOR_ALL),
    {"tgkill", FOR_ALL, 0, true, WHOLE, 0, "to itself"},
    // leaving
    ANY("exit_group", FOR_ALL),
};
const size_t sandbox_rules_len = sizeof(sandbox_rules) / sizeof(sandbox_rules[0]);
