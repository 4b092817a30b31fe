// SPDX-License-Identifier: ISC
// The host's chords: a small parser of what a terminal sends.
#include "server/base/chord.h"

#include <string.h>

enum { STATE_GROUND, STATE_ESC, STATE_CSI };

#define PARTS 3 // parameters looked at
#define SUBS 3  // and sub-parameters of each

static const uint8_t paste_end[] = "\033[201~";
#define PASTE_END_LEN (sizeof(paste_end) - 1)

bool
chord_init(struct chord *chord, const char *key)
{
	*chord = (struct chord){0};
	if (strcmp(key, "none") == 0)
		return true;
	if (key[0] != '^' || !key[1] || key[2])
		return false;
	chord->key = (uint8_t)(key[1] & 0x1f);
	return (key[1] >= '@' ? chord->key : 0) && chord->key != 0x1b && chord->key != '\r';
}

// ---- what a sequence means -----------------------------------------------------------------------

enum meaning {
	MEANS_OTHER,
	MEANS_KEY,
	MEANS_LETTER,
	MEANS_KEY_UP,
	MEANS_LETTER_UP,
	MEANS_NOTHING,
	MEANS_PASTE,
};

static enum chord_action
action_of(const struct chord *chord, uint32_t letter)
{
	switch (letter) {
	case 'd': return CHORD_DETACH;
	case 'p': return chord->only_detach ? CHORD_NONE : CHORD_PAUSE;
	case 'y': return chord->asked ? CHORD_YES : CHORD_NONE;
	case 'n': return chord->asked ? CHORD_NO : CHORD_NONE;
	default: return CHORD_NONE;
	}
}

struct params {
	uint32_t value[PARTS][SUBS]; // 0 where absent
	size_t count;
	bool odd; // private markers, intermediates, too many
};

static struct params
parse(const uint8_t *text, size_t len)
{
	struct params p = {.count = 1};
	size_t sub = 0;

	for (size_t i = 0; i < len; i++) {
		if (text[i] >= '0' && text[i] <= '9') {
			uint32_t *value = &p.value[p.count - 1][sub];

			*value =
			    *value > 1000000 ? *value : *value * 10 + (uint32_t)(text[i] - '0');
		} else if (text[i] == ':' && sub + 1 < SUBS) {
			sub++;
		} else if (text[i] == ';' && p.count < PARTS) {
			p.count++;
			sub = 0;
		} else {
			p.odd = true;
			return p;
		}
	}
	return p;
}

static uint32_t
lower(uint32_t code)
{
	return code >= 'A' && code <= 'Z' ? code + 32 : code;
}

// Modifiers as kitty and xterm number them: 1 + shift 1, alt 2, ctrl 4, super 8 ... caps lock 64,
// num lock 128.
static bool
has_only(uint32_t mods, uint32_t must, uint32_t may)
{
	uint32_t bits = mods ? mods - 1 : 0;

	return (bits & must) == must && !(bits & ~(must | may | 64 | 128));
}

static enum meaning
key_meaning(const struct chord *chord, const uint32_t *codes, size_t count, uint32_t mods)
{
	uint32_t want = lower((uint32_t)chord->key | 0x40);

	for (size_t i = 0; i < count; i++) {
		if (codes[i] && lower(codes[i]) == want && has_only(mods, 4, 1))
			return MEANS_KEY;
	}
	return action_of(chord, codes[0]) && has_only(mods, 0, 0) ? MEANS_LETTER : MEANS_OTHER;
}

// CSI code[:shifted[:base]] ; mods[:event] ; text u. Event 2 repeats, 3 lets go.
static enum meaning
kitty_meaning(const struct chord *chord, const struct params *p)
{
	enum meaning meaning = key_meaning(chord, p->value[0], SUBS, p->value[1][0]);
	uint32_t code = p->value[0][0];

	if (p->value[1][1] == 3 && lower(code) == lower((uint32_t)chord->key | 0x40))
		return MEANS_KEY_UP;
	if (p->value[1][1] == 3 && code == chord->letter)
		return MEANS_LETTER_UP;
	if (p->value[1][1] == 3 || (code >= 57441 && code <= 57454)) // modifiers by themselves
		return MEANS_NOTHING;
	return p->value[1][1] == 2 && meaning == MEANS_KEY ? MEANS_NOTHING : meaning;
}

static enum meaning
csi_meaning(const struct chord *chord)
{
	uint8_t final = chord->seq[chord->seq_len - 1];
	struct params p = parse(chord->seq + 2, chord->seq_len - 3);

	if (p.odd)
		return MEANS_OTHER;
	if (final == 'u')
		return kitty_meaning(chord, &p);
	if (final != '~')
		return MEANS_OTHER;
	if (p.count == 1 && p.value[0][0] == 200)
		return MEANS_PASTE;
	if (p.count == 3 && p.value[0][0] == 27)
		return key_meaning(chord, p.value[2], 1, p.value[1][0]);
	return MEANS_OTHER;
}

// ---- bytes on ------------------------------------------------------------------------------------

static size_t
pass_held(struct chord *chord, uint8_t *out)
{
	size_t len = chord->held_len;

	memcpy(out, chord->held, len);
	chord->held_len = 0;
	chord->armed = false;
	return len;
}

static size_t
pass_seq(struct chord *chord, uint8_t *out)
{
	size_t len = chord->seq_len - chord->seq_passed;

	memcpy(out, chord->seq + chord->seq_passed, len);
	chord->seq_passed = chord->seq_len;
	return len;
}

static void
hold_seq(struct chord *chord)
{
	memcpy(chord->held + chord->held_len, chord->seq, chord->seq_len);
	chord->held_len += chord->seq_len;
}

// The letter of the sequence that means one.
static uint8_t
letter_of(const struct chord *chord)
{
	struct params p;

	if (chord->seq_len == 1)
		return chord->seq[0];
	p = parse(chord->seq + 2, chord->seq_len - 3);
	return (uint8_t)(p.count == 3 && p.value[0][0] == 27 ? p.value[2][0] : p.value[0][0]);
}

enum { OWED_KEY = 1, OWED_LETTER = 2 };

// Whether the key that is let go is one of a chord's that the program never saw.
static bool
pay(struct chord *chord, enum meaning meaning)
{
	uint8_t owed = meaning == MEANS_KEY_UP      ? OWED_KEY
		       : meaning == MEANS_LETTER_UP ? OWED_LETTER
						    : 0;
	bool paid = chord->owed & owed;

	chord->owed = (uint8_t)(chord->owed & ~owed);
	return paid;
}

static enum chord_action
act(struct chord *chord)
{
	chord->letter = letter_of(chord);
	chord->armed = false;
	chord->held_len = 0;
	chord->owed = OWED_KEY | OWED_LETTER;
	return action_of(chord, chord->letter);
}

// A key, or a byte that is part of none, is whole: decides what becomes of it.
static size_t
finish(struct chord *chord, enum meaning meaning, uint64_t now_ms, uint8_t *out,
    enum chord_action *action)
{
	bool room = chord->held_len + chord->seq_len <= CHORD_HELD_MAX;
	size_t len = 0;

	if (chord->seq_passed) // too late, but a paste is a paste
		meaning = meaning == MEANS_PASTE ? MEANS_PASTE : MEANS_OTHER;
	if (!chord->armed && pay(chord, meaning)) {
		chord->state = STATE_GROUND;
		chord->seq_len = 0;
		return 0;
	}
	if (meaning == MEANS_KEY_UP || meaning == MEANS_LETTER_UP)
		meaning = MEANS_NOTHING;
	if (meaning == MEANS_KEY || meaning == MEANS_LETTER)
		chord->owed = 0; // the terminal does not say what is let go
	if (!chord->armed && meaning == MEANS_KEY) {
		hold_seq(chord);
		chord->armed = true;
		chord->wait_ms = now_ms + CHORD_WAIT_MS;
	} else if (chord->armed && meaning == MEANS_NOTHING && room) {
		hold_seq(chord);
	} else if (chord->armed && meaning == MEANS_LETTER) {
		*action = act(chord);
	} else {
		if (chord->armed && meaning == MEANS_KEY)
			chord->held_len = 0; // twice: once
		len = pass_held(chord, out);
		len += pass_seq(chord, out + len);
		chord->paste = meaning == MEANS_PASTE;
		chord->paste_match = 0;
	}
	chord->state = STATE_GROUND;
	chord->seq_len = chord->seq_passed = 0;
	return len;
}

// Within a paste everything passes; only its end is looked for.
static void
feed_paste(struct chord *chord, uint8_t byte)
{
	if (byte == paste_end[chord->paste_match])
		chord->paste_match++;
	else
		chord->paste_match = byte == paste_end[0];
	if (chord->paste_match == PASTE_END_LEN)
		chord->paste = false;
}

static enum meaning
byte_meaning(const struct chord *chord, uint8_t byte)
{
	if (byte == chord->key)
		return MEANS_KEY;
	return action_of(chord, byte) ? MEANS_LETTER : MEANS_OTHER;
}

static size_t
feed_byte(
    struct chord *chord, uint8_t byte, uint64_t now_ms, uint8_t *out, enum chord_action *action)
{
	size_t len = 0;

	if (chord->paste) {
		feed_paste(chord, byte);
		*out = byte;
		return 1;
	}
	// A control, or what is no CSI, ends a sequence before its time.
	if (chord->state != STATE_GROUND && (byte < 0x20 || chord->seq_len == CHORD_SEQ_MAX ||
						(chord->state == STATE_ESC && byte != '[')))
		len = finish(chord, MEANS_OTHER, now_ms, out, action);
	chord->seq[chord->seq_len++] = byte;
	if (chord->state == STATE_GROUND && byte != 0x1b)
		return len + finish(chord, byte_meaning(chord, byte), now_ms, out + len, action);
	if (chord->state == STATE_CSI && byte >= 0x40)
		return finish(chord, csi_meaning(chord), now_ms, out, action);
	chord->state = chord->state == STATE_GROUND ? STATE_ESC : STATE_CSI;
	chord->partial_ms = now_ms + CHORD_PARTIAL_MS;
	return len;
}

size_t
chord_feed(struct chord *chord, const uint8_t *data, size_t len, uint64_t now_ms, uint8_t *out,
    enum chord_action *action)
{
	size_t out_len = 0;

	*action = CHORD_NONE;
	if (!chord->key) {
		memcpy(out, data, len);
		chord->used = len;
		return len;
	}
	chord->used = 0;
	out_len = chord_tick(chord, now_ms, out);
	while (chord->used < len && *action == CHORD_NONE)
		out_len += feed_byte(chord, data[chord->used++], now_ms, out + out_len, action);
	return out_len;
}

size_t
chord_tick(struct chord *chord, uint64_t now_ms, uint8_t *out)
{
	bool partial = chord->seq_passed < chord->seq_len;
	size_t len = 0;

	if (chord->armed && now_ms >= chord->wait_ms)
		len += pass_held(chord, out);
	if (partial && now_ms >= chord->partial_ms) {
		len += pass_held(chord, out + len);
		len += pass_seq(chord, out + len);
	}
	return len;
}

uint64_t
chord_due(const struct chord *chord)
{
	uint64_t due = chord->armed ? chord->wait_ms : UINT64_MAX;

	if (chord->seq_passed < chord->seq_len && chord->partial_ms < due)
		due = chord->partial_ms;
	return due;
}
