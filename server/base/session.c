// SPDX-License-Identifier: ISC
// Names, directories and sockets of sessions.
#include "server/base/session.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#define SHARED_ROOT "/run/mirrord" // made by an administrator; a directory for each host in it
#define BACKLOG 64
#define DIRS_MAX 64 // directories that a search looks into

struct dir {
	char path[PATH_MAX];
	uid_t owner;
};
struct dirs {
	struct dir *dir; // owned
	size_t count;
};

bool
session_name_ok(const char *name, char why[SESSION_WHY])
{
	const char *rule = NULL;

	if (!*name)
		rule = "must not be empty";
	else if (strlen(name) > LIMIT_NAME)
		rule = "must not be longer than 64 bytes";
	else if (*name == '.' || *name == '-')
		rule = "must not start with a dot or a dash";
	else if (strchr(name, '/'))
		rule = "must not contain a slash";
	for (const char *c = name; !rule && *c; c++) {
		if ((unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f || *c == ' ')
			rule = "must be of printable ASCII characters without blanks";
	}
	if (rule)
		snprintf(why, SESSION_WHY, "a session's name %s", rule);
	return !rule;
}

static bool
refuse(char why[SESSION_WHY], const char *dir, const char *reason)
{
	snprintf(why, SESSION_WHY, "will not use the directory %.256s: %s", dir, reason);
	return false;
}

bool
session_dir_ok(const char *dir, uid_t owner, char why[SESSION_WHY])
{
	struct stat st;
	char reason[80];

	if (lstat(dir, &st) < 0)
		return refuse(why, dir, strerror(errno));
	if (S_ISLNK(st.st_mode))
		return refuse(why, dir, "it is a symbolic link");
	if (!S_ISDIR(st.st_mode))
		return refuse(why, dir, "it is not a directory");
	if (st.st_uid != owner) {
		snprintf(reason, sizeof(reason), "its owner is uid %lu, not uid %lu",
		    (unsigned long)st.st_uid, (unsigned long)owner);
		return refuse(why, dir, reason);
	}
	if (st.st_mode & (S_IWGRP | S_IWOTH)) {
		snprintf(reason, sizeof(reason), "its mode %04o lets others write to it",
		    (unsigned)(st.st_mode & 07777));
		return refuse(why, dir, reason);
	}
	return true;
}

static bool
join(char out[SESSION_PATH], const char *dir, const char *name, const char *suffix)
{
	int len = snprintf(out, SESSION_PATH, "%s/%s%s", dir, name, suffix);

	return len >= 0 && len < SESSION_PATH;
}

bool
session_paths(
    struct session *session, const char *dir, const char *name, uid_t owner, char why[SESSION_WHY])
{
	*session = (struct session){.owner = owner};
	snprintf(session->name, sizeof(session->name), "%s", name);
	if (join(session->view, dir, name, ".view") &&
	    join(session->control, dir, name, ".control") &&
	    join(session->keyboard, dir, name, ".keyboard")) {
		snprintf(session->dir, sizeof(session->dir), "%.*s", SESSION_PATH - 1, dir);
		return true;
	}
	snprintf(why, SESSION_WHY,
	    "the path %.256s/%s.keyboard is too long for a socket: %zu bytes, and the limit is %d",
	    dir, name, strlen(dir) + strlen(name) + strlen("/.keyboard"), SESSION_PATH - 1);
	return false;
}

static const char *
login_name(void)
{
	struct passwd *pw = getpwuid(getuid());

	return pw ? pw->pw_name : NULL;
}

static const char *
home(void)
{
	const char *dir = getenv("HOME");
	struct passwd *pw;

	if (dir && *dir == '/')
		return dir;
	pw = getpwuid(getuid());
	return pw ? pw->pw_dir : NULL;
}

static bool
is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool
shared_dir(char dir[PATH_MAX])
{
	const char *login = login_name();
	struct stat st;

	if (!login)
		return false;
	snprintf(dir, PATH_MAX, "%s/%s", SHARED_ROOT, login);
	return lstat(dir, &st) == 0;
}

// Each candidate for a directory of ours, in order. `parent` is what must exist for it to be one.
enum { OWN_ENV, OWN_SHARED, OWN_XDG, OWN_RUN, OWN_HOME, OWN_COUNT };

static bool
own_dir(int which, char dir[PATH_MAX])
{
	const char *base;
	char run[64];

	switch (which) {
	case OWN_ENV:
		base = getenv("MIRRORD_DIR");
		if (!base || !*base)
			return false;
		snprintf(dir, PATH_MAX, "%s", base);
		return true;
	case OWN_SHARED: return shared_dir(dir);
	case OWN_XDG:
		base = getenv("XDG_RUNTIME_DIR");
		if (!base || *base != '/' || !is_dir(base))
			return false;
		snprintf(dir, PATH_MAX, "%s/mirrord", base);
		return true;
	case OWN_RUN:
		snprintf(run, sizeof(run), "/run/user/%lu", (unsigned long)getuid());
		if (!is_dir(run))
			return false;
		snprintf(dir, PATH_MAX, "%s/mirrord", run);
		return true;
	default:
		base = home();
		if (!base)
			return false;
		snprintf(dir, PATH_MAX, "%s/.local/state/mirrord", base);
		return true;
	}
}

// Makes a directory and its parents, as far as they are missing.
static int
make_dirs(const char *path)
{
	char part[PATH_MAX];

	snprintf(part, sizeof(part), "%s", path);
	for (char *slash = strchr(part + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			return -1;
		*slash = '/';
	}
	return mkdir(part, 0700) < 0 && errno != EEXIST ? -1 : 0;
}

bool
session_dir_make(char dir[PATH_MAX], char why[SESSION_WHY])
{
	return session_dir_for(SESSION_LOGIN, dir, why);
}

bool
session_dir_for(enum session_span span, char dir[PATH_MAX], char why[SESSION_WHY])
{
	for (int which = 0; which < OWN_COUNT; which++) {
		if ((span != SESSION_LOGIN && (which == OWN_XDG || which == OWN_RUN)) ||
		    (span == SESSION_KEPT && which == OWN_SHARED))
			continue;
		if (!own_dir(which, dir))
			continue;
		if (*dir != '/')
			return refuse(why, dir, "it must be an absolute path");
		if (make_dirs(dir) < 0)
			return refuse(why, dir, strerror(errno));
		return session_dir_ok(dir, getuid(), why);
	}
	snprintf(why, SESSION_WHY,
	    "there is no directory for the session's sockets: set MIRRORD_DIR to one of yours");
	return false;
}

int
session_lock(const char *dir, char why[SESSION_WHY])
{
	char path[PATH_MAX + 8];
	int fd;

	snprintf(path, sizeof(path), "%s/.lock", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd >= 0 && flock(fd, LOCK_EX) == 0)
		return fd;
	snprintf(why, SESSION_WHY, "cannot lock %.256s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

static int
listen_at(const char *path, mode_t mode)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t before = umask(0177);
	bool ok;

	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	unlink(path); // of a session that ended badly: we hold the lock, and nobody listens
	ok = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	     chmod(path, mode) == 0 && listen(fd, BACKLOG) == 0;
	umask(before);
	if (ok)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

bool
session_listen(const struct session *session, int *view_fd, int *control_fd, char why[SESSION_WHY])
{
	struct stat st;
	// Guests of the directory's group may watch, if an administrator lets them in there.
	bool shared = stat(session->dir, &st) == 0 && (st.st_mode & S_IRGRP);

	*view_fd = listen_at(session->view, shared ? 0660 : 0600);
	*control_fd = listen_at(session->control, 0600);
	if (*view_fd >= 0 && *control_fd >= 0)
		return true;
	snprintf(why, SESSION_WHY, "cannot make the sockets in %.256s: %s", session->dir,
	    strerror(errno));
	return false;
}

gid_t
session_guests(const struct session *session)
{
	struct stat st;

	return stat(session->dir, &st) == 0 ? st.st_gid : getgid();
}

static bool
same_dir(const char *a, const char *b)
{
	struct stat sa, sb;

	return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
	       sa.st_ino == sb.st_ino;
}

// Adds a directory if it exists, is safe and has not been added yet.
static void
dirs_add(struct dirs *dirs, const char *path, uid_t owner, char why[SESSION_WHY])
{
	struct stat st;

	if (dirs->count == DIRS_MAX || lstat(path, &st) < 0)
		return;
	for (size_t i = 0; i < dirs->count; i++) {
		if (same_dir(dirs->dir[i].path, path))
			return;
	}
	if (!session_dir_ok(path, owner, why))
		return;
	snprintf(dirs->dir[dirs->count].path, PATH_MAX, "%s", path);
	dirs->dir[dirs->count++].owner = owner;
}

// /run/mirrord/USER, which belongs to that user, or it is passed over.
static void
dirs_add_user(struct dirs *dirs, const char *user, char why[SESSION_WHY])
{
	struct passwd *pw = *user == '.' ? NULL : getpwnam(user);
	char path[PATH_MAX];

	if (!pw)
		return;
	snprintf(path, sizeof(path), "%s/%s", SHARED_ROOT, user);
	dirs_add(dirs, path, pw->pw_uid, why);
}

static void
dirs_add_shared(struct dirs *dirs, char why[SESSION_WHY])
{
	struct dirent **entries;
	int count = scandir(SHARED_ROOT, &entries, NULL, alphasort);

	for (int i = 0; i < count; i++) {
		dirs_add_user(dirs, entries[i]->d_name, why);
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
}

// `user`: only that user's, or NULL.
static struct dirs
dirs_find(enum session_scope scope, const char *user, char why[SESSION_WHY])
{
	struct dirs dirs = {.dir = calloc(DIRS_MAX, sizeof(*dirs.dir))};
	const char *login = user ? login_name() : NULL;
	char path[PATH_MAX];

	*why = 0;
	if (!dirs.dir)
		return dirs;
	for (int which = 0; which < OWN_COUNT; which++) {
		if ((!user || (login && strcmp(user, login) == 0)) && own_dir(which, path))
			dirs_add(&dirs, path, getuid(), why);
	}
	if (scope == SESSION_ALL && user)
		dirs_add_user(&dirs, user, why);
	else if (scope == SESSION_ALL)
		dirs_add_shared(&dirs, why);
	return dirs;
}

static int
is_socket_entry(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return entry->d_name[0] != '.' && dot && strcmp(dot, ".view") == 0;
}

static bool
is_socket(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

// `called`: only sessions of that name, or NULL. What is passed over takes no place in the list.
static void
list_dir(const struct dir *dir, const char *called, struct session *list, size_t *count)
{
	struct dirent **entries;
	int found = scandir(dir->path, &entries, is_socket_entry, alphasort);
	char name[NAME_MAX + 1], why[SESSION_WHY];

	for (int i = 0; i < found; i++) {
		snprintf(name, sizeof(name), "%s", entries[i]->d_name);
		name[strlen(name) - strlen(".view")] = 0;
		if (*count < SESSION_LIST_MAX && (!called || strcmp(name, called) == 0) &&
		    session_name_ok(name, why) &&
		    session_paths(&list[*count], dir->path, name, dir->owner, why) &&
		    is_socket(list[*count].view))
			++*count;
		free(entries[i]);
	}
	if (found >= 0)
		free(entries);
}

// `name`: NAME, USER/NAME, or NULL for all.
static struct session *
list_called(const char *name, enum session_scope scope, size_t *count, char why[SESSION_WHY])
{
	const char *slash = name ? strchr(name, '/') : NULL;
	char *user = slash ? strndup(name, (size_t)(slash - name)) : NULL;
	struct dirs dirs = dirs_find(scope, user, why);
	struct session *list = calloc(SESSION_LIST_MAX, sizeof(*list));

	*count = 0;
	for (size_t i = 0; list && i < dirs.count; i++)
		list_dir(&dirs.dir[i], slash ? slash + 1 : name, list, count);
	free(dirs.dir);
	free(user);
	return list;
}

struct session *
session_list(enum session_scope scope, size_t *count, char why[SESSION_WHY])
{
	return list_called(NULL, scope, count, why);
}

// Whether anybody listens there; a session that ended badly leaves its socket's name behind.
static bool
is_live(const struct session *session)
{
	int fd = session_connect(session->view);
	bool live = fd >= 0 || (errno != ECONNREFUSED && errno != ENOENT);

	if (fd >= 0)
		close(fd);
	return live;
}

static int
explain_none(const char *name, enum session_scope scope, const char *unsafe, char why[SESSION_WHY])
{
	// Others' sessions may be there, to be watched and no more.
	bool own = scope == SESSION_OWN;
	const char *none = own ? "you have no session" : "there is no session";
	char text[SESSION_WHY];

	if (*unsafe)
		snprintf(text, sizeof(text), "%s", unsafe);
	else if (name)
		snprintf(text, sizeof(text), "%s called \"%.80s\"%s", none, name,
		    own ? ": `" MIRRORD_NAME " list` shows yours" : "");
	else
		snprintf(
		    text, sizeof(text), "%s%s", none, own ? ": `" MIRRORD_NAME "` starts one" : "");
	memcpy(why, text, sizeof(text));
	return *unsafe ? EX_NOPERM : EX_UNAVAILABLE;
}

void
session_label(const struct session *session, char *label, size_t size)
{
	struct passwd *pw = session->owner == getuid() ? NULL : getpwuid(session->owner);

	snprintf(label, size, "%s%s%s", pw ? pw->pw_name : "", pw ? "/" : "", session->name);
}

// The list is in the order of search.
struct session *
session_live(const char *name, enum session_scope scope, size_t *count, char why[SESSION_WHY])
{
	size_t listed, kept = 0;
	struct session *list = list_called(name, scope, &listed, why);

	for (size_t i = 0; i < listed; i++) {
		bool again = false;

		for (size_t k = 0; k < kept && !again; k++)
			again =
			    strcmp(list[k].name, list[i].name) == 0 &&
			    (list[k].owner == list[i].owner || (name && list[k].owner == getuid()));
		if (!again && is_live(&list[i]))
			list[kept++] = list[i];
	}
	*count = kept;
	return list;
}

int
session_find(
    const char *name, enum session_scope scope, struct session *session, char why[SESSION_WHY])
{
	char unsafe[SESSION_WHY], choices[SESSION_WHY] = "";
	size_t found;
	struct session *list = session_live(name, scope, &found, unsafe);

	if (found)
		*session = list[0];
	for (size_t i = 0; i < found; i++) {
		size_t len = strlen(choices);

		snprintf(choices + len, sizeof(choices) - len, "%s", i ? ", " : "");
		len = strlen(choices);
		session_label(&list[i], choices + len, sizeof(choices) - len);
	}
	free(list);
	if (found == 1)
		return EX_OK;
	if (found == 0)
		return explain_none(name, scope, unsafe, why);
	snprintf(why, SESSION_WHY, "there are %zu sessions%s%.64s%s: name one of them: %.300s",
	    found, name ? " called \"" : "", name ? name : "", name ? "\"" : "", choices);
	return EX_USAGE;
}

int
session_find_own(const char *name, struct session *session, char why[SESSION_WHY])
{
	const char *inside = getenv("MIRRORD_SESSION");

	return session_find(name                ? name
			    : inside && *inside ? inside
						: NULL,
	    SESSION_OWN, session, why);
}

int
session_connect(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd, error;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

uid_t
session_peer(int fd, pid_t *pid)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0)
		return (uid_t)-1;
	if (pid)
		*pid = cred.pid;
	return cred.uid;
}
