// SPDX-License-Identifier: ISC
// The other end of a fan.
#include "server/link/fan_reader.h"

#include "server/base/msg.h"
#include "server/link/fan.h"
#include "vt/frame.h"

void
fan_reader_init(struct fan_reader *reader)
{
	*reader = (struct fan_reader){0};
}

void
fan_reader_fini(struct fan_reader *reader)
{
	fan_reader_restart(reader);
	screen_unref(reader->screen);
	fan_reader_init(reader);
}

void
fan_reader_restart(struct fan_reader *reader)
{
	inflater_free(reader->inflater);
	reader->inflater = NULL;
}

static bool
apply(struct fan_reader *reader, bool key, struct reader *frame, uint64_t seq, const char **why)
{
	struct screen *screen =
	    frame_apply(key ? NULL : reader->screen, frame->data, frame->len, why);

	if (!screen)
		return false;
	screen_unref(reader->screen);
	reader->screen = screen;
	reader->seq = seq;
	return true;
}

// What follows the frame is there for the inflater, which has seen it.
static bool
on_start(struct fan_reader *reader, struct reader *plain, const char **why)
{
	uint64_t seq = reader_varint(plain), base = reader_varint(plain);
	struct reader frame = {0};

	frame.data = reader_bytes(plain, &frame.len, MSG_MAX);
	*why = "a START that is cut off";
	if (plain->bad)
		return false;
	*why = "a START from a screen that is not there";
	return (!base || (reader->screen && base == reader->seq)) &&
	       apply(reader, !base, &frame, seq, why);
}

bool
fan_reader_put(struct fan_reader *reader, const uint8_t *data, size_t len, const char **why)
{
	struct buf plain = {0};
	struct reader in;
	bool ok = false;

	*why = "neither a STEP nor a START";
	if (!len || (data[0] != FAN_START && (data[0] != FAN_STEP || !reader->inflater)))
		return false;
	if (data[0] == FAN_START) {
		inflater_free(reader->inflater);
		reader->inflater = inflater_new();
	}
	*why = "it does not inflate";
	if (inflater_put(reader->inflater, data + 1, len - 1, MSG_MAX, &plain)) {
		in = (struct reader){.data = plain.data, .len = plain.len};
		ok = data[0] == FAN_START ? on_start(reader, &in, why)
					  : apply(reader, false, &in, reader->seq + 1, why);
	}
	buf_fini(&plain);
	return ok;
}
