// SPDX-License-Identifier: ISC
// What the host is told on the own terminal.
#include "server/host/notify.h"

#include <string.h>

#define ESC 0x1b
#define BEL 0x07

// Where a terminal stands in a stream (ECMA-48 5.4, 5.6, 8.3.89; xterm ends OSC with BEL too).
enum { GROUND, ESCAPE, CONTROL, STRING, STRING_ESCAPE, OSC, OSC_ESCAPE };

const char notify_title_back[] = "\033[23;2t"; // xterm ctlseqs, XTWINOPS

bool
notify_way_of(const char *word, enum notify_way *way)
{
	static const char *const words[] = {"none", "osc9", "title"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i], word) != 0)
			continue;
		*way = (enum notify_way)i;
		return true;
	}
	return false;
}

void
notify_fini(struct notify *notify)
{
	buf_fini(&notify->waits);
}

static uint8_t
after_escape(uint8_t byte)
{
	switch (byte) {
	case '[': return CONTROL;
	case ']': return OSC;
	case 'P':
	case 'X':
	case '^':
	case '_': return STRING;
	default: return byte >= 0x20 && byte < 0x30 ? ESCAPE : GROUND;
	}
}

static uint8_t
next_state(uint8_t state, uint8_t byte)
{
	if (byte == 0x18 || byte == 0x1a) // CAN, SUB
		return GROUND;
	switch (state) {
	case ESCAPE: return byte == ESC ? ESCAPE : after_escape(byte);
	case CONTROL: return byte == ESC ? ESCAPE : byte >= 0x40 && byte < 0x7f ? GROUND : CONTROL;
	case STRING: return byte == ESC ? STRING_ESCAPE : STRING;
	case OSC: return byte == ESC ? OSC_ESCAPE : byte == BEL ? GROUND : OSC;
	case STRING_ESCAPE:
	case OSC_ESCAPE: return byte == '\\' ? GROUND : after_escape(byte);
	default: return byte == ESC ? ESCAPE : GROUND;
	}
}

static uint8_t
bytes_after(uint8_t lead)
{
	return lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc2 ? 1 : 0;
}

void
notify_follow(struct notify *notify, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		bool goes_on = notify->more && (data[i] & 0xc0) == 0x80;

		notify->more = (uint8_t)(goes_on ? notify->more - 1 : bytes_after(data[i]));
		notify->state = next_state(notify->state, data[i]);
	}
}

void
notify_say(struct notify *notify, const char *text, uint64_t now_ms)
{
	if (notify->way == NOTIFY_NONE || notify->waits.len + strlen(text) + 32 > NOTIFY_MAX)
		return;
	if (notify->way == NOTIFY_OSC9) {
		buf_printf(&notify->waits, "\033]9;" MIRRORD_NAME ": %s\033\\", text);
		return;
	}
	buf_printf(&notify->waits, "%s\033]2;" MIRRORD_NAME ": %s\033\\",
	    notify->titled ? "" : "\033[22;2t", text);
	notify->titled = true;
	notify->title_ms = now_ms + NOTIFY_TITLE_MS;
}

void
notify_tick(struct notify *notify, uint64_t now_ms)
{
	if (!notify->titled || now_ms < notify->title_ms)
		return;
	buf_printf(&notify->waits, "%s", notify_title_back);
	notify->titled = false;
}

uint64_t
notify_due(const struct notify *notify)
{
	return notify->titled ? notify->title_ms : UINT64_MAX;
}

bool
notify_take(struct notify *notify, struct buf *out)
{
	if (!notify->waits.len || notify->state != GROUND || notify->more)
		return false;
	buf_put(out, notify->waits.data, notify->waits.len);
	notify->waits.len = 0;
	return true;
}
