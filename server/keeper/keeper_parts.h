// SPDX-License-Identifier: ISC
// The keeper's state, shared by keeper.c (loop, PTY), keeper_mirror.c (the mirror's end of the
// stream), keeper_control.c (the front and other clients), keeper_orders.c (the host's hand),
// keeper_grant.c (the keyboard, lent) and keeper_io.c (messages out).
#pragma once

#include "server/base/msg.h"
#include "server/base/orders.h"
#include "server/base/proto.h"
#include "server/keeper/keeper.h"
#include "server/keeper/pty.h"
#include "server/keeper/ring.h"

#include <stddef.h>
#include <sys/types.h>

// ---- timings and sizes ---------------------------------------------------------------------------
#define KEEPER_DUMP_EVERY (2u << 20)  // bytes after which the mirror is asked for a dump
#define KEEPER_KEEP_BYTES (64u << 10) // bytes kept from before a dump: an unfinished sequence
#define KEEPER_CHUNK (64u << 10)      // bytes in one message, and read from the PTY in one go
#define KEEPER_CONNS 32               // connections on the control socket
#define KEEPER_IDLE_MS 5000           // a client that asks nothing more is let go
#define KEEPER_ATTACH_MS 5000         // for the mirror, then for the front, before the show goes on
#define KEEPER_GRACE_MS 5000          // from SIGHUP to SIGKILL at `stop`
#define KEEPER_GOODBYE_MS 1000        // for the mirror at the end
#define KEEPER_LAST_WORDS_MS 5000     // for a front that takes no more output at the end
#define KEEPER_RESPAWN_MAX_MS 30000   // between tries when mirrors keep dying
#define KEEPER_STARVED_MS 10000       // for a mirror that a busy machine does not let run
#define KEEPER_STARVED_MIN_MS 5 // CPU time by which such a one is told from one that stands still
#define KEEPER_STARVED_LOOK_MS 250
#define KEEPER_REPLY_RATE 512 // answers to terminal queries: a second, and at once
#define KEEPER_WORD_MAX 512   // bytes of a mirror's message that is no dump; an event is longest
#define KEEPER_ASKED 64       // who have asked to watch that are remembered
#define KEEPER_LISTENERS 16   // of the connections: those that hear events
#define CONTROL_MAX 4200      // bytes of a message from a client; CONTROL_INPUT is longest

// ---- messages out: keeper_io.c -------------------------------------------------------------------
// One message on its way. Small fields are copied, a large tail (`body`) is sent from where it is.
#define TX_HEAD 640
struct tx {
	uint8_t head[TX_HEAD];
	size_t pos, len;     // of head: what is left to send; pos == len: nothing
	const uint8_t *body; // borrowed, must stand until tx_idle()
	size_t body_len;
};
bool tx_idle(const struct tx *tx);
// Only when idle. Fields follow, then tx_end(); what does not fit is left out.
void tx_begin(struct tx *tx, uint8_t type);
void tx_varint(struct tx *tx, uint64_t value);
void tx_string(struct tx *tx, const char *text);
void tx_raw(struct tx *tx, const void *data, size_t len);
void tx_end(struct tx *tx, const uint8_t *body, size_t body_len);
enum tx_status { TX_DONE, TX_AGAIN, TX_DEAD };
enum tx_status tx_flush(struct tx *tx, int fd);

// The answer to a terminal query, from a table. 0 if the kind or a number in it is not one of ours.
#define REPLY_MAX 32
size_t reply_format(uint32_t kind, uint32_t a, uint32_t b, char out[REPLY_MAX]);

// ---- the mirror: keeper_mirror.c -----------------------------------------------------------------
struct mirror_link {
	pid_t pid;
	int fd;              // -1: none lives
	uint64_t respawn_ms; // when the next one starts
	struct tx tx;
	bool greeted;    // RESTORE was sent
	bool restored;   // and acknowledged
	bool ended_sent; // KEEPER_ENDED was sent
	struct ring_pos sent;
	uint64_t acked;           // offset
	uint64_t progress_ms;     // last progress, or when there began to be something to wait for
	uint64_t progress_cpu_ms; // and what CPU time it had used
	uint64_t progress_at;     // and what it had acknowledged
	bool behind;              // at the last look: there is something to wait for
	bool dump_asked;
	struct ring_pos asked; // where
	uint8_t *rx;           // owned, MIRROR_RX bytes
	size_t rx_len;
	uint8_t *store;         // owned, MIRROR_RX bytes: where the last dump stands
	const uint8_t *dump;    // in `store`
	size_t dump_len;        // 0: none, the stream starts with a blank screen
	struct ring_pos dumped; // where in the stream that is
	uint64_t replied;       // queries up to this offset have been answered or let go
	uint64_t reply_ms;      // when the allowance for replies was last topped up
	uint32_t reply_allowance;
	uint32_t viewers;
	uint64_t ordered, obeyed; // numbers of the orders it was sent, and has carried out
	uint64_t death_ms;        // of the last one, 0: none
	uint64_t death_sent;      // what it had been sent by then
	bool death_owed;          // a dump, which was asked for or without which the ring is full
	uint64_t death_dumped;    // where the last dump was then
	uint32_t deaths;          // in a row, without 5 s between
};
#define MIRROR_RX (LIMIT_DUMP_BYTES + (1u << 20))

// ---- clients: keeper_control.c -------------------------------------------------------------------
struct conn {
	int fd;               // -1: free
	int passed;           // an fd that came with a message, or -1
	bool hello;           // has said who it is
	bool closing;         // once what is on its way out has gone
	bool taken;           // to be told CONTROL_TAKEN before that
	uint64_t deadline_ms; // 0: none
	struct tx tx;
	uint8_t rx[2 * CONTROL_MAX];
	size_t rx_len, rx_used;
	uint64_t output_end; // offset behind what `tx` borrows of the ring
	size_t input_len;    // of CONTROL_INPUT before rx_used, not yet taken by the PTY
	uint64_t ordered;    // number of the orders whose carrying out it waits for; 0: none
	bool listens;        // to events
	uint64_t heard;      // how many of all there have been
};

// ---- the keyboard, lent: keeper_grant.c ----------------------------------------------------------
struct keyboard {
	int listener;       // -1: nobody may come
	gid_t guests;       // whose accounts may
	int fd;             // -1: nobody is there
	bool proven;        // has shown the token
	uint64_t until_ms;  // when it is over; 0: never by itself
	uint64_t unused_ms; // when nobody has shown the token by then; 0: somebody has
	uint8_t rx[2 * LIMIT_KEYBOARD_BYTES];
	size_t rx_len, rx_used;
	size_t input_len; // before rx_used, not yet taken by the PTY
};

enum front_phase {
	FRONT_NONE,
	FRONT_WAITING,  // for the mirror to catch up
	FRONT_PAINTING, // told PAUSED
	FRONT_LIVE,
};

struct keeper {
	const struct keeper_options *options;
	uint64_t now_ms; // of this turn of the loop
	int64_t started; // unix seconds
	int signal_fd, exe_fd, err_fd;
	char start_text[24]; // `started`, for the mirror
	struct pty pty;
	uint16_t rows, cols;
	bool resize_due; // not yet in the ring: too many resizes wait there
	struct ring ring;
	struct mirror_link mirror;
	struct conn conn[KEEPER_CONNS];

	struct conn *front; // or NULL
	enum front_phase front_phase;
	uint64_t front_ms;   // when this phase is given up; 0: never
	uint64_t front_sent; // offset
	bool exit_sent;      // CONTROL_EXIT
	int tty;             // the front's terminal, or -1
	struct termios tty_saved;

	char reply[4096]; // answers that the PTY has yet to take
	size_t reply_len;

	struct keyboard grant;
	struct orders orders;
	uint64_t orders_number; // one more with each change; never 0
	struct order_who
	    asked[KEEPER_ASKED]; // who has asked to watch, the newest at asks - 1, modulo
	uint64_t asks;
	uint8_t orders_wire[ORDERS_WIRE_MAX]; // what the mirror's tx borrows
	uint64_t say_ms;                      // when the line that was said goes; 0: never
	struct tx event[LIMIT_EVENTS];        // the last ones, by their number
	uint64_t events;                      // how many there have been
	uint64_t look_ms; // when to look at the terminal's modes; 0: nothing has happened
	unsigned looks;   // since it has

	bool stopping;
	uint64_t kill_ms;  // when the child is killed
	bool ended;        // the child has been reaped
	bool drained;      // and the PTY is empty
	size_t drain_left; // bytes still to be read then, at most
	int status;        // for CONTROL_EXIT
	uint64_t ended_ms;
};

// Every *_due(): when it next has something to do without being woken, or UINT64_MAX.
// keeper.c
void keeper_resize(struct keeper *k, uint16_t rows, uint16_t cols);
void keeper_stop(struct keeper *k);
// Frees what neither the front nor the mirror needs any more.
void keeper_drop(struct keeper *k);
bool keeper_reading(const struct keeper *k); // whether the PTY is read
// keeper_mirror.c
bool mirror_init(struct keeper *k);
void mirror_read(struct keeper *k);
void mirror_flush(struct keeper *k);
void mirror_end(struct keeper *k);  // of one that has not gone by itself
void mirror_tick(struct keeper *k); // starts, gives up and replaces
bool mirror_wants_write(const struct keeper *k);
uint64_t mirror_due(const struct keeper *k);
// keeper_control.c
void control_init(struct keeper *k);
void control_accept(struct keeper *k);
void control_read(struct keeper *k, struct conn *conn);
void control_flush(struct keeper *k);
void control_tick(struct keeper *k);
bool control_wants_write(const struct keeper *k, const struct conn *conn);
bool control_wants_read(const struct keeper *k, const struct conn *conn);
uint64_t control_due(const struct keeper *k);
// What waits for the PTY to take it: the host's typing, and answers.
bool input_waits(const struct keeper *k);
void input_flush(struct keeper *k);
size_t input_write(struct keeper *k, const void *data, size_t len); // to the PTY
// keeper_grant.c
void grant_init(struct keeper *k);
// False if there can be no socket (errno). A grant that there was ends.
bool grant_begin(struct keeper *k, const struct order_who *who, uint64_t seconds);
void grant_end(struct keeper *k, enum grant_end why); // if there is one
void grant_accept(struct keeper *k);
bool grant_wants_read(const struct keeper *k);
void grant_read(struct keeper *k);
void grant_flush(struct keeper *k);
void grant_tick(struct keeper *k);
uint64_t grant_due(const struct keeper *k);
// keeper_orders.c
void event_tell(struct keeper *k, uint8_t kind);
void event_tell_number(struct keeper *k, uint8_t kind, uint64_t number);
// Puts the next event for a listener on its way. False: there is none.
bool event_next(struct keeper *k, struct conn *conn);
// Takes an order of the host's.
enum order_status orders_give(struct keeper *k, bool front, struct reader *reader);
void orders_send(struct keeper *k);
// Whether orders up to this number have been carried out.
bool orders_obeyed(const struct keeper *k, uint64_t number);
// What the mirror tells. False if it must not.
bool orders_heard(struct keeper *k, struct reader *reader);
// Something was printed or typed: typing may no longer show, or show again.
void orders_stir(struct keeper *k);
void orders_tick(struct keeper *k);
uint64_t orders_due(const struct keeper *k);
