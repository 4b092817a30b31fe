// SPDX-License-Identifier: ISC
// Where a hyperlink leads (OSC 8): immutable, shared by reference count.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HREF_MAX 2083 // bytes of a URI; what browsers take, and terminals after them

struct href {
	uint32_t refs;
	uint16_t len;
	char uri[]; // `len` bytes and a NUL; href_ok()
};

// Whether these bytes are a URI that a cell may lead to: http or https, and printable ASCII without
// blanks, as a URI is once it is encoded (RFC 3986). Others (file:, javascript:) mean nothing, or
// nothing good, on the machine of a viewer.
bool href_ok(const void *uri, size_t len);
struct href *href_new(const void *uri, size_t len); // href_ok(); one reference
struct href *href_ref(struct href *href);
void href_unref(struct href *href); // NULL is allowed
// Either may be NULL, which is no link.
bool href_equal(const struct href *a, const struct href *b);
