// SPDX-License-Identifier: ISC
// eye [--drain] --size=COLSxROWS -- COMMAND...: a guest's terminal that says when it shows what.
//
// Runs the command on a PTY, feeds what it prints to a terminal (libvterm's own screen layer, which
// shares no code with vt/), answers its queries, and looks for marks: `=NNNNNNN:HHH=` at the start
// of a row, seven decimal digits and three hexadecimal ones that prove that the number was not
// painted by halves. Each time the greatest mark on the screen is greater than before it prints
//   M NANOSECONDS NUMBER BYTES   CLOCK_MONOTONIC, all bytes so far
// and at the end `E STATUS BYTES`. --drain only reads, and answers DSR. It ends with its stdin.
#include "tests/lib/witness.h"

#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define MARK_LEN 13
#define READ_MAX 65536
#define GRACE_MS 2000 // from hang-up to SIGKILL
#define SECOND_NS 1000000000ull

struct eye {
	struct witness *witness; // NULL: only drain
	uint16_t rows, cols;
	int master;
	pid_t child;
	int64_t newest;
	uint64_t bytes;
	char tail[3]; // of what was read before, when draining
	size_t tail_len;
};

static uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
}

// The number of a whole mark at the start of a row, or -1.
static int64_t
mark_of_row(const struct eye *eye, uint16_t row)
{
	char text[MARK_LEN + 1] = {0}, again[MARK_LEN + 1];
	struct witness_cell cell;
	uint32_t number;

	for (uint16_t col = 0; col < MARK_LEN; col++) {
		witness_cell(eye->witness, row, col, &cell);
		if (cell.cp[0] >= 0x80 || cell.cp[0] == ' ')
			return -1;
		text[col] = (char)cell.cp[0];
	}
	if (sscanf(text, "=%7" SCNu32 ":", &number) != 1)
		return -1;
	snprintf(again, sizeof(again), "=%07" PRIu32 ":%03" PRIx32 "=", number % 10000000,
	    number * 2654435761u >> 20);
	return strcmp(text, again) == 0 ? (int64_t)number : -1;
}

static void
look(struct eye *eye)
{
	int64_t newest = -1;

	for (uint16_t row = 0; row < eye->rows; row++) {
		int64_t mark = mark_of_row(eye, row);

		newest = mark > newest ? mark : newest;
	}
	if (newest <= eye->newest)
		return;
	eye->newest = newest;
	printf("M %" PRIu64 " %" PRId64 " %" PRIu64 "\n", now_ns(), newest, eye->bytes);
	fflush(stdout);
}

static void
answer(struct eye *eye, const char *data, size_t len)
{
	if (len && write(eye->master, data, len) < 0 && errno != EIO)
		warn("write to the terminal");
}

// One reply for each `CSI 5 n`, also one that was cut by the end of a read.
static void
drain(struct eye *eye, const char *data, size_t len)
{
	static char both[READ_MAX + sizeof(eye->tail)];
	size_t all = eye->tail_len + len;
	char *at = both;

	memcpy(both, eye->tail, eye->tail_len);
	memcpy(both + eye->tail_len, data, len);
	while ((at = memmem(at, (size_t)(both + all - at), "\033[5n", 4))) {
		answer(eye, "\033[0n", 4);
		at += 4;
	}
	eye->tail_len = all < sizeof(eye->tail) ? all : sizeof(eye->tail);
	memcpy(eye->tail, both + all - eye->tail_len, eye->tail_len);
}

// Returns false when the terminal has been closed.
static bool
read_terminal(struct eye *eye)
{
	static char data[READ_MAX];
	char replies[4096];
	ssize_t got = read(eye->master, data, sizeof(data));

	if (got <= 0)
		return got < 0 && errno == EINTR;
	eye->bytes += (uint64_t)got;
	if (!eye->witness) {
		drain(eye, data, (size_t)got);
		return true;
	}
	witness_feed(eye->witness, data, (size_t)got);
	answer(eye, replies, witness_replies(eye->witness, replies, sizeof(replies)));
	look(eye);
	return true;
}

static void
serve(struct eye *eye)
{
	for (;;) {
		struct pollfd fds[] = {
		    {.fd = eye->master, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
		char ignored[256];

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			err(EX_OSERR, "poll");
		if (fds[0].revents && !read_terminal(eye))
			return;
		if (fds[1].revents && read(0, ignored, sizeof(ignored)) <= 0)
			return;
	}
}

static int
end_child(struct eye *eye)
{
	int status = 0;

	close(eye->master); // hangs up
	for (int waited = 0; waitpid(eye->child, &status, WNOHANG) == 0; waited += 10) {
		if (waited == GRACE_MS)
			kill(eye->child, SIGKILL);
		usleep(10000);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void
start(struct eye *eye, char **argv)
{
	struct winsize size = {.ws_row = eye->rows, .ws_col = eye->cols};

	eye->child = forkpty(&eye->master, NULL, NULL, &size);
	if (eye->child < 0)
		err(EX_OSERR, "fork");
	if (eye->child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); // whatever ends us, no stray is left
		execvp(argv[0], argv);
		err(127, "cannot run %s", argv[0]);
	}
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {{"drain", no_argument, NULL, 'd'},
	    {"size", required_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
	struct eye eye = {.newest = -1, .rows = 24, .cols = 80};
	bool only_drain = false, valid = true;
	int option;

	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		if (option == 's')
			valid = sscanf(optarg, "%" SCNu16 "x%" SCNu16, &eye.cols, &eye.rows) == 2 &&
				eye.cols >= MARK_LEN && eye.rows >= 1;
		only_drain |= option == 'd';
		valid = valid && option != '?';
	}
	if (!valid || optind == argc) {
		fprintf(stderr, "usage: eye [--drain] --size=COLSxROWS -- COMMAND...\n");
		return EX_USAGE;
	}
	if (!only_drain)
		eye.witness = witness_new(eye.rows, eye.cols);
	start(&eye, argv + optind);
	serve(&eye);
	printf("E %d %" PRIu64 "\n", end_child(&eye), eye.bytes);
	if (eye.witness)
		witness_free(eye.witness);
	return 0;
}
