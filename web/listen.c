// SPDX-License-Identifier: ISC
// The socket that browsers connect to.
#include "web/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 512

// Takes ADDR:PORT apart: [::1]:80, 127.0.0.1:80, localhost, :80.
static bool
split(const char *where, char host[64], char port[8])
{
	const char *colon = strrchr(where, ':'), *end = where + strlen(where);
	size_t len;

	if (*where == '[') {
		const char *close = strchr(where, ']');

		if (!close || (close[1] && close[1] != ':'))
			return false;
		colon = close[1] ? close + 1 : NULL;
		where++;
		end = close;
	} else {
		end = colon ? colon : end;
	}
	len = (size_t)(end - where);
	if (len >= 64 || (colon && (strlen(colon + 1) >= 8 || !colon[1])))
		return false;
	memcpy(host, where, len);
	host[len] = '\0';
	snprintf(port, 8, "%s", colon ? colon + 1 : "");
	return strspn(port, "0123456789") == strlen(port);
}

static int
bind_to(const struct addrinfo *info, uint16_t port)
{
	struct sockaddr_storage address = {0};
	int fd = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int yes = 1;

	memcpy(&address, info->ai_addr, info->ai_addrlen);
	if (info->ai_family == AF_INET6)
		((struct sockaddr_in6 *)&address)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)&address)->sin_port = htons(port);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, info->ai_addrlen) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	if (fd >= 0) {
		int error = errno;

		close(fd);
		errno = error;
	}
	return -1;
}

static void
describe(struct listen *listen)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof(address);
	char text[INET6_ADDRSTRLEN] = "";

	getsockname(listen->fd, (struct sockaddr *)&address, &len);
	if (address.ss_family == AF_INET6) {
		const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&address;

		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
		snprintf(listen->host, sizeof(listen->host), "[%s]", text);
		listen->port = ntohs(in6->sin6_port);
		listen->loopback = IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
		listen->any = IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
	} else {
		const struct sockaddr_in *in = (const struct sockaddr_in *)&address;

		inet_ntop(AF_INET, &in->sin_addr, listen->host, sizeof(listen->host));
		listen->port = ntohs(in->sin_port);
		listen->loopback = ntohl(in->sin_addr.s_addr) >> 24 == 127;
		listen->any = in->sin_addr.s_addr == htonl(INADDR_ANY);
	}
}

bool
listen_open(struct listen *listen, const char *where, char why[SESSION_WHY])
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
	struct addrinfo *info = NULL;
	char host[64], port[8];
	unsigned long number;
	int error;

	if (!split(where ? where : "", host, port) ||
	    (number = *port ? strtoul(port, NULL, 10) : LISTEN_PORT) > UINT16_MAX) {
		snprintf(why, SESSION_WHY,
		    "--listen=%.100s is no address: give ADDR:PORT, e.g. 127.0.0.1:%d", where,
		    LISTEN_PORT);
		return false;
	}
	error = getaddrinfo(*host ? host : "127.0.0.1", NULL, &hints, &info);
	if (error) {
		snprintf(why, SESSION_WHY, "cannot listen at %.64s: %s", host, gai_strerror(error));
		return false;
	}
	listen->fd = bind_to(info, (uint16_t)number);
	if (listen->fd < 0 && errno == EADDRINUSE && !*port)
		listen->fd = bind_to(info, 0);
	if (listen->fd < 0)
		snprintf(why, SESSION_WHY, "cannot listen at %.64s:%lu: %s",
		    *host ? host : "127.0.0.1", number, strerror(errno));
	else
		describe(listen);
	freeaddrinfo(info);
	return listen->fd >= 0;
}
