// SPDX-License-Identifier: ISC
// Where sessions live: their names, the directories and sockets they are found by, and who may have
// made them.
#pragma once

#include "server/base/proto.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define SESSION_PATH 108 // bytes of a socket's path with its NUL: sockaddr_un's limit
#define SESSION_WHY 512  // bytes of one sentence that says what is wrong, with its NUL
#define SESSION_DEFAULT_NAME "shared"

struct session {
	char name[LIMIT_NAME + 1];
	char dir[SESSION_PATH];
	char view[SESSION_PATH];     // DIR/NAME.view, the mirror's
	char control[SESSION_PATH];  // DIR/NAME.control, the keeper's
	char keyboard[SESSION_PATH]; // DIR/NAME.keyboard, the keeper's while it is lent
	uid_t owner;                 // of the directory: the host
};

// Whether `name` may name a session; else `why` is the rule it breaks.
bool session_name_ok(const char *name, char why[SESSION_WHY]);
// Whether `dir` is a directory, not a link, of `owner` and writable by nobody else; else `why`.
bool session_dir_ok(const char *dir, uid_t owner, char why[SESSION_WHY]);
// Fills all of `session` for a name in a directory. False with `why` if the path is too long.
bool session_paths(
    struct session *session, const char *dir, const char *name, uid_t owner, char why[SESSION_WHY]);

// The directory for a new session of ours, made if need be. False with `why`.
bool session_dir_make(char dir[PATH_MAX], char why[SESSION_WHY]);
// The same for what is needed longer than a session whose host is logged in.
enum session_span {
	SESSION_LOGIN, // as long as that
	SESSION_STAYS, // longer: not in $XDG_RUNTIME_DIR, which goes with the last login
	SESSION_KEPT,  // and over reboots: not in /run
};
bool session_dir_for(enum session_span span, char dir[PATH_MAX], char why[SESSION_WHY]);
// One at a time looks there whether a name is free and takes it: an fd to close then, or -1 with
// `why`.
int session_lock(const char *dir, char why[SESSION_WHY]);
// Makes both sockets of a session whose name is free. False with `why`.
bool session_listen(
    const struct session *session, int *view_fd, int *control_fd, char why[SESSION_WHY]);
// The group of its directory: the guests', if an administrator made it.
gid_t session_guests(const struct session *session);

// Whose sessions to look for.
enum session_scope {
	SESSION_OWN, // those this user hosts
	SESSION_ALL, // and those under /run/mirrord/*: a viewer's choice
};
#define SESSION_LIST_MAX 256
// Sessions by their sockets, in order of search, then by name; no socket is tried. Returns a
// malloc'ed array and its length, at most SESSION_LIST_MAX. `why` is the last directory that was
// passed over as unsafe and the reason, or empty.
struct session *session_list(enum session_scope scope, size_t *count, char why[SESSION_WHY]);
// Those that somebody listens on, called `name` (or all: NULL), each once: an earlier directory of
// the same user goes first, and by a name one's own before others'. As session_list().
struct session *session_live(
    const char *name, enum session_scope scope, size_t *count, char why[SESSION_WHY]);
// What to call it by: NAME, or USER/NAME if it is another user's.
void session_label(const struct session *session, char *label, size_t size);
// The session called `name` (USER/NAME picks one of a user's; NAME one's own before others'), or
// the only one if NULL. Returns
// EX_OK, or another of sysexits with `why`.
int session_find(
    const char *name, enum session_scope scope, struct session *session, char why[SESSION_WHY]);

// One's own session: the one called `name`; without a name that in which this process runs, or the
// only one. As session_find().
int session_find_own(const char *name, struct session *session, char why[SESSION_WHY]);

// Connects to a socket without blocking (the fd is nonblocking, close-on-exec). -1 with errno:
// ECONNREFUSED means nobody listens any more, EAGAIN that its backlog is full.
int session_connect(const char *path);
// The uid of a connected socket's peer, and its pid unless NULL; (uid_t)-1 if it cannot be told.
uid_t session_peer(int fd, pid_t *pid);
