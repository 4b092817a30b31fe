// SPDX-License-Identifier: ISC
// Names, directories and sockets of sessions, in directories made for the purpose.
#include "server/base/session.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
	char root[64];
	char dir[80]; // MIRRORD_DIR
};

static int
make_place(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	strcpy(place->root, "/tmp/mirrord-test-XXXXXX");
	if (!place || !mkdtemp(place->root))
		return -1;
	snprintf(place->dir, sizeof(place->dir), "%s/run", place->root);
	setenv("MIRRORD_DIR", place->dir, 1);
	setenv("HOME", place->root, 1);
	unsetenv("XDG_RUNTIME_DIR");
	*state = place;
	return 0;
}

static int
remove_place(void **state)
{
	struct place *place = *state;
	char command[160];
	int status;

	snprintf(command, sizeof(command), "rm -rf '%s'", place->root);
	status = system(command);
	free(place);
	return status;
}

static int
listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%.107s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 5), 0);
	return fd;
}

static int
make_session(const struct place *place, const char *name)
{
	char path[200];

	snprintf(path, sizeof(path), "%s/%s.view", place->dir, name);
	return listen_at(path);
}

static void
names_follow_the_rule(void **state)
{
	static const struct {
		const char *name, *rule;
	} bad[] = {{"", "empty"}, {"a/b", "slash"}, {".hidden", "dot"}, {"-n", "dash"},
	    {"a b", "printable"}, {"a\033[m", "printable"}, {"a\n", "printable"},
	    {"\303\251", "printable"},
	    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "64"}};
	char why[SESSION_WHY];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_false(session_name_ok(bad[i].name, why));
		assert_non_null(strstr(why, bad[i].rule));
	}
	assert_true(session_name_ok("shared", why));
	assert_true(session_name_ok("a.b-c_1@x:y", why));
	assert_true(session_name_ok(bad[8].name + 1, why));
}

static void
a_directory_is_made_private(void **state)
{
	const struct place *place = *state;
	char dir[PATH_MAX], why[SESSION_WHY];
	struct stat st;

	assert_true(session_dir_make(dir, why));
	assert_string_equal(dir, place->dir);
	assert_int_equal(stat(dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
}

static void
unsafe_directories_are_refused_by_name(void **state)
{
	const struct place *place = *state;
	char dir[PATH_MAX], why[SESSION_WHY], other[100];

	assert_int_equal(mkdir(place->dir, 0700), 0);
	assert_int_equal(chmod(place->dir, 0770), 0);
	assert_false(session_dir_make(dir, why));
	assert_non_null(strstr(why, place->dir));
	assert_non_null(strstr(why, "0770"));
	assert_int_equal(chmod(place->dir, 0702), 0);
	assert_false(session_dir_make(dir, why));
	assert_non_null(strstr(why, "0702"));
	assert_int_equal(chmod(place->dir, 02750), 0);
	assert_true(session_dir_make(dir, why));

	snprintf(other, sizeof(other), "%s/other", place->root);
	assert_int_equal(rename(place->dir, other), 0);
	assert_int_equal(symlink(other, place->dir), 0);
	assert_false(session_dir_make(dir, why));
	assert_non_null(strstr(why, "symbolic link"));
	assert_false(session_dir_ok(other, getuid() + 1, why));
	assert_non_null(strstr(why, "owner"));
}

static void
a_path_too_long_names_the_limit(void **state)
{
	struct session session;
	char dir[120], why[SESSION_WHY];

	(void)state;
	memset(dir, 'a', sizeof(dir));
	dir[0] = '/';
	dir[96] = 0; // and "/b.keyboard": 107 bytes
	assert_true(session_paths(&session, dir, "b", getuid(), why));
	dir[96] = 'a';
	dir[97] = 0;
	assert_false(session_paths(&session, dir, "b", getuid(), why));
	assert_non_null(strstr(why, "107"));
}

static void
the_only_session_needs_no_name(void **state)
{
	const struct place *place = *state;
	struct session session;
	char dir[PATH_MAX], why[SESSION_WHY];
	int a, b;

	assert_int_equal(session_find(NULL, SESSION_OWN, &session, why), EX_UNAVAILABLE);
	assert_true(session_dir_make(dir, why));
	a = make_session(place, "one");
	assert_int_equal(session_find(NULL, SESSION_OWN, &session, why), EX_OK);
	assert_string_equal(session.name, "one");
	b = make_session(place, "two");
	assert_int_equal(session_find(NULL, SESSION_OWN, &session, why), EX_USAGE);
	assert_int_equal(session_find("two", SESSION_OWN, &session, why), EX_OK);
	assert_string_equal(session.name, "two");
	assert_int_equal(session_find("three", SESSION_OWN, &session, why), EX_UNAVAILABLE);
	assert_non_null(strstr(why, "three"));
	close(b); // ended badly: its socket's name is still there
	assert_int_equal(session_find(NULL, SESSION_OWN, &session, why), EX_OK);
	assert_string_equal(session.name, "one");
	close(a);
	assert_int_equal(session_find(NULL, SESSION_OWN, &session, why), EX_UNAVAILABLE);
}

// Other files of that kind of name, and other sessions, as many as a list holds.
static void
what_is_not_asked_for_does_not_hide_a_session(void **state)
{
	const struct place *place = *state;
	struct session session;
	char dir[PATH_MAX], path[200], why[SESSION_WHY];
	int fd;

	assert_true(session_dir_make(dir, why));
	for (int i = 0; i < 2 * SESSION_LIST_MAX; i++) {
		snprintf(path, sizeof(path), "%s/x%d", place->dir, i);
		if (i < SESSION_LIST_MAX)
			close(make_session(place, strrchr(path, '/') + 1));
		else
			close(creat(strcat(path, ".view"), 0600));
	}
	fd = make_session(place, "zeta");
	assert_int_equal(session_find("zeta", SESSION_ALL, &session, why), EX_OK);
	assert_string_equal(session.name, "zeta");
	close(fd);
}

// In a mount namespace with a /run of its own, which needs root.
static void
ones_own_session_comes_before_others_of_its_name(void **state)
{
	static const char *const users[] = {"daemon", "nobody"};
	const struct place *place = *state;
	struct session session;
	char dir[PATH_MAX], why[SESSION_WHY];
	int fd;

	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("none", "/run", "tmpfs", 0, NULL) != 0)
		skip();
	assert_int_equal(mkdir("/run/mirrord", 0755), 0);
	for (int i = 0; i < 2; i++) {
		snprintf(dir, sizeof(dir), "/run/mirrord/%s", users[i]);
		assert_int_equal(mkdir(dir, 0755), 0);
		strcat(dir, "/shared.view");
		listen_at(dir);
		*strrchr(dir, '/') = 0;
		assert_int_equal(chown(dir, getpwnam(users[i])->pw_uid, 0), 0);
	}
	assert_int_equal(session_find("shared", SESSION_ALL, &session, why), EX_USAGE);
	assert_non_null(strstr(why, "daemon/shared, nobody/shared"));
	assert_int_equal(session_find("nobody/shared", SESSION_ALL, &session, why), EX_OK);
	assert_int_equal(session.owner, getpwnam("nobody")->pw_uid);
	assert_int_equal(session_find("nobody/shared", SESSION_OWN, &session, why), EX_UNAVAILABLE);
	assert_int_equal(session_find("root/shared", SESSION_ALL, &session, why), EX_UNAVAILABLE);
	assert_true(session_dir_make(dir, why));
	fd = make_session(place, "shared");
	assert_int_equal(session_find("shared", SESSION_ALL, &session, why), EX_OK);
	assert_int_equal(session.owner, getuid());
	assert_int_equal(session_find("root/shared", SESSION_ALL, &session, why), EX_OK);
	assert_int_equal(session_find("nobody/shared", SESSION_ALL, &session, why), EX_OK);
	assert_int_equal(session.owner, getpwnam("nobody")->pw_uid);
	close(fd);
	assert_int_equal(umount2("/run", MNT_DETACH), 0);
}

static void
an_unsafe_directory_is_said_when_nothing_is_found(void **state)
{
	const struct place *place = *state;
	struct session session;
	char dir[PATH_MAX], why[SESSION_WHY];
	int fd;

	assert_true(session_dir_make(dir, why));
	fd = make_session(place, "one");
	assert_int_equal(chmod(dir, 0777), 0);
	assert_int_equal(session_find(NULL, SESSION_ALL, &session, why), EX_NOPERM);
	assert_non_null(strstr(why, dir));
	close(fd);
}

static void
the_peer_is_known(void **state)
{
	int pair[2];
	pid_t pid = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(session_peer(pair[0], &pid), getuid());
	assert_int_equal(pid, getpid());
	assert_int_equal(session_peer(-1, NULL), (uid_t)-1);
	close(pair[0]);
	close(pair[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_follow_the_rule),
	    cmocka_unit_test_setup_teardown(a_directory_is_made_private, make_place, remove_place),
	    cmocka_unit_test_setup_teardown(
		unsafe_directories_are_refused_by_name, make_place, remove_place),
	    cmocka_unit_test(a_path_too_long_names_the_limit),
	    cmocka_unit_test_setup_teardown(
		the_only_session_needs_no_name, make_place, remove_place),
	    cmocka_unit_test_setup_teardown(
		what_is_not_asked_for_does_not_hide_a_session, make_place, remove_place),
	    cmocka_unit_test_setup_teardown(
		ones_own_session_comes_before_others_of_its_name, make_place, remove_place),
	    cmocka_unit_test_setup_teardown(
		an_unsafe_directory_is_said_when_nothing_is_found, make_place, remove_place),
	    cmocka_unit_test(the_peer_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
