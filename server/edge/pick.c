// SPDX-License-Identifier: ISC
// Lets a guest choose a session. What is painted is a screen like any other, in the closed
// language.
#include "server/edge/pick.h"

#include "server/base/caps.h"
#include "server/base/until.h"
#include "server/base/viewproto.h"
#include "server/edge/guest_tty.h"
#include "server/edge/keys.h"
#include "vt/model.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sysexits.h>
#include <unistd.h>

#define LOOK_MS 1000  // between two looks at what sessions there are
#define WRITE_MS 2000 // for a slow terminal to take a list
#define FRAME_ROWS 4  // above and below the list
#define LABEL_BYTES (2 * LIMIT_NAME + 2)
#define NUMBERED 9 // sessions that one key chooses

struct pick {
	struct guest_tty tty;
	int signals;       // owned
	struct ansi *ansi; // owned
	struct keys keys;
	struct session *list; // owned
	size_t count, at;
	bool chosen, left;
};

static void
look(struct pick *pick)
{
	char why[SESSION_WHY], before[SESSION_PATH] = "";

	if (pick->count)
		strcpy(before, pick->list[pick->at].view);
	free(pick->list);
	pick->list = session_live(NULL, SESSION_ALL, &pick->count, why);
	pick->at = 0;
	for (size_t i = 0; i < pick->count; i++) {
		if (strcmp(pick->list[i].view, before) == 0)
			pick->at = i;
	}
}

// ---- the terminal ------------------------------------------------------------------------------

static void
write_out(const struct pick *pick, struct buf *out)
{
	struct pollfd pollfd = {.fd = pick->tty.fd, .events = POLLOUT};
	size_t done = 0;

	while (done < out->len) {
		ssize_t wrote = write(pick->tty.fd, out->data + done, out->len - done);

		if (wrote > 0)
			done += (size_t)wrote;
		else if ((errno != EAGAIN && errno != EINTR) || poll(&pollfd, 1, WRITE_MS) <= 0)
			break;
	}
	buf_fini(out);
}

static void
put_line(struct model *model, uint16_t row, const char *style, const char *text)
{
	char line[LABEL_BYTES + 64];
	int len =
	    snprintf(line, sizeof(line), "\x1b[%u;1H\x1b[%sm%s\x1b[m", (unsigned)row, style, text);

	model_feed(model, line, (size_t)len < sizeof(line) ? (size_t)len : sizeof(line) - 1);
}

static void
put_session(struct model *model, const struct pick *pick, size_t index, uint16_t row)
{
	char label[LABEL_BYTES], text[LABEL_BYTES + 16];

	session_label(&pick->list[index], label, sizeof(label));
	if (index < NUMBERED)
		snprintf(text, sizeof(text), " %u  %s ", (unsigned)index + 1, label);
	else
		snprintf(text, sizeof(text), "    %s ", label);
	put_line(model, row, index == pick->at ? "7" : "", text);
}

static void
paint(struct pick *pick)
{
	static const char hide[] = "\x1b[?25l\x1b[?7l";
	uint16_t rows, cols;
	struct model *model;
	struct screen *screen;
	struct buf out = {0};
	size_t room, first;

	guest_tty_size(&pick->tty, &rows, &cols);
	model = model_new(rows, cols, NULL);
	model_feed(model, hide, strlen(hide));
	put_line(model, 1, "1",
	    pick->count ? "Which session?" : "There is no session; waiting for one.");
	room = rows > FRAME_ROWS ? (size_t)rows - FRAME_ROWS : 1;
	first = pick->at >= room ? pick->at - room + 1 : 0;
	for (size_t i = first; i < pick->count && i - first < room; i++)
		put_session(model, pick, i, (uint16_t)(i - first + 3));
	if (rows > FRAME_ROWS)
		put_line(model, rows, "2", "A number, or Up, Down and Enter; q leaves");
	screen = model_screen(model);
	ansi_paint(pick->ansi, screen, &out);
	screen_unref(screen);
	model_free(model);
	write_out(pick, &out);
}

// ---- what is typed -----------------------------------------------------------------------------

static void
choose(struct pick *pick, size_t index)
{
	if (index >= pick->count)
		return;
	pick->at = index;
	pick->chosen = true;
}

static void
on_byte(struct pick *pick, uint8_t byte)
{
	size_t used;

	if (pick->keys.state == KEYS_GROUND && byte >= '1' && byte <= '9') {
		choose(pick, (size_t)(byte - '1'));
		return;
	}
	if (pick->keys.state == KEYS_GROUND && (byte == '\r' || byte == '\n')) {
		choose(pick, pick->at);
		return;
	}
	switch (keys_next(&pick->keys, &byte, 1, &used)) {
	case KEY_LEAVE:
	case KEY_BACK: pick->left = true; break;
	case KEY_UP: pick->at -= pick->at > 0; break;
	case KEY_DOWN: pick->at += pick->at + 1 < pick->count; break;
	default: break;
	}
}

static void
read_keys(struct pick *pick)
{
	uint8_t data[64];
	ssize_t got = read(pick->tty.fd, data, sizeof(data));

	if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
		pick->left = true; // hung up
	if (got > 0)
		keys_read(&pick->keys, (size_t)got);
	for (ssize_t i = 0; i < got && !pick->chosen && !pick->left; i++)
		on_byte(pick, data[i]);
}

static void
read_signals(struct pick *pick)
{
	struct signalfd_siginfo info;

	if (read(pick->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH)
		ansi_reset(pick->ansi);
	else
		pick->left = true;
}

static void
run(struct pick *pick, uint64_t until)
{
	while (!pick->chosen && !pick->left) {
		struct pollfd fds[] = {{.fd = pick->tty.fd, .events = POLLIN},
		    {.fd = pick->signals, .events = POLLIN}};

		paint(pick);
		if (poll(fds, 2, LOOK_MS) == 0)
			look(pick);
		if (fds[0].revents)
			read_keys(pick);
		if (fds[1].revents)
			read_signals(pick);
		pick->left |= until_over(until);
	}
}

int
pick_session(uint64_t until, struct session *session, bool *left)
{
	static const int ends[] = {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGWINCH};
	struct ansi_caps caps = caps_from_environment();
	struct pick pick = {.signals = -1};
	struct buf out = {0};
	sigset_t set, before;

	if (!guest_tty_open(&pick.tty))
		return EX_OSERR;
	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		sigaddset(&set, ends[i]);
	sigprocmask(SIG_BLOCK, &set, &before);
	pick.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	pick.ansi = ansi_new(&caps);
	guest_tty_raw(&pick.tty);
	ansi_enter(pick.ansi, &out);
	write_out(&pick, &out);
	look(&pick);
	run(&pick, until);
	ansi_leave(pick.ansi, &out);
	write_out(&pick, &out);
	guest_tty_restore(&pick.tty);
	guest_tty_close(&pick.tty);
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (pick.signals >= 0)
		close(pick.signals);
	if (pick.chosen)
		*session = pick.list[pick.at];
	*left = !pick.chosen;
	ansi_free(pick.ansi);
	free(pick.list);
	return EX_OK;
}
