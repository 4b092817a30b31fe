// SPDX-License-Identifier: ISC
// What the parts of viewers*.c share.
#pragma once

#include "server/base/fps.h"
#include "server/mirror/viewers.h"
#include "vt/frame.h"

// Bytes that several viewers are sent, by reference count.
struct blob {
	uint32_t refs;
	struct buf bytes; // owned
};

// What a peer may still send: so many at once, and so many a second in the long run.
struct bucket {
	uint64_t at; // loop time of the last refill, ms
	uint32_t tokens;
};
// Bytes for an edge that does not read: then it goes, and all of its guests. Those that cut everybody of
// one list must fit: an edge that comes back is believed that its guests were in before.
#define VIEWERS_ORDERS_MAX LIMIT_GUESTS_BYTES
#define VIEWERS_BUCKETS 64 // accounts whose uids are equal modulo this share one

enum viewer_state {
	VIEWER_HELLO,   // nothing but a HELLO is taken, and that within LIMIT_HELLO_MS
	VIEWER_ASKED,   // waits for the host's word, LIMIT_ASK_MS at most, and sees nothing
	VIEWER_VIEW,    // gets frames
	VIEWER_QUERY,   // asks and gets answers, each within LIMIT_QUERY_MS
	VIEWER_CLOSING, // closed when what is pending has been sent
	VIEWER_DEAD,    // waits for libuv to let go of its handle
};

// One connection.
struct viewer {
	uv_poll_t poll;
	int fd;                  // owned
	struct viewers *viewers; // borrowed
	struct viewer *prev, *next;
	enum viewer_state state;
	int events;           // what `poll` waits for
	uint64_t due;         // loop time, ms: closed if not in VIEW then
	struct bucket bucket; // messages
	bool refused;         // there is no place: it is told so when it has said HELLO
	uid_t uid;
	gid_t gid;
	pid_t pid;
	bool host;            // the session's owner, or root
	bool outside;         // is not let in: may cut what is its own, and nothing else
	bool behind;          // has missed a frame, or asked: a key frame when nothing is pending
	bool back;            // was let in by a mirror before this one
	bool unaware;         // does not know the notice yet: it goes after that key frame
	struct buf in;        // owned; at most one unfinished message
	struct blob *pending; // a reference, or NULL
	size_t sent;          // bytes of it
	struct blob *last;    // its last words, behind `pending`; a reference, or NULL
	bool asks;            // for lines of history: answered when nothing else is to be sent
	struct view_history_ask ask;
	uint64_t seeks; // an answer from afar: the number of its request, or 0
	struct blob
	    *answer; // that has come, and waits until nothing is pending; a reference, or NULL
	struct view_person *person; // owned; NULL before the hello
	char *claimed; // owned: the key that it says it came with, if that is not believed; or NULL
	bool serves;   // others: it has told who they are
	struct view_person *guests; // owned: who watches through it
	size_t guest_count;
	uint64_t guests_serial; // of that list,
	uint64_t named_serial;  // and of that which viewers_named() was about
	bool named;             // itself was, too
	struct buf orders;      // owned: VIEW_GUEST_CUT and VIEW_DOOR for it, not yet sent
	struct fps fps;         // of what it says it has shown
	uint64_t printed;       // bytes of the program's before it came
};

// Who watched through an edge that has gone: if it comes back, they were in before.
struct viewers_edge {
	char name[LIMIT_NAME + 1], via[LIMIT_TEXT + 1]; // that it said HELLO with
	struct view_person *guests;                     // owned, or NULL
	size_t guest_count;
};

struct viewers {
	uv_loop_t *loop; // borrowed
	uv_poll_t listener;
	int listener_fd;
	uv_timer_t timer;            // the next hello deadline, or the next try to accept
	bool full;                   // no fd or memory to accept with: wait until somebody goes
	struct viewer *first, *last; // in order of arrival
	size_t connections, watching;
	struct viewers_session session;
	struct viewers_source source;
	struct screen *shown; // what viewers in step have; NULL when nobody watches
	struct blob *key;     // key frame of `shown`, or NULL until needed
	struct blob *asked;   // key frame for guests' queries, or NULL
	uint64_t asked_at;    // loop time, ms
	struct bucket account[VIEWERS_BUCKETS]; // hellos and queries of guests, by uid
	uint64_t sought;                        // requests for history from afar, so far
	uint64_t history_from;                  // lines before this one are nobody's
	bool lent;                              // the keyboard is,
	struct order_who lent_to;               // to them,
	uint8_t lent_token[GRANT_TOKEN];        // and this shows it
	struct viewer *holder;                  // borrowed: who was told; or NULL
	uint8_t holder_token[GRANT_TOKEN];      // what it was given
	struct input_modes modes;               // that it was told
	const struct orders *host_orders;       // borrowed; NULL: none
	bool far, shut;                         // viewers_door() says how the door stands
	char said[LIMIT_TEXT + 1];              // the notice that they lead to
	struct blob *notice;                    // the last there was, or NULL
	struct bucket reading[VIEWERS_BUCKETS]; // lines of history, likewise
	struct blob *farewell;                  // set by viewers_bye()
	struct viewers_edge left;               // the last edge that served others and went
	bool told_version; // one line about a peer of another version has been written
};

struct blob *blob_new(struct buf *bytes); // takes what is in `bytes`
struct blob *blob_ref(struct blob *blob);
void blob_unref(struct blob *blob); // NULL is allowed
// The frame from `base` to `target` as a message; NULL if they are equal. A NULL base: a key frame.
struct blob *blob_frame(struct screen *base, struct screen *target);

// Whether there is a token left: at most `max` at once, and `per_s` in the long run.
bool bucket_take(struct bucket *bucket, uint64_t now, uint32_t max, uint32_t per_s);

// Lines of history, viewers_history.c. Answers what the viewer asks; not if it has to wait its turn.
void viewer_history(struct viewer *viewer);
// Sends the answer from afar that has come; nothing must be pending.
void viewer_give_answer(struct viewer *viewer);

// One connection, viewer.c.
void viewer_new(struct viewers *viewers, int fd); // takes the fd
void viewer_close(struct viewer *viewer);
void viewer_set_state(struct viewer *viewer, enum viewer_state state);
// Waits for what is waited for now: call after what it is sent, or may say, has changed.
void viewer_update_events(struct viewer *viewer);

// What it says, viewer_hello.c and viewer_requests.c. `msg` is the first, or one that comes later.
void viewer_on_hello(struct viewer *viewer, const struct msg *msg);
void viewer_on_request(struct viewer *viewer, const struct msg *msg);
// Whether what it says of who it is counts: the host's account says so, or a guests' one.
bool viewer_is_believed(const struct viewer *viewer);
// From now on it gets frames.
void viewer_admit(struct viewer *viewer);
// When a query must have said its next word.
uint64_t viewer_query_due(const struct viewer *viewer);

// What it is sent, viewer_send.c. All of these may close it.
// Sends `blob`; nothing must be pending. What the socket does not take at once is; but of a viewer that
// takes nothing it is given up: false.
bool viewer_try(struct viewer *viewer, struct blob *blob);
// The same for a frame, or an answer: without it the viewer is behind.
void viewer_send(struct viewer *viewer, struct blob *blob);
// The same with bytes, which are taken.
void viewer_answer(struct viewer *viewer, struct buf *bytes);
// Sends of what is pending as much as the socket takes; behind it the last words and the end, if it
// comes to that.
void viewer_flush(struct viewer *viewer);
// Nothing is pending any more: sends a key frame if it is behind, the notice, and the farewell.
void viewer_drained(struct viewer *viewer);
// Whether lines of history are all that it waits for.
bool viewer_waits(const struct viewer *viewer);
// Last words, behind what is on its way, then the end.
void viewer_bye(struct viewer *viewer, int status, const char *text);

// The set's side, viewers.c.
void viewers_add(struct viewers *viewers, struct viewer *viewer);
void viewers_remove(struct viewers *viewers, struct viewer *viewer);
// One more watches, or one less.
void viewers_joined(struct viewers *viewers);
void viewers_left(struct viewers *viewers);
// The key frame of what those in step have; of the screen as it is now if there are none. Borrowed.
struct blob *viewers_key(struct viewers *viewers);
// The key frame for a guest's query: at most 250 ms old. Borrowed.
struct blob *viewers_asked(struct viewers *viewers);
// Connections of one uid.
size_t viewers_of(const struct viewers *viewers, uid_t uid);
// Bytes that the program has printed, if the source knows.
uint64_t viewers_printed(const struct viewers *viewers);
// VIEW_GUESTS: who watches through this edge, which must be the host's.
void viewer_on_guests(struct viewer *viewer, const struct msg *msg);
// VIEW_DOOR, if it is an edge that may serve others: those of the list with this number have been judged.
void viewer_tell_door(struct viewer *viewer, uint64_t serial);
// To all of them.
void viewers_tell_door(struct viewers *viewers);
// Holds the guests that it has told of now to the host's orders; `before`: those of the last list.
void viewer_judge_guests(struct viewer *viewer, const struct view_person *before, size_t count);
// It goes, and its guests are remembered.
void viewers_left_edge(struct viewers *viewers, struct viewer *viewer);
// Sends away those of one account that is neither the host's nor the guests'. Returns how many watched.
size_t viewers_cut_own(struct viewers *viewers, uid_t uid, const struct view_cut *cut);
// Whether this one may see what there is to be seen. `was_in`: it did already.
enum orders_verdict viewers_judge(
    const struct viewers *viewers, const struct viewer *viewer, bool was_in);
// Cuts those of an edge's guests that may not see it, and forgets those of them who never were in; `before`
// are those that it told of last, if it has `told` of any.
void viewers_judge_guests(
    struct viewer *viewer, const struct view_person *before, size_t before_count, bool told);
// Lends the keyboard to whom it is meant for, if they watch; takes it back.
void viewers_lend(struct viewers *viewers);
// The same, after an edge has told who watches through it.
void viewers_lend_guests(struct viewers *viewers, struct viewer *viewer);
// Whether this one has it, or this one of an edge's guests.
bool viewers_holds(
    const struct viewers *viewers, const struct viewer *viewer, const struct view_person *guest);
// It does not watch any more.
void viewers_left_keyboard(struct viewers *viewers, struct viewer *viewer);
// Bytes that are not to be lost, behind what is on its way.
void viewer_tell(struct viewer *viewer);
// Sends it away, with a word why.
void viewers_refuse(struct viewers *viewers, struct viewer *viewer, enum orders_verdict verdict);
void viewers_tell(struct viewers *viewers, enum event event, const struct viewer *viewer);
void viewers_tell_version(struct viewers *viewers, const char *text);
// Sets the timer to the next deadline.
void viewers_schedule(struct viewers *viewers);
