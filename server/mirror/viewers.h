// SPDX-License-Identifier: ISC
// Those who watch: takes connections from the view socket, holds each to the protocol, and sends
// all in step the same bytes. A viewer whose socket is full is skipped, and gets one key frame when
// it has drained: nothing is queued for anybody, and nobody is waited for.
#pragma once

#include "server/base/orders.h"
#include "server/base/viewproto.h"
#include "vt/screen.h"

#include <sys/types.h>

#include <uv.h>

// Where the screen comes from. All are called from within the loop.
struct viewers_source {
	// The screen as it is now; a new reference.
	struct screen *(*screen)(void *user);
	void (*dump)(void *user, struct buf *out); // NULL: there is none to be had
	// Whose history viewers may read now; NULL (or no function): they get none.
	const struct model *(*history)(void *user);
	// Instead of that: viewers_sought() says what is asked; NULL: the history is here.
	void (*seek)(void *user);
	uint64_t (*printed)(void *user);         // bytes of the program's so far; may be NULL
	void (*count)(void *user, size_t count); // of viewers, after it changed
	// Somebody came, went, asks; may be NULL.
	void (*event)(void *user, enum event event, const struct view_person *person);
	void (*guests)(void *user); // other people watch through edges, or wait; may be NULL
	// How the host calls somebody who has no name; may be NULL.
	void (*call)(void *user, struct view_person *person);
	void *user; // borrowed
};

struct viewers_session {
	const char *name; // borrowed, as the rest
	const char *host; // login name of its owner
	uint64_t start;   // unix seconds
	uid_t owner;
	gid_t guests; // a peer of this primary group is a guest account, whose --as is believed
};

struct viewers;

// Takes the listening socket as it is inherited. `session` and `source` are copied.
struct viewers *viewers_new(uv_loop_t *loop, int listener, const struct viewers_session *session,
    const struct viewers_source *source);
// How many watch. Without any there is no need for viewers_show().
size_t viewers_count(const struct viewers *viewers);
// Sends everybody from what they have to `screen`. False if they had it.
bool viewers_show(struct viewers *viewers, struct screen *screen);
// Has every edge show this line over the screen, also those that come later; NULL: none any more.
void viewers_notice(struct viewers *viewers, const char *text);
// Sends away those who have this name and key, here and through edges that serve others. Returns
// how many watched.
size_t viewers_cut(struct viewers *viewers, const struct view_cut *cut);
// Has the edges that serve others cut these of them (VIEW_GUEST_CUT). Returns how many were known.
size_t viewers_cut_guests(struct viewers *viewers, const struct view_cut *cut);
// Who watches, here and through such edges, as view_guests_put() takes them; malloc'ed.
struct view_person *viewers_people(const struct viewers *viewers, size_t *count);
// Where the host is far away and orders nothing here: while the door is not open, whoever comes waits. Open,
// it lets all of them in.
void viewers_door(struct viewers *viewers, bool open);
// The first `count` of viewers_people() are being told to the host, who has an answer.
void viewers_named(struct viewers *viewers, size_t count);
// That has come: those whom it was about and whom it has not cut are let in.
void viewers_let_in(struct viewers *viewers);
// Carries the host's orders out, on those who watch and those who come; the screen that the source
// gives is the source's to change. `orders` is borrowed, and stands. Takes connections from now on.
void viewers_order(struct viewers *viewers, const struct orders *orders);
// The request for history that has waited longest for an answer from afar. False: there is none.
bool viewers_sought(const struct viewers *viewers, struct view_history_ask *ask);
// Answers all who have asked this.
void viewers_answer(
    struct viewers *viewers, const struct view_history_ask *ask, const struct view_history *answer);
// Lines of history before this one (of all that ever were) are not to be read.
void viewers_history_from(struct viewers *viewers, uint64_t line);
// Lends the keyboard to this viewer, or this one of an edge's guests, if they are there and may have it;
// NULL: to nobody. Returns whether somebody has it.
bool viewers_keyboard(struct viewers *viewers, const struct order_who *who, const uint8_t *token);
// What the program has set for its terminal's input: for whom the keyboard is lent to.
void viewers_modes(struct viewers *viewers, const struct input_modes *modes);
// Whether connections are taken; they wait in the backlog else.
void viewers_listen(struct viewers *viewers, bool listen);
// Says goodbye to all and takes nobody in any more.
void viewers_bye(struct viewers *viewers, int status, const char *text);
// Whether all connections are closed.
bool viewers_gone(const struct viewers *viewers);
