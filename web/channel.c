// SPDX-License-Identifier: ISC
// Connections to sessions, from the gateway's porter.
#include "web/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

union control {
	struct cmsghdr align;
	char data[CMSG_SPACE(sizeof(int))];
};

int
channel_dial(int fd, const char *session)
{
	union control control;
	int error, connection;
	struct iovec iov = {.iov_base = &error, .iov_len = sizeof(error)};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control.data,
	    .msg_controllen = sizeof(control.data)};
	struct cmsghdr *header;

	// The porter is of our kind and answers at once: this waits for it.
	if (send(fd, session, strlen(session), MSG_NOSIGNAL) < 0 ||
	    recvmsg(fd, &msg, MSG_CMSG_CLOEXEC) != (ssize_t)sizeof(error)) {
		errno = ECONNRESET;
		return -1;
	}
	header = CMSG_FIRSTHDR(&msg);
	if (error || !header || header->cmsg_len != CMSG_LEN(sizeof(int))) {
		errno = error ? error : EMFILE;
		return -1;
	}
	memcpy(&connection, CMSG_DATA(header), sizeof(connection));
	return connection;
}

bool
channel_dial_asked(int fd, char session[LIMIT_NAME + 1])
{
	ssize_t got = recv(fd, session, LIMIT_NAME, MSG_DONTWAIT);

	if (got <= 0)
		return false;
	session[got] = '\0';
	return true;
}

void
channel_dial_answer(int fd, int error, int connection)
{
	union control control;
	struct iovec iov = {.iov_base = &error, .iov_len = sizeof(error)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (!error) {
		struct cmsghdr *header;

		memset(&control, 0, sizeof(control));
		msg.msg_control = control.data;
		msg.msg_controllen = sizeof(control.data);
		header = CMSG_FIRSTHDR(&msg);
		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &connection, sizeof(int));
	}
	sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT); // if it died, the channel says so
}
