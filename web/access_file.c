// SPDX-License-Identifier: ISC
// Who may watch in a browser, on disk.
#include "web/access_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_MAX (4u << 20) // far above what the limits of access.h lead to

static bool
fail(char why[SESSION_WHY], const char *what, const char *path, const char *reason)
{
	snprintf(why, SESSION_WHY, "cannot %s %.256s: %s", what, path, reason);
	return false;
}

static bool
load(const char *path, struct access *access, char why[SESSION_WHY])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	struct buf in = {0};
	struct stat st;
	ssize_t got = 1;
	bool ok;

	*access = (struct access){0};
	if (fd < 0)
		return errno == ENOENT || fail(why, "read", path, strerror(errno));
	if (fstat(fd, &st) < 0 || st.st_uid != getuid() || (st.st_mode & 077)) {
		close(fd);
		return fail(why, "use", path, "others may read or change it, or it is not yours");
	}
	while (got > 0 && in.len < FILE_MAX) {
		got = read(fd, buf_reserve(&in, 65536), 65536);
		in.len += got > 0 ? (size_t)got : 0;
	}
	close(fd);
	ok = got == 0 && access_get(access, (const char *)in.data, in.len);
	buf_fini(&in);
	return ok || fail(why, "use", path, "it is broken; remove it to revoke all links");
}

bool
access_begin(
    struct access_file *file, const char *dir, struct access *access, char why[SESSION_WHY])
{
	char path[PATH_MAX + 8];

	snprintf(file->path, sizeof(file->path), "%s/%s", dir, ACCESS_FILE);
	snprintf(path, sizeof(path), "%s.lock", file->path);
	file->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (file->lock < 0 || flock(file->lock, LOCK_EX) < 0) {
		fail(why, "lock", path, strerror(errno));
	} else if (load(file->path, access, why)) {
		return true;
	}
	if (file->lock >= 0)
		close(file->lock);
	return false;
}

static bool
write_all(int fd, const struct buf *out)
{
	for (size_t done = 0; done < out->len;) {
		ssize_t wrote = write(fd, out->data + done, out->len - done);

		if (wrote < 0 && errno != EINTR)
			return false;
		done += wrote > 0 ? (size_t)wrote : 0;
	}
	return true;
}

bool
access_end(struct access_file *file, const struct access *access, bool save, char why[SESSION_WHY])
{
	char path[PATH_MAX + 8];
	struct buf out = {0};
	bool ok = true;
	int fd;

	if (save) {
		access_put(access, &out);
		snprintf(path, sizeof(path), "%s.new", file->path);
		unlink(path); // of one that died here: it is our turn
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		ok = fd >= 0 && write_all(fd, &out);
		if (fd >= 0)
			ok = close(fd) == 0 && ok;
		ok = ok && rename(path, file->path) == 0;
		if (!ok)
			fail(why, "write", file->path, strerror(errno));
		buf_fini(&out);
	}
	close(file->lock);
	return ok;
}

void
access_random_token(char text[ACCESS_TOKEN_TEXT + 1])
{
	uint8_t bytes[ACCESS_TOKEN_BYTES];

	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes))
		abort();
	access_token(bytes, text);
}
