// SPDX-License-Identifier: ISC
// Points in time as people write them, in unix seconds.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define WHEN_MAX UINT64_C(253402300799) // the end of year 9999
#define WHEN_TEXT 32

// Reads "30s", "90m", "2h", "7d" or "4w" from `now` on, or "2026-12-31[THH:MM[:SS]][Z]" (or a blank for
// the T), in local time unless it ends in Z; a day without a time of day is meant to its end. False: it is
// neither, or no such day or time.
bool when_parse(const char *text, uint64_t now, uint64_t *when);

void when_put_utc(uint64_t when, char to[WHEN_TEXT]); // 2026-12-31T22:59:00Z, read by when_parse()
void when_put_sshd(
    uint64_t when, char to[WHEN_TEXT]); // 20261231225900Z: expiry-time of OpenSSH 9.1
void when_put_local(uint64_t when, char to[WHEN_TEXT]); // 2026-12-31 23:59
