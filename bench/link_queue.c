// SPDX-License-Identifier: ISC
#include "bench/link_queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS 1000000000ull
#define MILLION 1000000u

struct link_packet {
	struct link_packet *next;
	uint64_t arrives_ns;
	size_t len;
	uint8_t data[];
};

void
link_queue_init(struct link_queue *queue, const struct link_shape *shape, uint64_t seed)
{
	memset(queue, 0, sizeof(*queue));
	queue->tail = &queue->head;
	link_queue_shape(queue, shape, seed);
}

void
link_queue_fini(struct link_queue *queue)
{
	while (queue->head) {
		struct link_packet *packet = queue->head;

		queue->head = packet->next;
		free(packet);
	}
	queue->tail = &queue->head;
}

void
link_queue_shape(struct link_queue *queue, const struct link_shape *shape, uint64_t seed)
{
	queue->shape = *shape;
	queue->random = seed;
}

// Bytes not yet sent. The one under way counts by what is left of it.
static uint64_t
waiting(const struct link_queue *queue, uint64_t now_ns)
{
	uint64_t rate = queue->shape.rate, left_ns;

	if (queue->free_ns <= now_ns)
		return 0;
	left_ns = queue->free_ns - now_ns;
	return left_ns / SECOND_NS * rate + left_ns % SECOND_NS * rate / SECOND_NS;
}

// Rounded up: the rate is never exceeded.
static uint64_t
sending_ns(const struct link_queue *queue, size_t len)
{
	if (queue->shape.rate == 0)
		return 0;
	return (len * SECOND_NS + queue->shape.rate - 1) / queue->shape.rate;
}

// splitmix64: the same losses for the same seed.
static bool
is_lost(struct link_queue *queue)
{
	uint64_t value = queue->random += 0x9e3779b97f4a7c15ull;

	value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9ull;
	value = (value ^ value >> 27) * 0x94d049bb133111ebull;
	value ^= value >> 31;
	return value % MILLION < queue->shape.loss_ppm;
}

enum link_fate
link_queue_put(struct link_queue *queue, uint64_t now_ns, const void *data, size_t len)
{
	const struct link_shape *shape = &queue->shape;
	struct link_packet *packet;

	assert(len > 0);
	if (shape->limit && waiting(queue, now_ns) + len > shape->limit)
		return LINK_FULL;
	queue->free_ns =
	    (queue->free_ns > now_ns ? queue->free_ns : now_ns) + sending_ns(queue, len);
	if (is_lost(queue))
		return LINK_LOST;
	packet = malloc(sizeof(*packet) + len);
	if (!packet)
		abort();
	packet->next = NULL;
	packet->arrives_ns = queue->free_ns + shape->delay_ns;
	packet->len = len;
	memcpy(packet->data, data, len);
	*queue->tail = packet;
	queue->tail = &packet->next;
	return LINK_SENT;
}

uint64_t
link_queue_next(const struct link_queue *queue)
{
	return queue->head ? queue->head->arrives_ns : LINK_NEVER;
}

size_t
link_queue_take(struct link_queue *queue, uint64_t now_ns, void *data, size_t cap)
{
	struct link_packet *packet = queue->head;
	size_t len;

	if (!packet || packet->arrives_ns > now_ns)
		return 0;
	assert(packet->len <= cap);
	len = packet->len;
	memcpy(data, packet->data, len);
	queue->head = packet->next;
	if (!queue->head)
		queue->tail = &queue->head;
	free(packet);
	return len;
}
