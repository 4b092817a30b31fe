// SPDX-License-Identifier: ISC
// One direction of a slow link: a queue with an end, a transmitter with a rate, a delay, and loss.
//
// Pure: the caller says what time it is, in nanoseconds of any clock that does not go back.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINK_NEVER UINT64_MAX

struct link_shape {
	uint64_t rate;     // bytes per second; 0: no limit
	uint64_t delay_ns; // from the last bit sent to the last bit received
	uint64_t limit;    // bytes that may wait or be under way in the transmitter; 0: no limit
	uint32_t loss_ppm; // packets lost of a million, after they took their time to send
};

struct link_packet;

struct link_queue {
	struct link_shape shape;
	uint64_t free_ns; // when the transmitter will have sent all it has
	uint64_t random;
	struct link_packet *head, **tail; // owned; in the order of arrival
};

enum link_fate {
	LINK_SENT,
	LINK_FULL, // dropped: no room to wait; it never went over the link
	LINK_LOST, // sent, and will not arrive
};

void link_queue_init(struct link_queue *queue, const struct link_shape *shape, uint64_t seed);
void link_queue_fini(struct link_queue *queue);

// Changes rate, delay, limit and loss for packets that come from now on. What is under way stays.
void link_queue_shape(struct link_queue *queue, const struct link_shape *shape, uint64_t seed);

// A packet enters the link; its bytes are copied.
enum link_fate link_queue_put(
    struct link_queue *queue, uint64_t now_ns, const void *data, size_t len);

// When the next packet arrives at the other end; LINK_NEVER if none is under way.
uint64_t link_queue_next(const struct link_queue *queue);

// Takes a packet that has arrived by now. Returns its length, or 0; `data` must have room for it.
size_t link_queue_take(struct link_queue *queue, uint64_t now_ns, void *data, size_t cap);
