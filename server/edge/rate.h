// SPDX-License-Identifier: ISC
// How many bytes a second the way to a guest takes, from what a socket's queue shows. Pure.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define RATE_SPAN_US 20000    // not measured over less: looks are about so far apart
#define RATE_SAMPLE_BYTES 256 // nor with fewer bytes

// What one look at the way to the terminal showed.
struct pace_link {
	uint64_t queued; // bytes that stand in a queue, or are not acknowledged
	bool counts;     // whether the following is known
	uint64_t acked;  // bytes acknowledged since the connection began
	uint64_t rtt_us, rtt_min_us;
};

struct rate {
	uint64_t per_s;         // bytes; 0: not known
	uint64_t at, from, end; // a frame that came into the queue: when, and which bytes it is
	uint64_t span_at, span_acked; // the queue has not been empty since
	uint64_t span_least;          // bytes in it, meanwhile
	bool span_follows;            // one that was not empty either
};

// A frame, the bytes `from` to `end` of all, was seen in the queue for the first time.
void rate_came(struct rate *rate, uint64_t now_us, uint64_t from, uint64_t end);
void rate_look(struct rate *rate, uint64_t now_us, const struct pace_link *link);
// How long the way takes for these bytes; 0 if that is not known.
uint64_t rate_us(const struct rate *rate, uint64_t len);
