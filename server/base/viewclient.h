// SPDX-License-Identifier: ISC
// The edge's end of the view socket: connects, says HELLO, and takes the mirror's messages from
// bytes that are not trusted. Never blocks, except in viewclient_open() and viewclient_wait().
#pragma once

#include "server/base/viewproto.h"

#include <stdbool.h>
#include <stdint.h>

#define VIEWCLIENT_ANSWER_MS 10000 // a mirror is replaced within 2 s; then it has to restore

struct viewclient {
	int fd;        // owned; -1 when closed
	struct buf in; // owned
	size_t used;   // bytes of `in` already taken
	bool ended;    // nothing more will come
	bool welcomed; // VIEW_WELCOME has come, and is in `welcome`
	struct view_welcome welcome;
};

enum viewclient_event {
	VIEWCLIENT_NONE, // nothing whole has come: wait until the fd is readable
	VIEWCLIENT_MSG,  // one message, in `msg`, until the next call (WELCOME too, the first)
	VIEWCLIENT_BYE,  // the mirror said goodbye, or broke the protocol: `bye` says how; close
	VIEWCLIENT_LOST, // the connection ended without a word: the mirror died. Connect again
};

// A hello of this version for a terminal of that size (0, 0: none), with `from` and `via` from
// sshd's environment.
void viewclient_hello(struct view_hello *hello, uint8_t role, uint16_t rows, uint16_t cols);

// Connects once, without waiting, and sends `hello`. On failure returns -1 with errno, as connect(2):
// ECONNREFUSED or ENOENT if there is no session, EAGAIN if its backlog is full.
int viewclient_dial(struct viewclient *client, const char *path, const struct view_hello *hello);
void viewclient_close(struct viewclient *client);

// Takes in what has come, at most some hundred KiB. Call when the fd is readable, then
// viewclient_next() until it is not VIEWCLIENT_MSG.
void viewclient_read(struct viewclient *client);
enum viewclient_event viewclient_next(
    struct viewclient *client, struct msg *msg, struct view_bye *bye);
// Sends a request. False if the socket is full (nothing is sent) or the connection is lost.
bool viewclient_send(struct viewclient *client, const struct buf *message);

// For those who ask and wait: dials until it works or fails for good and the mirror has said
// welcome. False with the reason in `bye`.
bool viewclient_open(struct viewclient *client, const char *path, const struct view_hello *hello,
    int timeout_ms, struct view_bye *bye);
// The same for a client that may have dialled; its fd is -1 if not.
bool viewclient_greet(struct viewclient *client, const char *path, const struct view_hello *hello,
    int timeout_ms, struct view_bye *bye);
// Sends the request `ask` without a payload, unless it is 0, and waits for a message of type
// `answer`; others are skipped. False with the reason in `bye`; EX_TEMPFAIL: the mirror died.
bool viewclient_wait(struct viewclient *client, uint8_t ask, uint8_t answer, int timeout_ms,
    struct msg *msg, struct view_bye *bye);
// Both in one, in the role of a query; asks the next mirror if one dies. Closed again on failure.
bool viewclient_ask(struct viewclient *client, const char *path, uint8_t ask, uint8_t answer,
    struct msg *msg, struct view_bye *bye);
// Sends away who watches with this name and key (VIEW_CUT). `count`: how many they were.
bool viewclient_cut(
    const char *path, const struct view_cut *cut, uint32_t *count, struct view_bye *bye);
