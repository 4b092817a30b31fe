// SPDX-License-Identifier: ISC
// linksim HOST-NETNS GUEST-NETNS: joins two network namespaces by a slow link.
//
// It makes a TUN device `link0` in each (give them addresses once it printed {"ready":true}) and
// carries packets between them through bench/link_queue.h, both ways alike. Lines on stdin:
//   link RATE DELAY_US QUEUE LOSS_PPM SEED   bytes/s, one way, bytes, of a million
//   reset                                    counts from 0
//   counts                                   prints what went over the link since, as JSON
//   seconds                                  the same for each second
// "down" is from host to guest. Bytes are those of IP packets. It ends with its stdin.
#include "bench/link_queue.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define DEVICE "link0"
#define PACKET_MAX 65536
#define READS_MAX 64 // from one device before the others have a turn
#define SECONDS_MAX 3600
#define SECOND_NS 1000000000ull

enum { DOWN, UP, WAYS };
static const char *const way_names[WAYS] = {"down", "up"};

struct count {
	uint64_t bytes, packets, dropped, lost;
};

struct sim {
	int tun[WAYS]; // [DOWN] is the host's end: what is read there goes down
	struct link_queue queue[WAYS];
	struct count count[WAYS];
	struct count second[SECONDS_MAX][WAYS];
	uint64_t reset_ns;
	char line[256]; // of stdin, not complete yet
	size_t line_len;
};

static uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
}

// A TUN device belongs to the namespace it was made in; its fd works in any.
static int
open_tun(const char *netns)
{
	struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	char path[256];
	int ns, tun;

	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	ns = open(path, O_RDONLY | O_CLOEXEC);
	if (ns < 0 || setns(ns, CLONE_NEWNET) < 0)
		err(EX_NOPERM, "network namespace %s", path);
	close(ns);
	tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	memcpy(request.ifr_name, DEVICE, sizeof(DEVICE));
	if (tun < 0 || ioctl(tun, TUNSETIFF, &request) < 0)
		err(EX_UNAVAILABLE, "a TUN device in %s", netns);
	return tun;
}

static void
count_packet(struct sim *sim, int way, uint64_t now, size_t len, enum link_fate fate)
{
	uint64_t second = (now - sim->reset_ns) / SECOND_NS;
	struct count *counts[] = {
	    &sim->count[way], &sim->second[second < SECONDS_MAX ? second : SECONDS_MAX - 1][way]};

	for (size_t i = 0; i < 2; i++) {
		counts[i]->bytes += fate == LINK_FULL ? 0 : len;
		counts[i]->packets += fate != LINK_FULL;
		counts[i]->dropped += fate == LINK_FULL;
		counts[i]->lost += fate == LINK_LOST;
	}
}

static void
take_in(struct sim *sim, int way)
{
	static uint8_t packet[PACKET_MAX];

	for (int i = 0; i < READS_MAX; i++) {
		ssize_t len = read(sim->tun[way], packet, sizeof(packet));
		uint64_t now = now_ns();

		if (len <= 0)
			return;
		count_packet(sim, way, now, (size_t)len,
		    link_queue_put(&sim->queue[way], now, packet, (size_t)len));
	}
}

static void
hand_out(struct sim *sim, int way)
{
	static uint8_t packet[PACKET_MAX];
	size_t len;

	while ((len = link_queue_take(&sim->queue[way], now_ns(), packet, sizeof(packet))) > 0)
		if (write(sim->tun[WAYS - 1 - way], packet, len) < 0 && errno != EAGAIN &&
		    errno != EIO && errno != EINVAL) // EIO: the device is down
			err(EX_IOERR, "write to the device");
}

static void
print_count(const struct count count[WAYS])
{
	for (int way = 0; way < WAYS; way++)
		printf("%s\"%s\":{\"bytes\":%" PRIu64 ",\"packets\":%" PRIu64
		       ",\"dropped\":%" PRIu64 ",\"lost\":%" PRIu64 "}",
		    way ? "," : "{", way_names[way], count[way].bytes, count[way].packets,
		    count[way].dropped, count[way].lost);
	printf("}");
}

static void
print_seconds(const struct sim *sim)
{
	uint64_t seconds = (now_ns() - sim->reset_ns) / SECOND_NS + 1;

	printf("[");
	for (uint64_t i = 0; i < seconds && i < SECONDS_MAX; i++) {
		printf("%s", i ? "," : "");
		print_count(sim->second[i]);
	}
	printf("]\n");
}

static void
reset(struct sim *sim)
{
	memset(sim->count, 0, sizeof(sim->count));
	memset(sim->second, 0, sizeof(sim->second));
	sim->reset_ns = now_ns();
}

static void
obey(struct sim *sim, const char *line)
{
	struct link_shape shape = {0};
	uint64_t delay_us, seed;

	if (strcmp(line, "reset") == 0) {
		reset(sim);
		printf("{\"reset\":true}\n");
	} else if (strcmp(line, "counts") == 0) {
		print_count(sim->count);
		printf("\n");
	} else if (strcmp(line, "seconds") == 0) {
		print_seconds(sim);
	} else if (sscanf(line, "link %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu32 " %" SCNu64,
		       &shape.rate, &delay_us, &shape.limit, &shape.loss_ppm, &seed) == 5) {
		shape.delay_ns = delay_us * 1000;
		for (uint64_t way = 0; way < WAYS; way++)
			link_queue_shape(&sim->queue[way], &shape, seed + way);
		printf("{\"link\":true}\n");
	} else {
		errx(EX_DATAERR, "not a command: %s", line);
	}
	fflush(stdout);
}

// Returns false at the end of stdin.
static bool
read_commands(struct sim *sim)
{
	ssize_t got = read(0, sim->line + sim->line_len, sizeof(sim->line) - 1 - sim->line_len);
	char *end;

	if (got <= 0)
		return false;
	sim->line_len += (size_t)got;
	while ((end = memchr(sim->line, '\n', sim->line_len))) {
		size_t used = (size_t)(end - sim->line) + 1;

		*end = 0;
		obey(sim, sim->line);
		sim->line_len -= used;
		memmove(sim->line, sim->line + used, sim->line_len);
	}
	if (sim->line_len == sizeof(sim->line) - 1)
		errx(EX_DATAERR, "a command of over %zu bytes", sizeof(sim->line) - 2);
	return true;
}

static void
serve(struct sim *sim)
{
	for (;;) {
		struct pollfd fds[] = {
		    {.fd = sim->tun[DOWN], .events = POLLIN},
		    {.fd = sim->tun[UP], .events = POLLIN},
		    {.fd = 0, .events = POLLIN},
		};
		uint64_t down = link_queue_next(&sim->queue[DOWN]);
		uint64_t up = link_queue_next(&sim->queue[UP]), next = down < up ? down : up;
		uint64_t now = now_ns(), wait = next > now ? next - now : 0;
		struct timespec timeout = {(time_t)(wait / SECOND_NS), (long)(wait % SECOND_NS)};

		if (ppoll(fds, 3, next == LINK_NEVER ? NULL : &timeout, NULL) < 0 && errno != EINTR)
			err(EX_OSERR, "poll");
		for (int way = 0; way < WAYS; way++) {
			if (fds[way].revents)
				take_in(sim, way);
			hand_out(sim, way);
		}
		if (fds[2].revents && !read_commands(sim))
			return;
	}
}

int
main(int argc, char **argv)
{
	static struct sim sim;

	if (argc != 3) {
		fprintf(stderr, "usage: linksim HOST-NETNS GUEST-NETNS\n");
		return EX_USAGE;
	}
	prctl(PR_SET_TIMERSLACK, 1); // ns; the default of 50 us would be added to each packet
	for (int way = 0; way < WAYS; way++) {
		sim.tun[way] = open_tun(argv[1 + way]);
		link_queue_init(&sim.queue[way], &(struct link_shape){0}, 1);
	}
	reset(&sim);
	printf("{\"ready\":true}\n");
	fflush(stdout);
	serve(&sim);
	for (int way = 0; way < WAYS; way++) {
		link_queue_fini(&sim.queue[way]);
		close(sim.tun[way]);
	}
	return 0;
}
