// SPDX-License-Identifier: ISC
// The view protocol's messages as structures: written by one side, read from untrusted bytes by the
// other. docs/protocol.md, "View".
#pragma once

#include "server/base/msg.h"
#include "server/base/proto.h"
#include "vt/model.h"

#include <stdbool.h>
#include <stdint.h>

struct view_hello {
	uint64_t version; // set even if the rest cannot be read: that of another version
	uint8_t role;     // enum view_role
	uint16_t rows, cols;
	char name[LIMIT_NAME + 1]; // who watches: `--as`; empty: whoever the uid says
	char from[LIMIT_TEXT + 1]; // the address a guest came from, or empty
	char via[LIMIT_TEXT + 1];  // "ssh", "local"
	char key[LIMIT_TEXT + 1];  // fingerprint of the guest's key, or empty
};

struct view_status {
	uint16_t rows, cols;
	uint64_t rtt_us, lag_us; // 0: not known
	uint64_t bytes, frames;  // sent to the guest's terminal since the viewer came
};

struct view_welcome {
	uint64_t version;
	char session[LIMIT_NAME + 1];
	char host[LIMIT_TEXT + 1]; // login name of the session's owner
	uint64_t start;            // unix seconds
};

// The last words of a mirror, and how a client reports what went wrong on its own side.
struct view_bye {
	int status; // for exit(): 0 or one of sysexits
	char text[LIMIT_TEXT + 1];
};

// A viewer, as `mirrord who` shows it.
struct view_person {
	char name[LIMIT_NAME + 1]; // empty: whoever the uid says
	char from[LIMIT_TEXT + 1];
	char via[LIMIT_TEXT + 1];
	char key[LIMIT_TEXT + 1];
	uint32_t uid, pid;
	uint64_t since; // unix seconds
	struct view_status status;
	uint64_t fps10;   // shown in the last seconds, in tenths of a frame a second
	bool pair;        // may be lent the keyboard,
	bool holds;       // and has it
	uint64_t printed; // bytes of the program's since the viewer came; 0: not known
};

// The keyboard is lent, or is no more.
struct view_grant {
	bool lent;
	uint8_t token[GRANT_TOKEN];
	struct input_modes modes; // of the program's terminal
	char key[LIMIT_KEY + 1];  // which of an edge's guests; both empty: the edge itself
	char name[LIMIT_NAME + 1];
};

// Whether whoever comes to an edge that serves others may see the screen at once. If not, those may whom
// a list of guests named that was considered, if they were not cut.
struct view_door {
	bool open;
	uint64_t serial; // of the last such list; 0: none yet
};

// Whom to cut: an empty name or key stands for any.
struct view_cut {
	char name[LIMIT_NAME + 1];
	char key[LIMIT_TEXT + 1];
};

// Lines that have scrolled away, by number (docs/protocol.md, "History").
struct view_history_ask {
	uint64_t first;
	uint32_t count;
};

struct view_history {
	uint64_t oldest, end; // numbers of the oldest line that is kept, and behind the newest
	uint64_t first;       // of those that are here
	struct screen *rows;  // they, one a row; a reference, or NULL: there are none
	bool away;            // there is nothing else in it: whoever keeps them cannot be asked now
};

// Each appends one whole message to `out`.
void view_hello_put(struct buf *out, const struct view_hello *hello);
void view_status_put(struct buf *out, const struct view_status *status);
void view_welcome_put(struct buf *out, const struct view_welcome *welcome);
void view_bye_put(struct buf *out, int status, const char *text);
void view_notice_put(struct buf *out, const char *text);
void view_cut_put(struct buf *out, uint8_t type, const struct view_cut *cut);
// As many of these people as the message has room for; returns how many these are.
size_t view_guests_put(
    struct buf *out, uint8_t type, uint64_t serial, const struct view_person *people, size_t count);
void view_door_put(struct buf *out, uint8_t type, const struct view_door *door);
// `type`: of the view channel or a link, for which the payloads are the same.
void view_history_ask_put(struct buf *out, uint8_t type, const struct view_history_ask *ask);
void view_history_put(struct buf *out, const struct view_history *history);
// A record of VIEW_WHO_IS, whose payload starts with the session's rows and cols and the count.
void view_person_put(struct buf *out, const struct view_person *person);

// What an event says about a viewer, without the message around it.
void view_event_put(struct buf *out, const struct view_person *person);

// `type`: as for history.
void view_grant_put(struct buf *out, uint8_t type, const struct view_grant *grant);
// The part of it that says how a terminal types.
#define VIEW_MODES 9 // bytes
void view_modes_put(struct buf *out, const struct input_modes *modes);
bool view_modes_get(struct reader *reader, struct input_modes *modes);

// Each reads a payload. False if it is malformed: too short or long, a number out of range, a
// string that is not clean. view_hello_get() is true for a HELLO of another version too, of which
// nothing but the version is read.
bool view_hello_get(const struct msg *msg, struct view_hello *hello);
bool view_status_get(const struct msg *msg, struct view_status *status);
bool view_welcome_get(const struct msg *msg, struct view_welcome *welcome);
bool view_bye_get(const struct msg *msg, struct view_bye *bye);
bool view_grant_get(const struct msg *msg, struct view_grant *grant);
bool view_notice_get(const struct msg *msg, char text[LIMIT_TEXT + 1]);
bool view_cut_get(const struct msg *msg, struct view_cut *cut);
// `*people` is malloc'ed, and NULL if there are none.
bool view_guests_get(
    const struct msg *msg, uint64_t *serial, struct view_person **people, size_t *count);
bool view_door_get(const struct msg *msg, struct view_door *door);
bool view_history_ask_get(const struct msg *msg, struct view_history_ask *ask);
bool view_history_get(const struct msg *msg, struct view_history *history); // takes a reference
// One record, from a reader that goes over the payload.
bool view_person_get(struct reader *reader, struct view_person *person);

bool view_cut_matches(const struct view_cut *cut, const struct view_person *person);

// Whether these bytes are UTF-8 that can be printed as it is: no controls, no format characters
// (which turn text around), nothing unassigned.
bool view_text_clean(const char *text, size_t len);
// Reads such a string of at most `max` bytes into `to`, which has room for its NUL; one that is not
// clean makes the reader bad.
void view_text_get(struct reader *reader, char *to, size_t max);
