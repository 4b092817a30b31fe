// SPDX-License-Identifier: ISC
// The files of the page, as the build has packed them.
#pragma once

#include <stddef.h>
#include <stdint.h>

struct asset {
	const char *path; // "/" or "/DIGEST/FILE"
	const char *type; // for Content-Type
	const uint8_t *data;
	size_t len; // of gzip's format
};

extern const struct asset assets[];
extern const size_t assets_len;
