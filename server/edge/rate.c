// SPDX-License-Identifier: ISC
// How many bytes a second the way to a guest takes.
#include "server/edge/rate.h"

#define SECOND_US 1000000u

void
rate_came(struct rate *rate, uint64_t now_us, uint64_t from, uint64_t end)
{
	if (rate->at)
		return; // one at a time
	rate->at = now_us;
	rate->from = from;
	rate->end = end;
}

// A frame has gone: but for a round trip, the time went by with the narrowest part of the way taking
// it, and what stood before it.
static void
measure_frame(struct rate *rate, uint64_t now_us, const struct pace_link *link)
{
	uint64_t took = now_us - rate->at, bytes = rate->end - rate->from;

	if (!rate->at || link->acked < rate->end)
		return;
	took = took > link->rtt_min_us + RATE_SPAN_US ? took - link->rtt_min_us : RATE_SPAN_US;
	if (bytes >= RATE_SAMPLE_BYTES && bytes * SECOND_US / took > rate->per_s)
		rate->per_s = bytes * SECOND_US / took;
	rate->at = 0;
}

// While the queue does not get empty, what is acknowledged is what the way takes, or less if it waits
// for us. It did not wait if more stood in the queue than is in the air at that rate.
static void
take_span(struct rate *rate, const struct pace_link *link, uint64_t span_us)
{
	uint64_t per_s = (link->acked - rate->span_acked) * SECOND_US / span_us;
	uint64_t air = per_s * link->rtt_min_us / SECOND_US;

	if (per_s > rate->per_s)
		rate->per_s += (per_s - rate->per_s) / 4; // packets come one by one
	else if (rate->span_follows && rate->span_least > air + air / 4)
		rate->per_s = per_s;
}

static void
measure_span(struct rate *rate, uint64_t now_us, const struct pace_link *link)
{
	if (!link->queued) {
		rate->span_at = 0;
		return;
	}
	if (rate->span_at) {
		uint64_t span_us = now_us - rate->span_at;

		if (rate->span_least > link->queued)
			rate->span_least = link->queued;
		if (span_us < 2 * link->rtt_min_us + RATE_SPAN_US)
			return;
		take_span(rate, link, span_us);
	}
	rate->span_follows = rate->span_at != 0; // the first begins with a round trip of nothing
	rate->span_at = now_us;
	rate->span_acked = link->acked;
	rate->span_least = link->queued;
}

void
rate_look(struct rate *rate, uint64_t now_us, const struct pace_link *link)
{
	measure_frame(rate, now_us, link);
	measure_span(rate, now_us, link);
}

uint64_t
rate_us(const struct rate *rate, uint64_t len)
{
	return rate->per_s ? len * SECOND_US / rate->per_s : 0;
}
