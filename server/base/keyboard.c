// SPDX-License-Identifier: ISC
// A keyboard's own socket.
#include "server/base/keyboard.h"

#include "server/base/secret.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int
keyboard_listen(const char *path, mode_t mode)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t before = umask(0177);
	bool ok;

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	unlink(path);
	ok = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	     listen(fd, 4) == 0 && chmod(path, mode) == 0;
	umask(before);
	if (ok)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

bool
keyboard_may_come(int fd, uid_t host, gid_t guests)
{
	struct ucred peer = {.uid = (uid_t)-1, .gid = (gid_t)-1};
	socklen_t len = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) != 0)
		return false;
	return peer.uid == host || peer.uid == 0 || peer.gid == guests;
}

void
keyboard_hello_put(struct buf *out, const uint8_t token[GRANT_TOKEN])
{
	size_t begin = msg_begin(out, KEYBOARD_HELLO);

	buf_put(out, PROTO_MAGIC, strlen(PROTO_MAGIC));
	buf_put_varint(out, PROTO_VERSION);
	buf_put(out, token, GRANT_TOKEN);
	msg_end(out, begin);
}

bool
keyboard_hello_is(const struct msg *msg, const uint8_t token[GRANT_TOKEN])
{
	struct reader reader = msg_reader(msg);
	const uint8_t *magic = reader_raw(&reader, strlen(PROTO_MAGIC));
	uint64_t version = reader_varint(&reader);
	const uint8_t *shown = reader_raw(&reader, GRANT_TOKEN);

	return msg->type == KEYBOARD_HELLO && reader_done(&reader) &&
	       memcmp(magic, PROTO_MAGIC, strlen(PROTO_MAGIC)) == 0 && version == PROTO_VERSION &&
	       secret_equal(shown, token, GRANT_TOKEN);
}
