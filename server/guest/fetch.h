// SPDX-License-Identifier: ISC
// Gets a small text over HTTPS, and nothing else: no other protocol, no other host than the one named.
#pragma once

#include "vt/buf.h"

#include <stdbool.h>
#include <stddef.h>

#define FETCH_WHY 640
#define FETCH_URL_MAX 256

// Whether `url` is one that fetch_https() takes: https, a host, printable ASCII without blanks, quotes or
// a name and password.
bool fetch_url_ok(const char *url);
// Appends what stands there, at most `max` bytes, to `body`. EX_OK, or another of sysexits with `why`;
// EX_NOUSER: the server says that there is no such page.
int fetch_https(const char *url, size_t max, struct buf *body, char why[FETCH_WHY]);
