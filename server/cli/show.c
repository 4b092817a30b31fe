// SPDX-License-Identifier: ISC
// The formats in which `mirrord dump` and `mirrord render` print a screen.
#include "server/cli/show.h"

#include "vt/format.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

static const struct {
	const char *name;
	show_format *format;
} formats[] = {
    {"text", format_text}, {"json", format_json}, {"ansi", format_ansi}, {"html", format_html}};

show_format *
show_format_of(const char *name)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (strcmp(formats[i].name, name) == 0)
			return formats[i].format;
	}
	return NULL;
}

int
show_bytes(const void *data, size_t len)
{
	const uint8_t *from = data;

	while (len) {
		ssize_t wrote = write(STDOUT_FILENO, from, len);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote < 0) {
			fprintf(stderr, MIRRORD_NAME ": cannot write: %s\n", strerror(errno));
			return EX_IOERR;
		}
		from += wrote;
		len -= (size_t)wrote;
	}
	return EX_OK;
}

int
show_screen(const struct screen *screen, show_format *format)
{
	struct buf out = {0};
	int status;

	format(screen, &out);
	status = show_bytes(out.data, out.len);
	buf_fini(&out);
	return status;
}
