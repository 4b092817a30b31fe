// SPDX-License-Identifier: ISC
// The client's end of a session's control socket.
#pragma once

#include "server/base/msg.h"
#include "server/base/session.h"

#include <stdint.h>

#define CONTROL_ANSWER_MS 2000 // a keeper answers at once, or is stopped

struct control {
	int fd;        // owned, nonblocking; -1: closed
	struct buf in; // owned
	size_t used;   // bytes of `in` already taken
};

struct control_info {
	char name[LIMIT_NAME + 1];
	pid_t keeper, child;
	int64_t start; // unix seconds
	uint16_t rows, cols;
	bool attached;
	uint32_t viewers;
	char command[LIMIT_TEXT + 1];
};

uint64_t control_now_ms(void); // of a clock that only goes on

// Takes over a connected fd, or connects and says hello. -1 with errno.
void control_adopt(struct control *control, int fd);
int control_open(struct control *control, const char *path);
void control_close(struct control *control);
// Sends one message, with `pass` as an fd unless it is -1. Waits for room until `deadline_ms`. False
// if the connection is gone.
bool control_send(struct control *control, uint8_t type, const struct buf *payload, int pass,
    uint64_t deadline_ms);
// Reads what there is, without waiting. False: the connection has ended.
bool control_fill(struct control *control);
// The next whole message, as msg_get().
enum msg_status control_next(struct control *control, struct msg *msg);
// Waits for the next message. EX_OK, EX_PROTOCOL, EX_TEMPFAIL (time is up), EX_UNAVAILABLE (the
// connection ended), or the status of a CONTROL_ERROR with its text in `why`.
int control_wait(
    struct control *control, uint64_t deadline_ms, struct msg *msg, char why[SESSION_WHY]);
// Asks the keeper at `path` about its session. EX_OK, or as control_wait(); EX_NOHOST if nobody
// listens there any more.
int control_ask_info(const char *path, struct control_info *info, char why[SESSION_WHY]);
