// SPDX-License-Identifier: ISC
// Connections until they have shown a token: how long each may take, and how many there may be.
//
// Whoever has no token yet gives way: a new connection takes the place of the one of its address that has
// been here longest. So it takes many connections in each round trip to keep others out, and those who
// watch are not touched by it.
#include "web/gateway_impl.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_MAX 64       // at once, before others have their turn
#define TICK_MS 250         // between looks at deadlines
#define NOTSENT_BYTES 16384 // the kernel says "writable" when it holds less: frames skip, not queue
#define DEAD_MS 30000       // without an answer to what was sent
#define KEEPALIVE_S 60      // of silence, then the kernel asks whether anybody is there

static bool
is_pending(const struct conn *conn)
{
	return conn->state < CONN_ASKED;
}

void
conn_kill(struct conn *conn)
{
	lws_set_timeout(conn->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
	conn->deadline_us = UINT64_MAX;
	conn->state = CONN_ENDING;
}

void
conn_free(struct conn *conn)
{
	if (conn->next)
		conn->next->link = conn->link;
	*conn->link = conn->next;
	conn->gateway->conns_len--;
	if (conn->gateway->adopted == conn)
		conn->gateway->adopted = NULL;
	if (conn->client)
		client_free(conn->client);
	free(conn);
}

static void
on_tick(uv_timer_t *timer)
{
	struct gateway *gateway = timer->data;
	uint64_t now = gateway_now_us();
	bool any = false;

	for (struct conn *conn = gateway->conns; conn; conn = conn->next) {
		if (conn->deadline_us <= now)
			conn_kill(conn);
		any |= conn->deadline_us < UINT64_MAX;
	}
	if (!any)
		uv_timer_stop(&gateway->tick);
}

void
door_watch(struct conn *conn, enum conn_state state, uint64_t wait_ms)
{
	struct gateway *gateway = conn->gateway;

	conn->state = state;
	conn->deadline_us = wait_ms ? gateway_now_us() + wait_ms * 1000 : UINT64_MAX;
	if (wait_ms && !uv_is_active((uv_handle_t *)&gateway->tick))
		uv_timer_start(&gateway->tick, on_tick, TICK_MS, TICK_MS);
}

// The oldest of those that have to give way, if there are too many. The list has the newest first.
static void
make_room(struct gateway *gateway, const struct in6_addr *address)
{
	struct conn *oldest = NULL, *oldest_here = NULL;
	size_t count = 0, here = 0;

	for (struct conn *conn = gateway->conns; conn; conn = conn->next) {
		if (!is_pending(conn))
			continue;
		count++;
		oldest = conn->state == CONN_SERVING ? oldest : conn;
		if (memcmp(&conn->address, address, sizeof(*address)) == 0) {
			here++;
			oldest_here = conn->state == CONN_SERVING ? oldest_here : conn;
		}
	}
	if (here >= LIMIT_WEB_ADDRESS && oldest_here)
		conn_kill(oldest_here);
	else if (count >= LIMIT_WEB_PENDING && oldest)
		conn_kill(oldest);
}

// IPv4 as IPv6 has it: ::ffff:a.b.c.d
static struct in6_addr
address_of(const struct sockaddr_storage *from)
{
	struct in6_addr address = {0};

	if (from->ss_family == AF_INET6) {
		address = ((const struct sockaddr_in6 *)from)->sin6_addr;
	} else if (from->ss_family == AF_INET) {
		address.s6_addr[10] = address.s6_addr[11] = 0xff;
		memcpy(&address.s6_addr[12], &((const struct sockaddr_in *)from)->sin_addr, 4);
	}
	return address;
}

static void
set_up(int fd)
{
	const int yes = 1, notsent = NOTSENT_BYTES, dead = DEAD_MS, idle = KEEPALIVE_S;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &notsent, sizeof(notsent));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &dead, sizeof(dead));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
}

static void
admit(struct gateway *gateway, int fd, const struct in6_addr *address)
{
	struct conn *conn = calloc(1, sizeof(*conn));
	lws_adopt_desc_t adopt = {.vh = gateway->vhost,
	    .type = LWS_ADOPT_SOCKET | LWS_ADOPT_HTTP |
		    (gateway->options->cert ? LWS_ADOPT_ALLOW_SSL : 0),
	    .fd = {.sockfd = fd},
	    .opaque = conn};
	struct lws *wsi;

	if (!conn)
		abort();
	make_room(gateway, address);
	set_up(fd);
	conn->gateway = gateway;
	conn->address = *address;
	conn->opened_us = gateway_now_us();
	conn->next = gateway->conns;
	conn->link = &gateway->conns;
	if (conn->next)
		conn->next->link = &conn->next;
	gateway->conns = conn;
	gateway->conns_len++;
	door_watch(conn, CONN_OPEN, LIMIT_WEB_HELLO_MS);
	gateway->adopted = conn;
	wsi = lws_adopt_descriptor_vhost_via_info(&adopt);
	if (!gateway->adopted) // what has come already was enough to end it
		return;
	gateway->adopted = NULL;
	if (wsi)
		conn->wsi = wsi;
	else
		conn_free(conn); // lws has closed it, and had nothing yet that it tells of
}

static void
on_listen(uv_poll_t *poll, int status, int events)
{
	struct gateway *gateway = poll->data;

	(void)status;
	(void)events;
	for (int i = 0; i < ACCEPT_MAX; i++) {
		struct sockaddr_storage from;
		socklen_t len = sizeof(from);
		int fd = accept4(gateway->options->listen_fd, (struct sockaddr *)&from, &len,
		    SOCK_NONBLOCK | SOCK_CLOEXEC);
		struct in6_addr address;

		if (fd < 0)
			return;
		address = address_of(&from);
		if (gateway->conns_len >= LIMIT_WEB_PENDING + LIMIT_WEB_VIEWERS)
			close(fd);
		else
			admit(gateway, fd, &address);
	}
}

bool
door_open(struct gateway *gateway)
{
	gateway->listen_poll.data = gateway->tick.data = gateway;
	return uv_timer_init(&gateway->loop, &gateway->tick) == 0 &&
	       uv_poll_init(&gateway->loop, &gateway->listen_poll, gateway->options->listen_fd) ==
		   0 &&
	       uv_poll_start(&gateway->listen_poll, UV_READABLE, on_listen) == 0;
}

void
door_close(struct gateway *gateway)
{
	uv_poll_stop(&gateway->listen_poll);
}
