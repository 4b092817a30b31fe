// SPDX-License-Identifier: ISC
// Asks the kernel what stands in the send queue of sshd's connection to the guest: how much of what
// was written to the terminal has not been acknowledged. Needs no privilege and no byte on the wire,
// but sees the last TCP connection only (sock_diag(7)).
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include <netinet/in.h>

struct sockq {
	int fd;       // owned: of netlink, or -1
	bool is_ipv6; // how the addresses are written
	uint16_t here_port, there_port;
	struct in6_addr here, there; // IPv4: in the first four bytes
};

struct sockq_state {
	uint64_t queued;             // bytes not acknowledged, sent or not
	bool counts;                 // whether the following is known
	uint64_t acked;              // bytes acknowledged since the connection began
	uint64_t rtt_us, rtt_min_us; // 0: not known
};

// `connection`: as in SSH_CONNECTION, "CLIENT PORT SERVER PORT", or NULL. False: there is no such
// connection that can be asked about; the queue is closed.
bool sockq_open(struct sockq *sockq, const char *connection);
void sockq_close(struct sockq *sockq);
// False: the connection has ended, or the kernel does not say.
bool sockq_ask(const struct sockq *sockq, struct sockq_state *state);
