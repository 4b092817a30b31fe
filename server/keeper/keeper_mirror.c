// SPDX-License-Identifier: ISC
// The keeper's side of the mirror: starts it, streams to it, remembers its dumps, and replaces it.
//
// What a mirror says is not trusted. It can make the keeper hold one dump of bounded size, let go of
// bytes that were sent to it, and type answers from a table; anything out of line ends it.
#include "server/keeper/keeper_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static uint8_t *
map_pages(size_t len)
{
	void *data = mmap(
	    NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return data == MAP_FAILED ? NULL : data;
}

bool
mirror_init(struct keeper *k)
{
	struct mirror_link *m = &k->mirror;

	m->fd = -1;
	m->reply_allowance = KEEPER_REPLY_RATE;
	m->rx = map_pages(MIRROR_RX);
	m->store = map_pages(MIRROR_RX);
	return m->rx && m->store;
}

// ---- start ---------------------------------------------------------------------------------------

// A mirror is exposed to whatever a program prints, so it gets no secrets that the environment holds.
static bool
passes_env(const char *entry)
{
	static const char *const names[] = {
	    "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "LSAN_OPTIONS=", "LLVM_PROFILE_FILE="};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strncmp(entry, names[i], strlen(names[i])) == 0)
			return true;
	}
	return false;
}

static void
run_mirror(struct keeper *k, int channel)
{
	char name[] = MIRRORD_NAME, command[] = "mirror", path[] = "PATH=/usr/bin:/bin";
	char *argv[] = {name, command, (char *)(uintptr_t)k->options->name, k->start_text, NULL};
	char *envp[8] = {path};
	size_t count = 1;
	// Above 4, so that neither is overwritten by the other's dup2().
	int channel_fd = fcntl(channel, F_DUPFD_CLOEXEC, 10);
	int view_fd = fcntl(k->options->view_fd, F_DUPFD_CLOEXEC, 10);
	int exe_fd = fcntl(k->exe_fd, F_DUPFD_CLOEXEC, 10);

	for (char **entry = environ; *entry && count < 7; entry++) {
		if (passes_env(*entry))
			envp[count++] = *entry;
	}
	pty_default_signals();
	if (k->err_fd >= 0)
		dup2(k->err_fd, 2);
	if (dup2(channel_fd, 3) == 3 && dup2(view_fd, 4) == 4)
		fexecve(exe_fd, argv, envp);
	_exit(127);
}

static bool
is_full(const struct keeper *k)
{
	return k->ring.end - k->ring.start >= k->ring.cap;
}

// CPU time that the mirror has used, or 0 if that cannot be told.
static uint64_t
cpu_ms(const struct keeper *k)
{
	struct timespec used = {0};
	clockid_t clock;

	if (k->mirror.pid > 0 && clock_getcpuclockid(k->mirror.pid, &clock) == 0)
		clock_gettime(clock, &used);
	return (uint64_t)used.tv_sec * 1000 + (uint64_t)used.tv_nsec / 1000000;
}

static void
progress(struct keeper *k)
{
	k->mirror.progress_ms = k->now_ms;
	k->mirror.progress_cpu_ms = cpu_ms(k);
	k->mirror.progress_at = k->mirror.acked;
}

static void
mirror_start(struct keeper *k)
{
	struct mirror_link *m = &k->mirror;
	int pair[2];

	m->respawn_ms = k->now_ms + 1000; // if this fails
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return;
	m->pid = fork();
	if (m->pid == 0)
		run_mirror(k, pair[1]);
	close(pair[1]);
	if (m->pid < 0) {
		m->pid = 0;
		close(pair[0]);
		return;
	}
	fcntl(pair[0], F_SETFL, O_RDWR | O_NONBLOCK);
	m->fd = pair[0];
	m->tx = (struct tx){0};
	m->rx_len = 0;
	m->greeted = m->restored = m->ended_sent = m->dump_asked = false;
	m->behind = true;
	m->ordered = m->obeyed = 0;
	m->sent = m->dumped;
	m->acked = m->dumped.offset;
	progress(k);
	m->viewers = 0;
}

// ---- death ---------------------------------------------------------------------------------------

// The stream from here on only: what came before killed two mirrors, or nothing could hold it.
static void
skip_to_end(struct keeper *k)
{
	struct mirror_link *m = &k->mirror;

	if (!m->restored)
		m->dump_len = 0; // it may have been the dump
	ring_drop(&k->ring, 0, k->ring.mark_end);
	ring_resize(&k->ring, k->rows, k->cols); // what the program believes now
	m->dumped = (struct ring_pos){.offset = k->ring.end, .mark = k->ring.mark_end - 1};
	if (m->replied < k->ring.end)
		m->replied = k->ring.end;
	keeper_drop(k);
	pty_nudge(&k->pty);
}

static void
mirror_lost(struct keeper *k)
{
	struct mirror_link *m = &k->mirror;
	bool soon = m->death_ms && k->now_ms - m->death_ms < LIMIT_MIRROR_AGAIN_MS;
	// However long each lived and whatever it acknowledged: the ring is freed by dumps alone.
	bool owes = m->dump_asked || is_full(k);
	bool owed = owes && m->death_owed && m->dumped.offset == m->death_dumped;
	bool same = owed || (soon && (!m->restored || m->acked < m->death_sent));
	uint64_t wait_ms = 0;

	if (m->fd < 0)
		return;
	close(m->fd);
	m->fd = -1;
	mirror_end(k); // reaped by the loop
	m->pid = 0;
	m->viewers = 0;
	event_tell(k, EVENT_MIRROR_LOST);
	m->deaths = soon || owed ? m->deaths + 1 : 1;
	m->death_ms = k->now_ms;
	m->death_sent = m->sent.offset;
	if (same)
		skip_to_end(k);
	m->death_owed = owes;
	m->death_dumped = m->dumped.offset;
	if (same && m->deaths > 2) // at once for the first two, then 0.2 s, 0.4 s ...
		wait_ms = m->deaths > 9 ? KEEPER_RESPAWN_MAX_MS : 50u << m->deaths;
	m->respawn_ms = k->now_ms + wait_ms;
}

void
mirror_end(struct keeper *k)
{
	if (k->mirror.pid > 0)
		kill(k->mirror.pid, SIGKILL);
}

// ---- what it says --------------------------------------------------------------------------------

static bool
on_ack(struct keeper *k, struct reader *reader)
{
	struct mirror_link *m = &k->mirror;
	uint64_t offset = reader_varint(reader);

	if (reader->bad || !m->greeted || offset > m->sent.offset || offset < m->acked)
		return false;
	m->acked = offset;
	// While the program waits for room in the ring, a trickle is no progress.
	if (!m->restored || offset - m->progress_at >= (is_full(k) ? KEEPER_CHUNK : 1))
		progress(k);
	m->restored = true;
	return true;
}

// The buffer that the dump arrived in becomes its store: nothing is copied.
static bool
on_dump(struct keeper *k, struct reader *reader)
{
	struct mirror_link *m = &k->mirror;
	uint64_t offset = reader_varint(reader);

	if (reader->bad || !m->dump_asked || offset != m->asked.offset ||
	    reader->len > LIMIT_DUMP_BYTES)
		return false;
	m->dump = reader->data;
	m->dump_len = reader->len;
	m->dumped = m->asked;
	m->dump_asked = false;
	progress(k);
	keeper_drop(k);
	return true;
}

// An answer to a query of the program's: typed while no front is there to answer, once for each
// query, at a bounded rate.
static bool
on_reply(struct keeper *k, struct reader *reader)
{
	struct mirror_link *m = &k->mirror;
	uint64_t offset = reader_varint(reader);
	uint32_t kind = reader_bounded(reader, UINT32_MAX), a = reader_bounded(reader, UINT32_MAX),
		 b = reader_bounded(reader, UINT32_MAX);
	char text[REPLY_MAX];
	size_t len = reply_format(kind, a, b, text);
	uint64_t earned = (k->now_ms - m->reply_ms) * KEEPER_REPLY_RATE / 1000;

	if (reader->bad || offset > m->sent.offset)
		return false;
	if (offset <= m->replied)
		return true;
	m->replied = offset;
	if (earned) {
		m->reply_ms = k->now_ms;
		m->reply_allowance = earned + m->reply_allowance > KEEPER_REPLY_RATE
					 ? KEEPER_REPLY_RATE
					 : m->reply_allowance + (uint32_t)earned;
	}
	if (k->front || !m->reply_allowance || len > sizeof(k->reply) - k->reply_len)
		return true;
	m->reply_allowance--;
	memcpy(k->reply + k->reply_len, text, len);
	k->reply_len += len;
	return true;
}

static bool
on_message(struct keeper *k, const struct msg *msg)
{
	struct reader reader = msg_reader(msg);

	switch (msg->type) {
	case MIRROR_READY: return true;
	case MIRROR_ACK: return on_ack(k, &reader);
	case MIRROR_DUMP: return on_dump(k, &reader);
	case MIRROR_REPLY: return on_reply(k, &reader);
	case MIRROR_VIEWERS:
		k->mirror.viewers = reader_bounded(&reader, LIMIT_VIEWERS);
		return !reader.bad;
	case MIRROR_EVENT: return orders_heard(k, &reader);
	default: return false;
	}
}

// Takes what is whole out of the buffer. False: it said something it must not. A dump that was asked
// for is the only message that may be long.
static bool
mirror_parse(struct keeper *k)
{
	struct mirror_link *m = &k->mirror;
	struct buf in = {.data = m->rx, .len = m->rx_len};
	enum msg_status status;
	struct msg msg;
	size_t used = 0;

	while ((status = msg_get(&in, &used, m->dump_asked ? MIRROR_RX - 16 : KEEPER_WORD_MAX,
		    &msg)) == MSG_ONE) {
		if ((msg.type != MIRROR_DUMP && msg.len >= KEEPER_WORD_MAX) || !on_message(k, &msg))
			return false;
		if (msg.type == MIRROR_DUMP) { // its buffer stays as it is; go on in the other
			m->rx_len -= used;
			madvise(m->store, MIRROR_RX, MADV_DONTNEED);
			memcpy(m->store, m->rx + used, m->rx_len);
			m->rx = m->store;
			m->store = in.data;
			in = (struct buf){.data = m->rx, .len = m->rx_len};
			used = 0;
		}
	}
	if (used) {
		m->rx_len -= used;
		memmove(m->rx, m->rx + used, m->rx_len);
	}
	return status == MSG_NONE;
}

void
mirror_read(struct keeper *k)
{
	struct mirror_link *m = &k->mirror;
	ssize_t len = recv(m->fd, m->rx + m->rx_len, MIRROR_RX - m->rx_len, MSG_DONTWAIT);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len > 0) {
		m->rx_len += (size_t)len;
		if (mirror_parse(k))
			return;
	}
	mirror_lost(k);
}

// ---- what it is told -----------------------------------------------------------------------------

static void
greet(struct mirror_link *m)
{
	tx_begin(&m->tx, KEEPER_RESTORE);
	tx_varint(&m->tx, m->dumped.offset);
	tx_end(&m->tx, m->dump_len ? m->dump : NULL, m->dump_len);
	m->greeted = true;
}

// A dump is asked for when there is much to replay, and as the point where an attaching front starts.
static bool
wants_dump(const struct keeper *k)
{
	const struct mirror_link *m = &k->mirror;

	if (m->dump_asked || k->drained)
		return false;
	if (k->front_phase == FRONT_WAITING && ring_at_end(&k->ring, m->sent))
		return !ring_at_end(&k->ring, m->dumped) || !m->dump_len;
	return m->sent.offset - m->dumped.offset >= KEEPER_DUMP_EVERY ||
	       m->sent.mark - m->dumped.mark >= RING_MARKS / 2;
}

// Puts the next message on its way. False: there is none.
static bool
mirror_next(struct keeper *k)
{
	struct mirror_link *m = &k->mirror;
	const struct ring_mark *mark;
	const uint8_t *data;
	size_t len = 0;

	if (!m->greeted) {
		greet(m);
		return true;
	}
	if (m->ordered != k->orders_number) { // before it can show anything
		orders_send(k);
		return true;
	}
	if (wants_dump(k)) {
		tx_begin(&m->tx, KEEPER_DUMP);
		tx_end(&m->tx, NULL, 0);
		m->dump_asked = true;
		m->asked = m->sent;
		return true;
	}
	switch (ring_peek(&k->ring, m->sent, KEEPER_CHUNK, &data, &len, &mark)) {
	case RING_BYTES:
		tx_begin(&m->tx, KEEPER_BYTES);
		tx_end(&m->tx, data, len);
		break;
	case RING_RESIZE:
		tx_begin(&m->tx, KEEPER_RESIZE);
		tx_varint(&m->tx, mark->rows);
		tx_varint(&m->tx, mark->cols);
		tx_end(&m->tx, NULL, 0);
		len = 0;
		break;
	default:
		if (!k->drained || m->ended_sent)
			return false;
		tx_begin(&m->tx, KEEPER_ENDED);
		tx_varint(&m->tx, (uint64_t)k->status);
		tx_end(&m->tx, NULL, 0);
		m->ended_sent = true;
		return true;
	}
	ring_step(&m->sent, len);
	return true;
}

static bool
is_behind(const struct keeper *k)
{
	const struct mirror_link *m = &k->mirror;

	return !m->restored || m->acked < k->ring.end || m->dump_asked;
}

void
mirror_flush(struct keeper *k)
{
	struct mirror_link *m = &k->mirror;

	while (m->fd >= 0) {
		switch (tx_flush(&m->tx, m->fd)) {
		case TX_AGAIN: return;
		case TX_DEAD: mirror_lost(k); return;
		case TX_DONE: break;
		}
		if (!mirror_next(k))
			return;
	}
}

bool
mirror_wants_write(const struct keeper *k)
{
	return !tx_idle(&k->mirror.tx);
}

// ---- time ----------------------------------------------------------------------------------------

// On a busy machine it may be ready to run and not get to: it has used some CPU time, and too little
// for an endless loop. Then it has longer.
static bool
is_starved(const struct keeper *k)
{
	uint64_t used = cpu_ms(k) - k->mirror.progress_cpu_ms;

	return used >= KEEPER_STARVED_MIN_MS && used < LIMIT_MIRROR_STALL_MS / 2 &&
	       k->now_ms - k->mirror.progress_ms < KEEPER_STARVED_MS;
}

void
mirror_tick(struct keeper *k)
{
	struct mirror_link *m = &k->mirror;

	if (m->fd >= 0) {
		if (is_behind(k) && !m->behind)
			progress(k);
		m->behind = is_behind(k);
		if (m->behind && k->now_ms - m->progress_ms >= LIMIT_MIRROR_STALL_MS &&
		    !is_starved(k))
			mirror_lost(k);
	}
	if (m->fd < 0 && k->drained)
		return; // nobody is left to show
	if (m->fd < 0 && k->now_ms >= m->respawn_ms)
		mirror_start(k);
	if (m->fd < 0 && is_full(k))
		skip_to_end(k);
}

uint64_t
mirror_due(const struct keeper *k)
{
	const struct mirror_link *m = &k->mirror;
	uint64_t due = m->progress_ms + LIMIT_MIRROR_STALL_MS;

	if (m->fd < 0)
		return k->drained ? UINT64_MAX : m->respawn_ms;
	if (!m->behind && !is_behind(k))
		return UINT64_MAX;
	return due > k->now_ms ? due : k->now_ms + KEEPER_STARVED_LOOK_MS;
}
