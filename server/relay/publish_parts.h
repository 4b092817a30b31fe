// SPDX-License-Identifier: ISC
// What the parts of publish*.c share.
#pragma once

#include "server/base/ssh.h"
#include "server/edge/upstream.h"
#include "server/link/dialer.h"
#include "server/link/keyline.h"
#include "server/relay/publink.h"
#include "server/relay/publish.h"

#define PUBLISH_NEVER UINT64_MAX
#define PUBLISH_TRY_LATER_MS 2000 // once tries are rare: doubled from here on

struct way {
	struct publish *publish; // borrowed
	unsigned slot;
	bool running, dropped;      // ssh is; it has been told to end
	bool said;                  // there is a link
	uv_poll_t *stream, *errors; // NULL: closed
	int stream_fd, errors_fd;   // owned
	uint64_t dialled_us;
	struct publink link;
	struct ssh_lines lines;
};

// What outlives a process that publishes and is killed.
struct publish_stay {
	bool going;                  // who started it has said GO
	char invite[LIMIT_TEXT + 1]; // for the mirror to know
};

// A question of the relay's that the mirror is asked. Times: us.
struct publish_history {
	bool asked, stale; // the mirror has not answered; stale: it is another link's question
	struct view_history_ask ask;
	uint64_t again_us; // ask once more if it has not by then
	uint64_t next_us;  // the next question is taken then: there is to be room for frames
};

// The keyboard, lent to one of the relay's guests: a key line, for as long as that.
struct pubkeys {
	struct view_grant grant;    // the newest
	bool due;                   // for which no ssh has been started yet
	bool running;               // ssh is, or will be
	bool welcomed, taken;       // the relay has said so
	uv_poll_t *line, *keyboard; // NULL: closed
	int line_fd, keyboard_fd;   // owned
	int errors_fd;              // owned: what ssh says; or -1
	struct keygiver giver;
	struct buf out, typed; // owned: for the relay, for the keyboard's socket
};

struct publish {
	const struct publish_options *options; // borrowed
	struct publish_stay *stay;             // borrowed, shared with who starts another
	uv_loop_t loop;
	uv_poll_t news, report;
	uv_timer_t timer;
	struct dialer dialer;
	struct way way[DIALER_ASIDE];
	struct way *live; // or NULL
	struct pubkeys keys;
	struct upstream up;
	struct viewclient client;
	int report_fd;         // owned: to who started us, or -1
	struct screen *screen; // a reference: the newest, or NULL
	char notice[LIMIT_TEXT + 1];
	uint64_t opened_us;       // how long the last way took to open
	uint64_t lost_us, try_us; // since when others are tried (0: they are not); the next try
	uint64_t try_ms;          // the pause after it, once they are rare
	uint64_t sent_us,
	    beat_us; // when something was sent that was no beat; the pause before the next
	struct publish_history history;
	uint64_t end_us;     // it ends then at the latest; 0: not yet
	struct view_bye bye; // how
	uint32_t random;
	size_t guests;
	bool shut;            // the door, as the mirror said last
	bool left;            // the session
	bool published, over; // over: the loop ends
	bool broken;          // another process is to go on
};

enum report_msg {
	REPORT_LINE = 1, // what ssh said
	REPORT_OPEN,     // the name of what is published, a newline, the address for guests
	REPORT_FAILED,   // as VIEW_BYE
	REPORT_GO,       // the other way: the session is there
};

// publish.c: to who started us, if still there.
void publish_report(struct publish *publish, uint8_t type, const void *data, size_t len);
void publish_fail(struct publish *publish, int status, const char *text); // before it is published

// To who started us: what the relay calls the session, and how guests come there.
void publish_opened(struct publish *publish, const struct way *way);

// publish_run.c
bool publish_prepare(struct publish *publish); // does all that the sandbox forbids
void publish_run(struct publish *publish);
void publish_stop(struct publish *publish); // ends the loop
// Does all there is to do now, and arranges to be called when there is more.
void publish_act(struct publish *publish);

// publish_history.c
void publish_history_restart(struct publish *publish);              // another link is live
void publish_history_ask(struct publish *publish, uint64_t now_us); // the mirror, if that is due
uint64_t publish_history_due(const struct publish *publish);
void publish_history_take(struct publish *publish, const struct msg *msg); // the mirror's answer

// publish_keyboard.c
void publish_lend(struct publish *publish, const struct view_grant *grant);
void publish_take_back(struct publish *publish); // if it is lent
void publish_on_keyline(
    struct publish *publish, enum dialer_event event, const struct dialer_news *news);

// publish_way.c
void publish_on_news(uv_poll_t *poll, int status, int events); // from the dialer
bool publish_dial(struct publish *publish);                    // false: every slot has an ssh
void publish_keep_trying(struct publish *publish, uint64_t now_us);
void way_write(struct way *way);
uint64_t way_expires(const struct way *way); // us: a try that has not opened then is ended
