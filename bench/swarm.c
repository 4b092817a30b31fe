// SPDX-License-Identifier: ISC
// swarm [--readers=N] [--sampled=N] SOCKET | PORT TOKEN: many readers of bench/fansend, or pages of the
// gateway at that port of this machine with a link's token, in one process. The sampled ones decode all they get and look for marks (`=NNNNNNN:HHH=`, see bench/eye.c) on their screens; the
// others only follow the numbers of the screens, and acknowledge as the sampled ones do.
//
// It prints `M NANOSECONDS NUMBER READER` when a sampled reader's greatest mark is greater than
// before, and obeys lines on its stdin: `begin` forgets all that was counted, `stop N` stops reading
// for N of the readers, from the last one on, and `report` prints a line of JSON: of the readers that
// are not stopped, since `begin`. Lateness is how long after the first of all readers one had the
// screen that follows the one it showed before. `screen` prints a sampled reader's as text, behind its
// length in bytes, and fails if that of another is not the same. It ends with its stdin.
#include "bench/swarm_web.h"
#include "server/base/msg.h"
#include "server/base/proto.h"
#include "server/link/fan.h"
#include "server/link/fan_reader.h"
#include "vt/format.h"

#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define ACK 0x02 // of fansend's readers and of pages
#define WEB_BYE 0x49
#define ACK_US (LIMIT_LINK_ACK_MS * 1000u)
#define TICK_MS 10
#define READ_BYTES 65536
#define EVENTS 256
#define SEQS 8192 // screens whose first arrival is remembered
#define MARK_LEN 13
#define START_PLAIN 32 // bytes of a START's plain text that hold its numbers

struct conn {
	int fd;
	bool sampled, stopped;
	struct buf in;
	struct fan_reader reader; // of a sampled one; of others only seq
	uint64_t came_at, acked_at, acked;
	int64_t mark;
};

struct swarm {
	bool web;
	struct conn *conns; // owned
	size_t count;
	int epoll;
	uint64_t newest, first_at[SEQS]; // us, by seq
	uint64_t messages, starts, bytes, late_max;
	uint64_t late[6]; // messages that came within late_us
};
static const uint64_t late_us[] = {10000, 50000, 100000, 250000, 500000, 1000000};

static uint64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000;
}

static int
connect_unix(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ? fd : -1;
}

// `words`: a path, or a port and a token.
static void
connect_one(struct swarm *swarm, struct conn *conn, char **words)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = conn};

	conn->fd =
	    swarm->web ? swarm_web_open(words[0], words[1], &conn->in) : connect_unix(words[0]);
	if (conn->fd < 0 || epoll_ctl(swarm->epoll, EPOLL_CTL_ADD, conn->fd, &event) != 0)
		err(EX_OSERR, "reader %td at %s: %.60s", (ptrdiff_t)(conn - swarm->conns), words[0],
		    conn->in.len ? (const char *)conn->in.data : "");
	conn->mark = -1;
	fan_reader_init(&conn->reader);
}

// ---- marks -------------------------------------------------------------------------------------

static int64_t
mark_of_row(const struct row *row)
{
	char text[MARK_LEN + 1] = {0}, again[MARK_LEN + 1];
	uint32_t number;

	for (size_t col = 0; col < MARK_LEN && col < row->cols; col++)
		text[col] = row->cells[col].cp < 0x80 ? (char)row->cells[col].cp : '?';
	if (sscanf(text, "=%7" SCNu32 ":", &number) != 1)
		return -1;
	snprintf(again, sizeof(again), "=%07" PRIu32 ":%03" PRIx32 "=", number % 10000000,
	    number * 2654435761u >> 20);
	return strcmp(text, again) == 0 ? (int64_t)number : -1;
}

static void
look(const struct swarm *swarm, struct conn *conn, uint64_t now)
{
	int64_t newest = -1;

	for (size_t i = 0; i < conn->reader.screen->rows; i++) {
		int64_t mark = mark_of_row(conn->reader.screen->row[i]);

		newest = mark > newest ? mark : newest;
	}
	if (newest <= conn->mark)
		return;
	conn->mark = newest;
	printf("M %" PRIu64 " %" PRId64 " %td\n", now * 1000, newest,
	    (ptrdiff_t)(conn - swarm->conns));
}

// ---- messages ----------------------------------------------------------------------------------

static void
broken(const struct swarm *swarm, const struct conn *conn, const char *why)
{
	errx(EX_PROTOCOL, "reader %td after screen %" PRIu64 ": %s",
	    (ptrdiff_t)(conn - swarm->conns), conn->reader.seq, why);
}

// The number of the screen that a START leads to, from the beginning of what it inflates to.
static uint64_t
seq_of_start(const uint8_t *data, size_t len)
{
	struct inflater *inflater = inflater_new();
	struct buf plain = {0};
	struct reader reader = {0};
	uint64_t seq = 0;

	if (inflater_put(inflater, data, len, MSG_MAX, &plain)) {
		reader.data = plain.data;
		reader.len = plain.len < START_PLAIN ? plain.len : START_PLAIN;
		seq = reader_varint(&reader);
	}
	inflater_free(inflater);
	buf_fini(&plain);
	return seq;
}

static void
count_late(struct swarm *swarm, const struct conn *conn, uint64_t before, uint64_t now)
{
	uint64_t late = 0;

	for (; swarm->newest < conn->reader.seq; swarm->newest++)
		swarm->first_at[(swarm->newest + 1) % SEQS] = now;
	if (before && swarm->newest - before < SEQS)
		late = now - swarm->first_at[(before + 1) % SEQS];
	for (size_t i = 0; i < sizeof(late_us) / sizeof(late_us[0]); i++)
		swarm->late[i] += late <= late_us[i];
	if (late > swarm->late_max)
		swarm->late_max = late;
}

static void
on_message(struct swarm *swarm, struct conn *conn, const uint8_t *data, size_t len, uint64_t now)
{
	uint64_t before = conn->reader.seq;
	const char *why;

	swarm->messages++;
	swarm->bytes += len;
	swarm->starts += data[0] == FAN_START;
	if (conn->sampled) {
		if (!fan_reader_put(&conn->reader, data, len, &why))
			broken(swarm, conn, why);
		look(swarm, conn, now);
	} else if (data[0] == FAN_START) {
		conn->reader.seq = seq_of_start(data + 1, len - 1);
	} else {
		conn->reader.seq++;
	}
	if (conn->reader.seq <= before)
		broken(swarm, conn, "the number of a screen goes back");
	conn->came_at = now;
	count_late(swarm, conn, before, now);
}

// The next whole message that starts at `*used`; NULL: there is none.
static const uint8_t *
next_message(const struct swarm *swarm, const struct conn *conn, size_t *used, size_t *len)
{
	const uint8_t *data;
	struct msg msg;
	bool bad;

	if (!swarm->web) {
		if (msg_get(&conn->in, used, MSG_MAX, &msg) != MSG_ONE)
			return NULL;
		*len = msg.len + 1;
		return msg.data - 1;
	}
	data = swarm_web_get(&conn->in, used, len, &bad);
	if (bad || (data && !*len))
		broken(swarm, conn, "no binary message");
	if (data && data[0] == WEB_BYE)
		broken(swarm, conn, "the gateway says goodbye");
	return data;
}

static void
on_readable(struct swarm *swarm, struct conn *conn)
{
	uint8_t *to = buf_reserve(&conn->in, READ_BYTES);
	ssize_t got = recv(conn->fd, to, READ_BYTES, MSG_DONTWAIT);
	uint64_t now = now_us();
	const uint8_t *data;
	size_t used = 0, len;

	if (got == 0)
		broken(swarm, conn, "the sender closed it");
	if (got < 0)
		return;
	conn->in.len += (size_t)got;
	while ((data = next_message(swarm, conn, &used, &len)))
		if (data[0] == FAN_STEP || data[0] == FAN_START)
			on_message(swarm, conn, data, len, now);
	buf_take(&conn->in, used);
	if (!conn->in.len)
		buf_fini(&conn->in);
}

// The first one at once, then no more often than every 100 ms.
static void
acknowledge(const struct swarm *swarm, struct conn *conn, uint64_t now)
{
	struct buf out = {0}, ack = {0};

	if (conn->stopped || conn->acked == conn->reader.seq ||
	    (conn->acked && now - conn->acked_at < ACK_US))
		return;
	buf_put_u8(&ack, ACK);
	buf_put_varint(&ack, conn->reader.seq);
	buf_put_varint(&ack, (now - conn->came_at) / (swarm->web ? 1000 : 1));
	if (swarm->web)
		swarm_web_put(&out, ack.data, ack.len);
	else
		buf_put_bytes(&out, ack.data, ack.len);
	if (send(conn->fd, out.data, out.len, MSG_NOSIGNAL) != (ssize_t)out.len)
		err(EX_OSERR, "acknowledging");
	buf_fini(&out);
	buf_fini(&ack);
	conn->acked = conn->reader.seq;
	conn->acked_at = now;
}

// ---- orders ------------------------------------------------------------------------------------

static void
begin(struct swarm *swarm)
{
	swarm->messages = swarm->starts = swarm->bytes = swarm->late_max = 0;
	memset(swarm->late, 0, sizeof(swarm->late));
}

static void
stop(struct swarm *swarm, size_t count)
{
	for (size_t i = swarm->count; i-- > 0 && count > 0; count--) {
		swarm->conns[i].stopped = true;
		epoll_ctl(swarm->epoll, EPOLL_CTL_DEL, swarm->conns[i].fd, NULL);
	}
}

static void
report(const struct swarm *swarm)
{
	uint64_t now = now_us(), late_max = swarm->late_max;
	size_t current = 0, moving = 0;

	for (size_t i = 0; i < swarm->count; i++) {
		const struct conn *conn = &swarm->conns[i];
		uint64_t late = now - swarm->first_at[(conn->reader.seq + 1) % SEQS];

		if (conn->stopped)
			continue;
		moving++;
		current += conn->reader.seq == swarm->newest;
		if (conn->reader.seq < swarm->newest && late > late_max)
			late_max = late;
	}
	printf("{\"readers\":%zu,\"current\":%zu,\"newest\":%" PRIu64 ",\"messages\":%" PRIu64
	       ",\"starts\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"late_ms_max\":%.1f,\"late\":{",
	    moving, current, swarm->newest, swarm->messages, swarm->starts, swarm->bytes,
	    (double)late_max / 1000);
	for (size_t i = 0; i < sizeof(late_us) / sizeof(late_us[0]); i++)
		printf(
		    "%s\"%" PRIu64 "\":%" PRIu64, i ? "," : "", late_us[i] / 1000, swarm->late[i]);
	printf("}}\n");
}

static void
print_screen(const struct swarm *swarm)
{
	const struct screen *one = NULL;
	struct buf text = {0};

	for (size_t i = 0; i < swarm->count; i++) {
		const struct conn *conn = &swarm->conns[i];

		if (!conn->sampled || conn->stopped || conn->reader.seq != swarm->newest)
			continue;
		if (one && !screen_equal(one, conn->reader.screen))
			broken(swarm, conn, "its screen is not that of another");
		one = conn->reader.screen;
	}
	if (one)
		format_text(one, &text);
	printf("%zu\n%.*s", text.len, (int)text.len, (const char *)text.data);
	buf_fini(&text);
}

static bool
on_order(struct swarm *swarm)
{
	static char line[256];
	static size_t len;
	ssize_t got = read(STDIN_FILENO, line + len, sizeof(line) - 1 - len);
	char *end;

	if (got <= 0)
		return false;
	len += (size_t)got;
	line[len] = '\0';
	while ((end = strchr(line, '\n'))) {
		*end++ = '\0';
		if (strcmp(line, "begin") == 0)
			begin(swarm);
		else if (strcmp(line, "report") == 0)
			report(swarm);
		else if (strcmp(line, "screen") == 0)
			print_screen(swarm);
		else if (strncmp(line, "stop ", 5) == 0)
			stop(swarm, strtoul(line + 5, NULL, 10));
		else
			errx(EX_USAGE, "%s: unheard of", line);
		len -= (size_t)(end - line);
		memmove(line, end, len + 1);
	}
	fflush(stdout);
	return true;
}

static void
run(struct swarm *swarm)
{
	struct epoll_event events[EVENTS], input = {.events = EPOLLIN};
	uint64_t ticked_at = 0;

	epoll_ctl(swarm->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &input);
	for (;;) {
		int count = epoll_wait(swarm->epoll, events, EVENTS, TICK_MS);
		uint64_t now;

		for (int i = 0; i < count; i++) {
			if (events[i].data.ptr)
				on_readable(swarm, events[i].data.ptr);
			else if (!on_order(swarm))
				return;
		}
		now = now_us();
		if (now - ticked_at < TICK_MS * 1000u)
			continue;
		ticked_at = now;
		for (size_t i = 0; i < swarm->count; i++)
			acknowledge(swarm, &swarm->conns[i], now);
		fflush(stdout);
	}
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {{"readers", required_argument, NULL, 'r'},
	    {"sampled", required_argument, NULL, 's'}, {NULL, 0, NULL, 0}};
	static struct swarm swarm;
	size_t sampled = 20;
	int option;

	swarm.count = 1000;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'r')
			swarm.count = strtoul(optarg, NULL, 10);
		else if (option == 's')
			sampled = strtoul(optarg, NULL, 10);
		else
			return EX_USAGE;
	}
	swarm.web = argc - optind == 2;
	if (argc - optind < 1 || argc - optind > 2 || !swarm.count) {
		fprintf(stderr, "usage: swarm [--readers=N] [--sampled=N] SOCKET | PORT TOKEN\n");
		return EX_USAGE;
	}
	swarm.conns = calloc(swarm.count, sizeof(*swarm.conns));
	swarm.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (!swarm.conns || swarm.epoll < 0)
		err(EX_OSERR, "no room");
	for (size_t i = 0; i < swarm.count; i++) {
		swarm.conns[i].sampled = i < sampled;
		connect_one(&swarm, &swarm.conns[i], argv + optind);
	}
	run(&swarm);
	return EX_OK;
}
