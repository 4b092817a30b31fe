// SPDX-License-Identifier: ISC
// What the parts of relay_*.c that serve a published session share.
#pragma once

#include "server/link/linkrecv.h"
#include "server/mirror/viewers.h"
#include "server/relay/relay.h"

#include <uv.h>

#define RELAY_FEEDS 8  // links at once: the live one, and those that may replace it
#define RELAY_CONNS 16 // connections to the control socket

struct relay;

// One link. In milliseconds of the loop, as all here.
struct feed {
	struct relay *relay;  // borrowed
	uv_poll_t in, out;    // sshd's ends, or pipes
	int in_fd, out_fd;    // owned
	int handles;          // that libuv has not let go of yet
	uint64_t since;       // when its publisher started
	struct linkrecv recv; // its screen is the relay's at the time of HELLO
	struct buf bytes;     // owned: to the publisher, from `off` on
	size_t off;
	bool closed, closing; // closing: when all is written,
	uint64_t close_at;    // or then
};

// What guests ask of the host's lines that have scrolled away.
struct relay_history {
	bool asked;                  // the publisher has not answered yet
	struct view_history_ask ask; // of the guests
	struct view_history got;     // the first pieces of the answer; its rows are a reference
};

struct relay {
	const struct relay_claim *claim; // borrowed
	uv_loop_t loop;
	uv_timer_t timer;
	uint64_t now;
	struct viewers *viewers; // NULL until there is a screen
	struct screen *screen;   // a reference: the newest, or NULL
	size_t watched;          // viewers
	struct feed *feed[RELAY_FEEDS];
	struct feed *live;         // or NULL
	uint64_t since;            // when the publisher started that has the session now
	char said[LIMIT_TEXT + 1]; // the host's notice, or empty
	char told[LIMIT_TEXT + 1]; // what viewers were told last
	uint64_t came_at, beat_ms; // the last frame; the next comes within this, if anybody watches
	uint64_t lost_at, count_at;     // 0: the link is not lost; when that was told
	uint64_t guests_at, guests_due; // the last list of guests; the next, or 0
	uint64_t guests_serial;         // of the last
	bool guests_asked;              // with it: who waits is let in once the host has seen it
	bool shut, heard;               // the host's door; the live link has said how it stands
	uint64_t first_due;             // viewers are taken in even without a screen; or UINT64_MAX
	uint64_t end_at;                // 0: not yet
	struct relay_history history;
	bool seeks; // guests may have asked for some
	struct relay_conn *conn[RELAY_CONNS];
	struct relay_conn *lender; // for as long as it is there the keyboard is lent; or NULL
	uv_poll_t listener;
};

// relay_serve.c
void relay_clock(struct relay *relay);    // sets `now`; first thing in each callback of the loop
void relay_schedule(struct relay *relay); // last thing
void relay_soon(struct relay *relay);     // something may be due
void relay_tell(struct relay *relay);     // the line over the screen, if it is another
void relay_left(struct relay *relay);     // a feed has been closed
void relay_chosen(struct relay *relay, struct feed *feed);
void relay_show(struct relay *relay, struct screen *screen);
void relay_door(struct relay *relay, const struct view_door *door);
void relay_end(struct relay *relay, int status, const char *text);

// relay_feed.c. Takes the fds; NULL (and they are still the caller's): there is no place, or they
// are no streams.
struct feed *feed_new(struct relay *relay, int in_fd, int out_fd, uint64_t since);
void feed_hello(struct feed *feed); // the first words: what we have
void feed_close(struct feed *feed);
void feed_bye(struct feed *feed, int status, const char *text); // the last words, then closes
// Returns how many the list has room for.
size_t feed_guests(
    struct feed *feed, uint64_t serial, const struct view_person *people, size_t count);
void feed_ask(struct feed *feed, const struct view_history_ask *ask);
uint64_t feed_due(const struct feed *feed); // when feed_act() is to be called: an ACK, or the end
void feed_act(struct feed *feed);

// relay_history.c
void relay_history_seek(struct relay *relay);    // guests may ask something, or the link is lost
void relay_history_restart(struct relay *relay); // another link: what was asked is asked again
// A piece of the answer has come. False: nobody asked.
bool relay_history_take(struct relay *relay, const struct view_history *piece);

// relay_control.c
bool relay_control_start(struct relay *relay);
uint64_t relay_control_due(const struct relay *relay);
void relay_control_tick(struct relay *relay);
// The keyboard is lent no more.
void relay_control_take_back(struct relay *relay);
// The connection that came with this feed may go.
void relay_control_release(struct relay *relay, const struct feed *feed);
