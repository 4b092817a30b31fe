// SPDX-License-Identifier: ISC
// A keeper whose mirrors have been taken over: this program is the mirror, too, and the session's
// name says which.
#include "server/base/msg.h"
#include "server/base/proto.h"
#include "server/keeper/keeper.h"
#include "vt/buf.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define CHANNEL_FD 3
#define DEADLINE_MS 60000
#define AT_ONCE_MS 9000 // for six mirrors: five times 2 s if each had its time

// ---- the mirrors -----------------------------------------------------------------------------------

static void
say(uint8_t type, const void *data, size_t len)
{
	struct buf out = {0};

	msg_put(&out, type, data, len);
	if (send(CHANNEL_FD, out.data, out.len, MSG_NOSIGNAL) < 0)
		_exit(0);
	buf_fini(&out);
}

static void
acknowledge(uint64_t offset)
{
	struct buf number = {0};

	buf_put_varint(&number, offset);
	say(MIRROR_ACK, number.data, number.len);
	buf_fini(&number);
}

// Acknowledges everything, and leaves every KEEPER_DUMP unanswered.
static void
never_dump(void)
{
	static uint8_t bytes[1 << 16];
	struct buf in = {0};
	uint64_t offset = 0;
	ssize_t got;

	while ((got = read(CHANNEL_FD, bytes, sizeof(bytes))) > 0) {
		struct msg msg;
		size_t used = 0;

		buf_put(&in, bytes, (size_t)got);
		while (msg_get(&in, &used, MSG_MAX, &msg) == MSG_ONE) {
			struct reader reader = {.data = msg.data, .len = msg.len};

			if (msg.type == KEEPER_RESTORE)
				offset = reader_varint(&reader);
			else if (msg.type == KEEPER_BYTES)
				offset += msg.len;
			acknowledge(offset);
		}
		buf_take(&in, used);
	}
}

static int
mirror_main(const char *name)
{
	// The first bytes of messages of 40 MiB that never go on.
	static const uint8_t word[] = {0x80, 0x80, 0x80, 0x14, MIRROR_VIEWERS};
	static const uint8_t dump[] = {0x80, 0x80, 0x80, 0x14, MIRROR_DUMP};

	if (write(STDERR_FILENO, "start\n", 6) != 6)
		return 1;
	if (strcmp(name, "never-dump") == 0)
		never_dump();
	else if (strcmp(name, "long-word") == 0)
		send(CHANNEL_FD, word, sizeof(word), MSG_NOSIGNAL);
	else if (strcmp(name, "unasked-dump") == 0)
		send(CHANNEL_FD, dump, sizeof(dump), MSG_NOSIGNAL);
	pause();
	return 0;
}

// ---- the session -----------------------------------------------------------------------------------

struct session {
	char dir[32];
	char view[48], control[48], starts[48], beats[48]; // files in `dir`
	pid_t keeper;
};

static uint64_t
clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int
listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 8), 0);
	return fd;
}

static void
start(struct session *s, const char *name, const char *script)
{
	char sh[] = "sh", option[] = "-c", *text = strdup(script);
	char *argv[] = {sh, option, text, s->beats, NULL};
	int pair[2];

	strcpy(s->dir, "/tmp/mirrord-test-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->view, sizeof(s->view), "%s/s.view", s->dir);
	snprintf(s->control, sizeof(s->control), "%s/s.control", s->dir);
	snprintf(s->starts, sizeof(s->starts), "%s/starts", s->dir);
	snprintf(s->beats, sizeof(s->beats), "%s/beats", s->dir);
	setenv("MIRRORD_MIRROR_STDERR", s->starts, 1);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	s->keeper = fork();
	assert_true(s->keeper >= 0);
	if (s->keeper == 0) {
		struct keeper_options options = {.name = name,
		    .argv = argv,
		    .rows = 24,
		    .cols = 80,
		    .view_fd = listen_at(s->view),
		    .control_fd = listen_at(s->control),
		    .view_path = s->view,
		    .control_path = s->control,
		    .first = pair[1],
		    .tty = -1};

		setsid();
		_exit(keeper_run(&options));
	}
	free(text);
	close(pair[0]);
	close(pair[1]);
}

static void
end(struct session *s)
{
	kill(s->keeper, SIGTERM);
	assert_int_equal(waitpid(s->keeper, NULL, 0), s->keeper);
	unlink(s->starts);
	unlink(s->beats);
	assert_int_equal(rmdir(s->dir), 0); // the keeper has removed its sockets
}

// How long until the file is of that size; a failure if it takes longer than can be.
static uint64_t
wait_size(const char *path, off_t size)
{
	uint64_t from = clock_ms();
	struct stat st;

	while (stat(path, &st) != 0 || st.st_size < size) {
		assert_true(clock_ms() - from < DEADLINE_MS);
		poll(NULL, 0, 10);
	}
	return clock_ms() - from;
}

// ---- tests -----------------------------------------------------------------------------------------

// The ring holds 8 MiB: more gets through only if somebody lets go of them.
static void
a_mirror_that_never_dumps_does_not_stop_the_program(void **state)
{
	struct session s;

	(void)state;
	start(&s, "never-dump",
	    "while :; do head -c 1000000 /dev/zero | tr '\\0' x; printf . >>$0; done");
	wait_size(s.beats, 30);
	end(&s);
}

static void
replaced_at_once(const char *name)
{
	struct session s;

	start(&s, name, "exec cat");
	assert_true(wait_size(s.starts, 3 * 6) < AT_ONCE_MS);
	end(&s);
}

static void
a_long_message_that_is_no_dump_ends_the_mirror(void **state)
{
	(void)state;
	replaced_at_once("long-word");
}

static void
a_dump_that_was_not_asked_for_ends_the_mirror(void **state)
{
	(void)state;
	replaced_at_once("unasked-dump");
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_mirror_that_never_dumps_does_not_stop_the_program),
	    cmocka_unit_test(a_long_message_that_is_no_dump_ends_the_mirror),
	    cmocka_unit_test(a_dump_that_was_not_asked_for_ends_the_mirror),
	};

	if (argc > 2 && strcmp(argv[1], "mirror") == 0)
		return mirror_main(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
