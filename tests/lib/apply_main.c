// SPDX-License-Identifier: ISC
// apply_main: reads lines of two words, a base and a frame: each a frame in hexadecimal, the base a key
// frame, or "-" for none (then the frame is one; "-" as a frame: an empty one). Prints for each the
// screen that they lead to, as JSON on one line, or null if one of them is refused: what another
// decoder is compared with.
#include "vt/format.h"
#include "vt/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c != '\0' ? strchr(digits, c) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

static struct screen *
apply(struct screen *base, const char *hex)
{
	struct buf frame = {0};
	struct screen *screen;
	const char *why;

	for (; hex_digit(hex[0]) >= 0 && hex_digit(hex[1]) >= 0; hex += 2)
		buf_put_u8(&frame, (uint8_t)(hex_digit(hex[0]) << 4 | hex_digit(hex[1])));
	screen = frame_apply(base, frame.data, frame.len, &why);
	buf_fini(&frame);
	return screen;
}

static void
print(const struct screen *screen)
{
	struct buf text = {0};

	if (screen == NULL) {
		puts("null");
		return;
	}
	format_json(screen, &text);
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] != '\n')
			putchar(text.data[i]);
	putchar('\n');
	buf_fini(&text);
}

int
main(void)
{
	char *line = NULL;
	size_t cap = 0;

	while (getline(&line, &cap, stdin) > 0) {
		char *frame = strchr(line, ' ');
		bool has_base = line[0] != '-';
		struct screen *base, *screen = NULL;

		if (frame == NULL)
			return 65;
		*frame++ = '\0';
		base = has_base ? apply(NULL, line) : NULL;
		if (base != NULL || !has_base)
			screen = apply(base, frame);
		print(screen);
		screen_unref(screen);
		screen_unref(base);
	}
	free(line);
	return 0;
}
