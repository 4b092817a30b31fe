// SPDX-License-Identifier: ISC
// What a viewer types.
#include "server/edge/keys.h"

#define CTRL_C 0x03
#define BEL 0x07
#define CAN 0x18
#define SUB 0x1a
#define ESC 0x1b
#define SEQUENCE_MAX 64 // bytes of a sequence of keys; a longer one is none
#define STRING_MAX 4096 // bytes of a string that a terminal answers with
#define PARAM_MAX 100   // of the numbers that name keys

// Final bytes of CSI and SS3 (xterm ctlseqs, "PC-Style Function Keys").
static enum key
key_of_final(uint8_t byte)
{
	switch (byte) {
	case 'A': return KEY_UP;
	case 'B': return KEY_DOWN;
	case 'C': return KEY_RIGHT;
	case 'D': return KEY_LEFT;
	case 'F': return KEY_END;
	case 'H': return KEY_FOLLOW;
	default: return KEY_NONE;
	}
}

// As vt220 and rxvt send them: CSI number ~.
static enum key
key_of_number(uint32_t number)
{
	switch (number) {
	case 1:
	case 7: return KEY_FOLLOW; // Home
	case 4:
	case 8: return KEY_END;
	case 5: return KEY_PAGE_UP;
	case 6: return KEY_PAGE_DOWN;
	default: return KEY_NONE;
	}
}

static enum key
ground(struct keys *keys, uint8_t byte)
{
	(void)keys;
	switch (byte) {
	case '0': return KEY_FOLLOW;
	case 'b': return KEY_PAGE_UP;
	case 'f': return KEY_PAGE_DOWN;
	case 'q': return KEY_BACK;
	default: return KEY_NONE;
	}
}

static enum key
escape(struct keys *keys, uint8_t byte)
{
	switch (byte) {
	case '[': keys->state = KEYS_CSI; break;
	case 'O': keys->state = KEYS_SS3; break;
	case ']':
	case 'P':
	case 'X':
	case '^':
	case '_': keys->state = KEYS_STRING; break;
	default: keys->state = KEYS_GROUND; // Alt with a key
	}
	keys->param = 0;
	keys->rest = false;
	return KEY_NONE;
}

static enum key
csi(struct keys *keys, uint8_t byte)
{
	keys->rest |= byte == ';' || byte == ':';
	if (byte >= '0' && byte <= '9' && !keys->rest && keys->param < PARAM_MAX)
		keys->param = keys->param * 10 + (uint32_t)(byte - '0');
	if (byte < 0x40)
		return KEY_NONE;
	keys->state = KEYS_GROUND;
	if (byte == '~')
		return key_of_number(keys->param);
	if (byte == 'n')
		return keys->len == 3 && (keys->param == 0 || keys->param == 3) ? KEY_ANSWER
										: KEY_NONE;
	return key_of_final(byte);
}

static enum key
ss3(struct keys *keys, uint8_t byte)
{
	keys->state = KEYS_GROUND;
	return key_of_final(byte);
}

static enum key
string(struct keys *keys, uint8_t byte)
{
	if (byte == BEL)
		keys->state = KEYS_GROUND;
	return KEY_NONE;
}

static enum key (*const states[KEYS_STATE_COUNT])(struct keys *keys, uint8_t byte) = {
    [KEYS_GROUND] = ground,
    [KEYS_ESCAPE] = escape,
    [KEYS_CSI] = csi,
    [KEYS_SS3] = ss3,
    [KEYS_STRING] = string,
};

static enum key
take(struct keys *keys, uint8_t byte)
{
	if (byte == CTRL_C) {
		keys->state = KEYS_GROUND;
		return KEY_LEAVE; // whatever seems to be going on
	}
	if (byte == ESC) { // ends a string too, with or without the \ that should follow
		bool alone = keys->state == KEYS_ESCAPE;

		keys->state = KEYS_ESCAPE;
		keys->len = 0;
		return alone ? KEY_ESCAPE : KEY_NONE;
	}
	if (byte == CAN || byte == SUB ||
	    ++keys->len > (keys->state == KEYS_STRING ? STRING_MAX : SEQUENCE_MAX))
		keys->state = KEYS_GROUND;
	return states[keys->state](keys, byte);
}

enum key
keys_next(struct keys *keys, const uint8_t *data, size_t len, size_t *used)
{
	for (size_t i = 0; i < len; i++) {
		enum key key = take(keys, data[i]);

		if (key != KEY_NONE) {
			*used = i + 1;
			return key;
		}
	}
	*used = len;
	return KEY_NONE;
}

// A terminal sends a string in one go, and a person types one byte at a time: who has pressed Alt-]
// must not be left inside of a string that never ends.
void
keys_read(struct keys *keys, size_t len)
{
	if (len == 1 && keys->state == KEYS_STRING)
		keys->state = KEYS_GROUND;
}

enum key
keys_pause(struct keys *keys)
{
	if (keys->state != KEYS_ESCAPE)
		return KEY_NONE;
	keys->state = KEYS_GROUND;
	return KEY_ESCAPE;
}
