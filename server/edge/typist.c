// SPDX-License-Identifier: ISC
// A viewer who has been lent the keyboard.
#include "server/edge/typist.h"

#include <string.h>

#define KEY "^\\"
#define ANSWER_LEN 4 // CSI 0 n, or 3 n (ECMA-48 8.3.35)

void
typist_init(struct typist *typist)
{
	*typist = (struct typist){.held_len = 0};
	chord_init(&typist->chord, KEY);
	typist->chord.only_detach = true;
}

// ---- the terminal's own answers ------------------------------------------------------------------

static void
let_go(struct typist *typist, struct buf *out)
{
	buf_put(out, typist->held, typist->held_len);
	typist->held_len = 0;
}

static bool
goes_on(const struct typist *typist, uint8_t byte)
{
	switch (typist->held_len) {
	case 0: return byte == 0x1b;
	case 1: return byte == '[';
	case 2: return byte == '0' || byte == '3';
	default: return byte == 'n';
	}
}

static void
sift(struct typist *typist, const uint8_t *data, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		if (!goes_on(typist, data[i]))
			let_go(typist, out);
		if (!goes_on(typist, data[i])) {
			buf_put_u8(out, data[i]);
			continue;
		}
		typist->held[typist->held_len++] = data[i];
		if (typist->held_len == ANSWER_LEN) {
			typist->held_len = 0;
			typist->answers++;
		}
	}
}

// ---- typing --------------------------------------------------------------------------------------

static void
pass(struct typist *typist, const uint8_t *data, size_t len, uint64_t now_ms, struct buf *out)
{
	enum chord_action action;

	while (len && !typist->given_back) {
		uint8_t *to = buf_reserve(out, len + CHORD_ROOM);

		out->len += chord_feed(&typist->chord, data, len, now_ms, to, &action);
		typist->given_back = action == CHORD_DETACH;
		data += typist->chord.used;
		len -= typist->chord.used;
	}
}

void
typist_feed(struct typist *typist, const uint8_t *data, size_t len, uint64_t now_ms, bool expects,
    struct buf *out)
{
	struct buf typed = {0};

	if (expects) {
		sift(typist, data, len, &typed);
	} else {
		let_go(typist, &typed);
		buf_put(&typed, data, len);
	}
	pass(typist, typed.data, typed.len, now_ms, out);
	buf_fini(&typed);
}

// An ESC that nothing follows is the key.
void
typist_tick(struct typist *typist, uint64_t now_ms, struct buf *out)
{
	struct buf typed = {0};

	let_go(typist, &typed);
	pass(typist, typed.data, typed.len, now_ms, out);
	out->len += chord_tick(&typist->chord, now_ms, buf_reserve(out, CHORD_ROOM));
	buf_fini(&typed);
}

uint64_t
typist_due(const struct typist *typist)
{
	return typist->held_len ? 0 : chord_due(&typist->chord);
}

// ---- modes ---------------------------------------------------------------------------------------

void
typist_put_modes(const struct input_modes *modes, struct buf *out)
{
	static const unsigned mice[] = {0, 9, 1000, 1002, 1003};
	static const unsigned codings[] = {0, 1005, 1006, 1015, 1016};

	buf_printf(out,
	    "\033[?1l\033>\033[?9l\033[?1000l\033[?1002l\033[?1003l\033[?1004l\033[?1005l"
	    "\033[?1006l\033[?1015l\033[?1016l\033[?2004l\033[>4;0m\033[=0u");
	if (!modes)
		return;
	if (modes->cursor_keys)
		buf_printf(out, "\033[?1h");
	if (modes->keypad)
		buf_printf(out, "\033=");
	if (modes->mouse)
		buf_printf(out, "\033[?%uh", mice[modes->mouse]);
	if (modes->mouse_coding)
		buf_printf(out, "\033[?%uh", codings[modes->mouse_coding]);
	if (modes->focus)
		buf_printf(out, "\033[?1004h");
	if (modes->bracketed_paste)
		buf_printf(out, "\033[?2004h");
	if (modes->modify_other_keys)
		buf_printf(out, "\033[>4;%um", (unsigned)modes->modify_other_keys);
	if (modes->kitty_keyboard)
		buf_printf(out, "\033[=%uu", (unsigned)modes->kitty_keyboard);
}
