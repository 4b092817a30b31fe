// SPDX-License-Identifier: ISC
// The keeper's memory of the stream: PTY bytes, numbered from 0 since the session began, and the
// resizes between them, in order.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_MARKS 1024 // resizes remembered; a power of two

struct ring_mark {
	uint64_t offset; // the resize stands before the byte of this number
	uint16_t rows, cols;
};
// A place in the stream: the next byte, and the next resize. A resize at `offset` that is not yet
// behind `mark` comes first.
struct ring_pos {
	uint64_t offset;
	uint64_t mark;
};
struct ring {
	uint8_t *data; // owned; pages come as they are written
	size_t cap;    // a power of two
	uint64_t start, end;
	uint64_t mark_start, mark_end;
	struct ring_mark mark[RING_MARKS];
};

// False with errno if there is no memory.
bool ring_init(struct ring *ring, size_t cap);
void ring_fini(struct ring *ring);

// Where the next bytes go: `*len` of them at most (0: full). ring_wrote() takes them in.
uint8_t *ring_room(const struct ring *ring, size_t *len);
void ring_wrote(struct ring *ring, size_t len);
// False if RING_MARKS resizes are held already.
bool ring_resize(struct ring *ring, uint16_t rows, uint16_t cols);

struct ring_pos ring_end(const struct ring *ring);
bool ring_at_end(const struct ring *ring, struct ring_pos pos);

// What stands at `pos`. RING_BYTES: `*data`, in place, and `*len` of them (no more than `max`).
// RING_RESIZE: `*mark`. The caller steps over it with ring_step() once it is done with it.
enum ring_item { RING_NOTHING, RING_BYTES, RING_RESIZE };
enum ring_item ring_peek(const struct ring *ring, struct ring_pos pos, size_t max,
    const uint8_t **data, size_t *len, const struct ring_mark **mark);
// Steps over a resize (len 0) or `len` bytes.
void ring_step(struct ring_pos *pos, size_t len);

// Forgets resizes before `mark`, and bytes before `offset`. What is forgotten already stays so.
void ring_drop(struct ring *ring, uint64_t offset, uint64_t mark);
