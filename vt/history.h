// SPDX-License-Identifier: ISC
// The last lines that left the top of the main screen.
#pragma once

#include "vt/row.h"

struct history {
	struct row **row; // owned ring of `cap` entries, allocated as needed
	size_t cap;
	size_t first, len;
	uint64_t pushed; // lines that ever came: the number of the next one
};

void history_fini(struct history *history);
void history_clear(struct history *history);
// Takes over the reference. When there are HISTORY_MAX the oldest line goes: it is returned, with its
// reference; else NULL.
struct row *history_push(struct history *history, struct row *row);
const struct row *history_row(const struct history *history, size_t index); // borrowed; 0: oldest
