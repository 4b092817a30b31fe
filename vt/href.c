// SPDX-License-Identifier: ISC
#include "vt/href.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

bool
href_ok(const void *uri, size_t len)
{
	static const char *const schemes[] = {"https://", "http://"};
	const uint8_t *byte = uri;
	bool known = false;

	if (len > HREF_MAX)
		return false;
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		size_t scheme = strlen(schemes[i]);

		known = known || (len > scheme && memcmp(uri, schemes[i], scheme) == 0);
	}
	for (size_t i = 0; known && i < len; i++)
		known = byte[i] > ' ' && byte[i] < 0x7f;
	return known;
}

struct href *
href_new(const void *uri, size_t len)
{
	struct href *href = malloc(sizeof(*href) + len + 1);

	assert(href_ok(uri, len));
	if (href == NULL)
		abort();
	href->refs = 1;
	href->len = (uint16_t)len;
	memcpy(href->uri, uri, len);
	href->uri[len] = '\0';
	return href;
}

struct href *
href_ref(struct href *href)
{
	href->refs++;
	return href;
}

void
href_unref(struct href *href)
{
	if (href == NULL)
		return;
	assert(href->refs > 0);
	if (--href->refs == 0)
		free(href);
}

bool
href_equal(const struct href *a, const struct href *b)
{
	if (a == b || a == NULL || b == NULL)
		return a == b;
	return a->len == b->len && memcmp(a->uri, b->uri, a->len) == 0;
}
