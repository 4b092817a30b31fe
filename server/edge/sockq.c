// SPDX-License-Identifier: ISC
// Asks the kernel what stands in the send queue of sshd's connection.
#include "server/edge/sockq.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

// <netinet/tcp.h> has an older struct tcp_info.
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tcp.h>

#define STATE_ESTABLISHED 1 // include/net/tcp_states.h, the same as in RFC 793's order
#define ANSWER_BYTES 4096
#define ADDRESS_MAX 64 // characters of an address with its zone

// ---- SSH_CONNECTION ----------------------------------------------------------------------------

static bool
parse_address(char *text, bool *is_ipv6, struct in6_addr *address)
{
	text[strcspn(text, "%")] = '\0'; // the zone of a link-local address is not part of it
	*is_ipv6 = strchr(text, ':') != NULL;
	memset(address, 0, sizeof(*address));
	return inet_pton(*is_ipv6 ? AF_INET6 : AF_INET, text, address) == 1;
}

static bool
parse(struct sockq *sockq, const char *connection)
{
	char there[ADDRESS_MAX], here[ADDRESS_MAX];
	unsigned int there_port, here_port;
	bool there_is_ipv6;
	int end = 0;

	if (sscanf(connection, "%63s %5u %63s %5u%n", there, &there_port, here, &here_port, &end) !=
		4 ||
	    connection[end] || there_port > UINT16_MAX || here_port > UINT16_MAX || !there_port ||
	    !here_port)
		return false;
	sockq->there_port = (uint16_t)there_port;
	sockq->here_port = (uint16_t)here_port;
	return parse_address(there, &there_is_ipv6, &sockq->there) &&
	       parse_address(here, &sockq->is_ipv6, &sockq->here) &&
	       there_is_ipv6 == sockq->is_ipv6;
}

bool
sockq_open(struct sockq *sockq, const char *connection)
{
	struct sockq_state state;

	*sockq = (struct sockq){.fd = -1};
	if (!connection || !parse(sockq, connection))
		return false;
	sockq->fd =
	    socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_SOCK_DIAG);
	if (sockq->fd < 0)
		return false;
	if (sockq_ask(sockq, &state))
		return true;
	sockq_close(sockq); // an older connection's, in the environment of a tmux
	return false;
}

void
sockq_close(struct sockq *sockq)
{
	if (sockq->fd >= 0)
		close(sockq->fd);
	sockq->fd = -1;
}

// ---- the query ---------------------------------------------------------------------------------

static bool
send_question(const struct sockq *sockq)
{
	struct {
		struct nlmsghdr header;
		struct inet_diag_req_v2 request;
	} question = {
	    .header = {.nlmsg_len = sizeof(question),
		.nlmsg_type = SOCK_DIAG_BY_FAMILY,
		.nlmsg_flags = NLM_F_REQUEST},
	    .request = {.sdiag_family = sockq->is_ipv6 ? AF_INET6 : AF_INET,
		.sdiag_protocol = IPPROTO_TCP,
		.idiag_ext = 1 << (INET_DIAG_INFO - 1),
		.idiag_states = 1 << STATE_ESTABLISHED,
		.id = {.idiag_sport = htons(sockq->here_port),
		    .idiag_dport = htons(sockq->there_port),
		    .idiag_cookie = {INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE}}},
	};

	memcpy(question.request.id.idiag_src, &sockq->here, sizeof(sockq->here));
	memcpy(question.request.id.idiag_dst, &sockq->there, sizeof(sockq->there));
	return send(sockq->fd, &question, sizeof(question), MSG_DONTWAIT) ==
	       (ssize_t)sizeof(question);
}

// How much of it there is depends on the kernel: from 4.6 on all that is used here.
static void
take_info(const struct rtattr *attr, struct sockq_state *state)
{
	struct tcp_info info = {0};
	size_t len = RTA_PAYLOAD(attr);

	memcpy(&info, RTA_DATA(attr), len < sizeof(info) ? len : sizeof(info));
	if (len < offsetof(struct tcp_info, tcpi_min_rtt) + sizeof(info.tcpi_min_rtt))
		return;
	state->counts = true;
	state->acked = info.tcpi_bytes_acked;
	state->rtt_us = info.tcpi_rtt;
	state->rtt_min_us = info.tcpi_min_rtt == UINT32_MAX ? info.tcpi_rtt : info.tcpi_min_rtt;
}

// For a connection that is not there the kernel answers with the listener, which has a queue that is
// never empty: so the state and both ports must be right.
static bool
take_answer(const struct sockq *sockq, struct nlmsghdr *header, struct sockq_state *state)
{
	const struct inet_diag_msg *msg = NLMSG_DATA(header);
	const struct rtattr *attr = (const struct rtattr *)(msg + 1);
	size_t left;

	if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
	    header->nlmsg_len < NLMSG_LENGTH(sizeof(*msg)) ||
	    msg->idiag_state != STATE_ESTABLISHED ||
	    msg->id.idiag_sport != htons(sockq->here_port) ||
	    msg->id.idiag_dport != htons(sockq->there_port))
		return false;
	state->queued = msg->idiag_wqueue;
	left = header->nlmsg_len - NLMSG_LENGTH(sizeof(*msg));
	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left))
		if (attr->rta_type == INET_DIAG_INFO)
			take_info(attr, state);
	return true;
}

bool
sockq_ask(const struct sockq *sockq, struct sockq_state *state)
{
	union {
		struct nlmsghdr header;
		char bytes[ANSWER_BYTES];
	} answer;
	ssize_t len;

	*state = (struct sockq_state){0};
	if (sockq->fd < 0)
		return false;
	while (recv(sockq->fd, &answer, sizeof(answer), MSG_DONTWAIT) > 0)
		; // of an earlier question: there is none, but an old one would mislead for good
	if (!send_question(sockq))
		return false;
	len = recv(sockq->fd, &answer, sizeof(answer), MSG_DONTWAIT); // the kernel has answered
	return len >= (ssize_t)sizeof(answer.header) && NLMSG_OK(&answer.header, (size_t)len) &&
	       take_answer(sockq, &answer.header, state);
}
