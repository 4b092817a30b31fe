// SPDX-License-Identifier: ISC
// A ring of bytes and a ring of resizes, both addressed by numbers that only grow.
#include "server/keeper/ring.h"

#include <sys/mman.h>

bool
ring_init(struct ring *ring, size_t cap)
{
	void *data = mmap(
	    NULL, cap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (data == MAP_FAILED)
		return false;
	ring->data = data;
	ring->cap = cap;
	ring->start = ring->end = 0;
	ring->mark_start = ring->mark_end = 0;
	return true;
}

void
ring_fini(struct ring *ring)
{
	munmap(ring->data, ring->cap);
}

static size_t
min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

uint8_t *
ring_room(const struct ring *ring, size_t *len)
{
	size_t at = (size_t)(ring->end & (ring->cap - 1));
	size_t free_len = ring->cap - (size_t)(ring->end - ring->start);

	*len = min_size(free_len, ring->cap - at);
	return ring->data + at;
}

void
ring_wrote(struct ring *ring, size_t len)
{
	ring->end += len;
}

bool
ring_resize(struct ring *ring, uint16_t rows, uint16_t cols)
{
	if (ring->mark_end - ring->mark_start == RING_MARKS)
		return false;
	ring->mark[ring->mark_end++ & (RING_MARKS - 1)] =
	    (struct ring_mark){.offset = ring->end, .rows = rows, .cols = cols};
	return true;
}

struct ring_pos
ring_end(const struct ring *ring)
{
	return (struct ring_pos){.offset = ring->end, .mark = ring->mark_end};
}

bool
ring_at_end(const struct ring *ring, struct ring_pos pos)
{
	return pos.offset == ring->end && pos.mark == ring->mark_end;
}

enum ring_item
ring_peek(const struct ring *ring, struct ring_pos pos, size_t max, const uint8_t **data,
    size_t *len, const struct ring_mark **mark)
{
	size_t at = (size_t)(pos.offset & (ring->cap - 1));
	uint64_t until = ring->end;

	if (pos.mark < ring->mark_end) {
		*mark = &ring->mark[pos.mark & (RING_MARKS - 1)];
		until = (*mark)->offset;
		if (until <= pos.offset)
			return RING_RESIZE;
	}
	*len = min_size(min_size((size_t)(until - pos.offset), ring->cap - at), max);
	*data = ring->data + at;
	return *len ? RING_BYTES : RING_NOTHING;
}

void
ring_step(struct ring_pos *pos, size_t len)
{
	if (len)
		pos->offset += len;
	else
		pos->mark++;
}

void
ring_drop(struct ring *ring, uint64_t offset, uint64_t mark)
{
	if (offset > ring->end)
		offset = ring->end;
	if (offset > ring->start)
		ring->start = offset;
	if (mark > ring->mark_end)
		mark = ring->mark_end;
	if (mark > ring->mark_start)
		ring->mark_start = mark;
}
