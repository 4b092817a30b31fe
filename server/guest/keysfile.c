// SPDX-License-Identifier: ISC
// The authorized_keys file on disk. Who changes it holds a lock on its directory, writes a new file beside
// it and renames that: sshd, which takes no lock, always sees the old file or the new one.
#include "server/guest/keysfile.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define LOCK_S 30       // until others have written: each takes some milliseconds
#define LOCK_AGAIN_MS 5 // between two looks
#define NEW_SUFFIX ".mirrord-new"

__attribute__((format(printf, 3, 4))) static int
refuse(int status, char why[KEYSFILE_WHY], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, KEYSFILE_WHY, format, args);
	va_end(args);
	return status;
}

static int
refuse_errno(int status, char why[KEYSFILE_WHY], const char *what, const char *path)
{
	int error = errno;

	return refuse(error == EACCES || error == EPERM ? EX_NOPERM : status, why,
	    "cannot %s %.400s: %s", what, path, strerrordesc_np(error));
}

// ---- which file ----------------------------------------------------------------------------------

static bool
is_file(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0;
}

static int
default_path(struct keysfile *file, bool write, char path[PATH_MAX], char why[KEYSFILE_WHY])
{
	const struct passwd *user = getuid() == 0 ? getpwnam(KEYSFILE_GUEST) : NULL;
	char dir[PATH_MAX];

	if (user) {
		snprintf(dir, sizeof(dir), "%s/.ssh", user->pw_dir);
		if (!is_file(dir))
			user = NULL;
	}
	if (!user) {
		user = getpwuid(getuid());
		if (!user)
			return refuse(EX_OSERR, why,
			    "this account has no home: name the file with --authorized-keys");
		snprintf(dir, sizeof(dir), "%s/.ssh", user->pw_dir);
		if (write && mkdir(dir, 0700) < 0 && errno != EEXIST)
			return refuse_errno(EX_CANTCREAT, why, "make", dir);
	}
	snprintf(file->account, sizeof(file->account), "%s", user->pw_name);
	if (snprintf(path, PATH_MAX, "%s/authorized_keys", dir) >= PATH_MAX)
		return refuse(EX_CONFIG, why, "the path of the file of keys is too long");
	return EX_OK;
}

// A link is followed, for sshd does so too, but not one of somebody else's to what is not theirs: they would
// choose what we write.
static int
follow(const char *wanted, char path[PATH_MAX], char why[KEYSFILE_WHY])
{
	struct stat link, target;

	if (snprintf(path, PATH_MAX, "%s", wanted) >= PATH_MAX)
		return refuse(EX_USAGE, why, "the path of the file of keys is too long");
	if (lstat(wanted, &link) < 0 || !S_ISLNK(link.st_mode))
		return EX_OK;
	if (!realpath(wanted, path) || stat(path, &target) < 0)
		return refuse_errno(EX_NOINPUT, why, "follow the link", wanted);
	if (link.st_uid != 0 && link.st_uid != getuid() && link.st_uid != target.st_uid)
		return refuse(EX_NOPERM, why,
		    "%.400s is a link to a file of another account: name %.400s itself", wanted,
		    path);
	return EX_OK;
}

// Opens the file's directory, whose path is then without links too.
static int
open_dir(struct keysfile *file, const char *path, bool write, char why[KEYSFILE_WHY])
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
	size_t base_len = strlen(base), dir_len;
	char dir[PATH_MAX];
	struct stat st;

	snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - path) + (slash == path) : 1,
	    slash ? path : ".");
	if (!base_len || base_len + strlen(NEW_SUFFIX) > NAME_MAX)
		return refuse(EX_USAGE, why, "%.400s is no name of a file", path);
	if (!realpath(dir, file->path)) {
		if (!write && errno == ENOENT) { // then there is no file in it either
			strcpy(file->path, path);
			return EX_OK;
		}
		return refuse_errno(EX_NOINPUT, why, "find the directory", dir);
	}
	file->dir = open(file->path, (write ? O_RDONLY : O_PATH) | O_DIRECTORY | O_CLOEXEC);
	if (file->dir < 0 || fstat(file->dir, &st) < 0)
		return refuse_errno(EX_NOINPUT, why, "open the directory", file->path);
	if (write && st.st_mode & (S_IWGRP | S_IWOTH))
		return refuse(EX_NOPERM, why,
		    "others may write to the directory %.400s, so sshd will not trust what is in "
		    "it: chmod go-w it",
		    file->path);
	dir_len = strlen(file->path);
	if (dir_len + 1 + base_len >= sizeof(file->path))
		return refuse(EX_USAGE, why, "the path of the file of keys is too long");
	file->path[dir_len] = '/';
	memcpy(file->path + dir_len + (dir_len > 1), base, base_len + 1);
	memcpy(file->base, base, base_len + 1);
	return EX_OK;
}

static uint64_t
now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec;
}

static int
lock(struct keysfile *file, char why[KEYSFILE_WHY])
{
	uint64_t deadline = now_s() + LOCK_S;

	while (flock(file->dir, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return refuse_errno(EX_OSERR, why, "lock the directory of", file->path);
		if (now_s() >= deadline)
			return refuse(EX_TEMPFAIL, why,
			    "another mirrord has been changing %.400s for %d s", file->path,
			    LOCK_S);
		poll(NULL, 0, LOCK_AGAIN_MS);
	}
	return EX_OK;
}

// ---- reading -------------------------------------------------------------------------------------

// All of a file of the directory. False with errno.
static bool
read_all(int fd, struct buf *data)
{
	ssize_t got;

	do {
		got = read(fd, buf_reserve(data, 65536), 65536);
		if (got > 0)
			data->len += (size_t)got;
	} while ((got > 0 && data->len <= AUTHKEYS_MAX) || (got < 0 && errno == EINTR));
	if (got > 0)
		errno = EFBIG;
	return got == 0;
}

static int
read_file(struct keysfile *file, char why[KEYSFILE_WHY])
{
	int fd = -1;
	char reason[AUTHKEYS_WHY];
	bool ok;

	errno = ENOENT;
	if (file->dir >= 0)
		fd = openat(file->dir, file->base, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	file->exists = fd >= 0;
	if (fd < 0 && errno != ENOENT)
		return refuse_errno(EX_NOINPUT, why, "read", file->path);
	if (fd >= 0) {
		if (fstat(fd, &file->stat) == 0 && !S_ISREG(file->stat.st_mode)) {
			close(fd);
			return refuse(EX_NOINPUT, why, "%.400s is no file", file->path);
		}
		ok = read_all(fd, &file->data);
		close(fd);
		if (!ok)
			return refuse_errno(EX_NOINPUT, why, "read", file->path);
	}
	if (!authkeys_parse((char *)file->data.data, file->data.len, &file->keys, reason))
		return refuse(EX_DATAERR, why, "%.400s: %s", file->path, reason);
	return EX_OK;
}

int
keysfile_open(struct keysfile *file, const char *wanted, bool write, char why[KEYSFILE_WHY])
{
	char path[PATH_MAX], asked[PATH_MAX];
	int status = EX_OK;

	*file = (struct keysfile){.dir = -1};
	if (!wanted) {
		status = default_path(file, write, asked, why);
		wanted = asked;
	}
	if (status == EX_OK)
		status = follow(wanted, path, why);
	if (status == EX_OK)
		status = open_dir(file, path, write, why);
	if (status == EX_OK && write)
		status = lock(file, why);
	if (status == EX_OK)
		status = read_file(file, why);
	if (status != EX_OK)
		keysfile_close(file);
	return status;
}

void
keysfile_close(struct keysfile *file)
{
	authkeys_fini(&file->keys);
	buf_fini(&file->data);
	if (file->dir >= 0)
		close(file->dir); // and the lock with it
	file->dir = -1;
}

// ---- writing -------------------------------------------------------------------------------------

static bool
write_all(int fd, const struct buf *data)
{
	for (size_t done = 0; done < data->len;) {
		ssize_t wrote = write(fd, data->data + done, data->len - done);

		if (wrote < 0 && errno != EINTR)
			return false;
		done += wrote > 0 ? (size_t)wrote : 0;
	}
	return true;
}

// The old file's owner and mode. A new one is as readable as its directory: sshd reads it as the account
// that it is for, which need not own it.
static bool
take_after(const struct keysfile *file, int fd)
{
	struct stat st;

	if (file->exists) {
		if (fstat(fd, &st) < 0)
			return false;
		if ((st.st_uid != file->stat.st_uid || st.st_gid != file->stat.st_gid) &&
		    fchown(fd, file->stat.st_uid, file->stat.st_gid) < 0)
			return false;
		return fchmod(fd, file->stat.st_mode & 07777) == 0;
	}
	if (fstat(file->dir, &st) < 0 || (getuid() == 0 && fchown(fd, st.st_uid, st.st_gid) < 0))
		return false;
	return fchmod(fd, st.st_mode & S_IROTH ? 0644 : 0600) == 0;
}

static int
check_new(const struct keysfile *file, const char *name, const struct buf *data,
    keysfile_check *check, void *user, char why[KEYSFILE_WHY])
{
	int fd = openat(file->dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), status = EX_OK;
	char reason[AUTHKEYS_WHY];
	struct authkeys keys;
	struct buf again = {0};

	if (fd < 0 || !read_all(fd, &again)) {
		status =
		    refuse_errno(EX_IOERR, why, "read again what was written beside", file->path);
	} else if (again.len != data->len ||
		   (again.len && memcmp(again.data, data->data, again.len) != 0)) {
		status = refuse(
		    EX_IOERR, why, "the disk of %.400s does not keep what is written", file->path);
	} else {
		if (!authkeys_parse((char *)again.data, again.len, &keys, reason))
			status =
			    refuse(EX_SOFTWARE, why, "what would be written is wrong: %s", reason);
		else if (!check(user, &keys, why))
			status = EX_SOFTWARE;
		authkeys_fini(&keys);
	}
	if (fd >= 0)
		close(fd);
	buf_fini(&again);
	return status;
}

static int
write_new(
    const struct keysfile *file, const char *name, const struct buf *data, char why[KEYSFILE_WHY])
{
	int status = EX_OK, fd;

	unlinkat(file->dir, name, 0); // of one that was killed: we have the lock
	fd = openat(file->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return refuse_errno(EX_CANTCREAT, why, "write beside", file->path);
	if (!take_after(file, fd))
		status = refuse_errno(EX_CANTCREAT, why, "keep owner and mode of", file->path);
	else if (!write_all(fd, data) || fsync(fd) < 0)
		status = refuse_errno(EX_IOERR, why, "write", file->path);
	if (close(fd) < 0 && status == EX_OK)
		status = refuse_errno(EX_IOERR, why, "write", file->path);
	return status;
}

// Others take no lock: what ssh-copy-id has added meanwhile must not be lost.
static int
check_old(const struct keysfile *file, char why[KEYSFILE_WHY])
{
	struct stat now;
	bool exists = fstatat(file->dir, file->base, &now, AT_SYMLINK_NOFOLLOW) == 0;
	bool same = exists == file->exists;

	if (same && exists)
		same = now.st_ino == file->stat.st_ino && now.st_size == file->stat.st_size &&
		       now.st_mtim.tv_sec == file->stat.st_mtim.tv_sec &&
		       now.st_mtim.tv_nsec == file->stat.st_mtim.tv_nsec;
	return same ? EX_OK
		    : refuse(EX_TEMPFAIL, why,
			  "somebody else has changed %.400s meanwhile; nothing was done: try again",
			  file->path);
}

int
keysfile_replace(struct keysfile *file, const struct buf *data, keysfile_check *check, void *user,
    char why[KEYSFILE_WHY])
{
	char name[NAME_MAX + sizeof(NEW_SUFFIX)];
	int status;

	snprintf(name, sizeof(name), "%s" NEW_SUFFIX, file->base);
	signal(SIGXFSZ, SIG_IGN); // write() says EFBIG
	status = write_new(file, name, data, why);
	if (status == EX_OK)
		status = check_new(file, name, data, check, user, why);
	if (status == EX_OK)
		status = check_old(file, why);
	if (status == EX_OK && renameat(file->dir, name, file->dir, file->base) < 0)
		status = refuse_errno(EX_CANTCREAT, why, "replace", file->path);
	if (status != EX_OK)
		unlinkat(file->dir, name, 0);
	else
		fsync(
		    file->dir); // so that it also survives a power cut; if not, the file is the old one
	return status;
}
