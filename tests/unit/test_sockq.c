// SPDX-License-Identifier: ISC
// What the kernel says of a connection's queue, over connections on loopback.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/edge/sockq.h"

#define ACKED_MS 30000

struct pair {
	int listener, here, there; // `here` is the server's end, as sshd's
	char connection[200];
};

static socklen_t
address_of(const char *text, uint16_t port, struct sockaddr_storage *address)
{
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
	struct sockaddr_in *four = (struct sockaddr_in *)address;

	memset(address, 0, sizeof(*address));
	if (strchr(text, ':')) {
		six->sin6_family = AF_INET6;
		six->sin6_port = htons(port);
		assert_int_equal(inet_pton(AF_INET6, text, &six->sin6_addr), 1);
		return sizeof(*six);
	}
	four->sin_family = AF_INET;
	four->sin_port = htons(port);
	assert_int_equal(inet_pton(AF_INET, text, &four->sin_addr), 1);
	return sizeof(*four);
}

static uint16_t
port_of(int fd)
{
	struct sockaddr_in6 address = {0}; // the port stands at the same place in both
	socklen_t len = sizeof(address);

	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
	return ntohs(address.sin6_port);
}

// False: this machine has no such address.
static bool
pair_open(struct pair *pair, const char *listen_on, const char *reach_at)
{
	struct sockaddr_storage address;
	socklen_t len = address_of(listen_on, 0, &address);
	uint16_t port;

	pair->listener = socket(address.ss_family, SOCK_STREAM, 0);
	if (pair->listener < 0 || bind(pair->listener, (struct sockaddr *)&address, len) != 0)
		return false;
	assert_int_equal(listen(pair->listener, 1), 0);
	port = port_of(pair->listener);
	len = address_of(reach_at, port, &address);
	pair->there = socket(address.ss_family, SOCK_STREAM, 0);
	assert_int_equal(connect(pair->there, (struct sockaddr *)&address, len), 0);
	pair->here = accept(pair->listener, NULL, NULL);
	assert_true(pair->here >= 0);
	fcntl(pair->here, F_SETFL, O_NONBLOCK);
	snprintf(pair->connection, sizeof(pair->connection), "%s %u %s %u", reach_at,
	    port_of(pair->there), reach_at, port);
	return true;
}

static void
pair_close(struct pair *pair)
{
	close(pair->here);
	close(pair->there);
	close(pair->listener);
}

static bool
can_ask(void)
{
	int fd = socket(AF_NETLINK, SOCK_DGRAM, 4 /* NETLINK_SOCK_DIAG */);

	if (fd >= 0)
		close(fd);
	else
		print_message("skipped: no NETLINK_SOCK_DIAG here\n");
	return fd >= 0;
}

static size_t
fill(int fd)
{
	static char bytes[65536];
	size_t sum = 0;

	for (ssize_t sent; (sent = send(fd, bytes, sizeof(bytes), 0)) > 0;)
		sum += (size_t)sent;
	return sum;
}

static void
the_queue_is_what_was_not_acknowledged(void **state)
{
	static const char *const ways[][2] = {
	    {"127.0.0.1", "127.0.0.1"}, {"::1", "::1"}, {"::", "127.0.0.1"}, {"::", "::1"}};
	(void)state;

	for (size_t i = 0; can_ask() && i < sizeof(ways) / sizeof(*ways); i++) {
		struct sockq_state queue = {.queued = 1};
		struct sockq sockq;
		struct pair pair;

		if (!pair_open(&pair, ways[i][0], ways[i][1])) {
			print_message("skipped: no %s here\n", ways[i][0]);
			continue;
		}
		assert_true(sockq_open(&sockq, pair.connection));
		assert_int_equal(send(pair.here, "hello", 5, 0), 5);
		for (int ms = 0; queue.queued && ms < ACKED_MS; ms++) {
			assert_true(sockq_ask(&sockq, &queue));
			poll(NULL, 0, 1);
		}
		assert_int_equal(queue.queued, 0);
		assert_true(queue.counts && queue.acked >= 5 && queue.rtt_us);
		assert_true(fill(pair.here) > 65536); // nobody reads
		assert_true(sockq_ask(&sockq, &queue));
		assert_true(queue.queued > 65536);
		pair_close(&pair);
		assert_false(sockq_ask(&sockq, &queue));
		sockq_close(&sockq);
	}
}

// For a connection that is not there the kernel answers with the listener.
static void
a_listener_is_not_taken_for_the_connection(void **state)
{
	struct sockq sockq;
	struct pair pair;
	char wrong[200];
	(void)state;

	if (!can_ask())
		return;
	assert_true(pair_open(&pair, "127.0.0.1", "127.0.0.1"));
	snprintf(wrong, sizeof(wrong), "127.0.0.1 1 127.0.0.1 %u", port_of(pair.listener));
	assert_false(sockq_open(&sockq, wrong));
	assert_int_equal(sockq.fd, -1);
	pair_close(&pair);
}

static void
what_is_no_connection_is_refused(void **state)
{
	static const char *const cases[] = {NULL, "", "127.0.0.1", "127.0.0.1 1 127.0.0.1",
	    "127.0.0.1 1 127.0.0.1 99999", "127.0.0.1 0 127.0.0.1 22", "::1 1 127.0.0.1 22",
	    "name 1 name 22", "127.0.0.1 1 127.0.0.1 22 x", "127.0.0.1 1 127.0.0.1 22x"};
	struct sockq sockq;
	(void)state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_false(sockq_open(&sockq, cases[i]));
		assert_int_equal(sockq.fd, -1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_queue_is_what_was_not_acknowledged),
	    cmocka_unit_test(a_listener_is_not_taken_for_the_connection),
	    cmocka_unit_test(what_is_no_connection_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
