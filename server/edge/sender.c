// SPDX-License-Identifier: ISC
// What goes to a guest's terminal and when.
#include "server/edge/sender.h"

#include <stdio.h>
#include <string.h>

#define QUESTION "\x1b[5n" // DSR
#define QUESTION_LEN (sizeof(QUESTION) - 1)
#define KEEP_BYTES (64u << 10) // a larger buffer is given back once it is written

void
sender_init(struct sender *sender, const struct ansi_caps *caps, const struct pace_limits *limits,
    uint16_t rows, uint16_t cols)
{
	*sender = (struct sender){.ansi = ansi_new(caps)};
	window_init(&sender->window, rows, cols);
	pace_init(&sender->pace, caps->answers, limits);
}

void
sender_fini(struct sender *sender)
{
	ansi_free(sender->ansi);
	screen_unref(sender->screen);
	screen_unref(sender->page);
	buf_fini(&sender->out);
}

void
sender_enter(struct sender *sender)
{
	ansi_enter(sender->ansi, &sender->out);
	ansi_reset(sender->ansi);
	pace_forget(&sender->pace);
	pace_wrote_other(&sender->pace);
	if (sender->screen)
		pace_want(&sender->pace);
}

void
sender_leave(struct sender *sender)
{
	if (sender->pace.held)
		sender->out.len = sender->held_from;
	sender->pace.held = false;
	ansi_leave(sender->ansi, &sender->out);
	pace_wrote_other(&sender->pace);
}

void
sender_show(struct sender *sender, struct screen *screen)
{
	struct screen *old = sender->screen;

	sender->screen = screen_ref(screen);
	screen_unref(old);
	if (!sender->page)
		pace_want(&sender->pace);
}

static struct screen *
shown(const struct sender *sender)
{
	return sender->page ? sender->page : sender->screen;
}

static void
want(struct sender *sender)
{
	if (sender->screen)
		pace_want(&sender->pace);
}

void
sender_resize(struct sender *sender, uint16_t rows, uint16_t cols)
{
	sender->window.rows = rows;
	sender->window.cols = cols;
	ansi_reset(sender->ansi); // terminals differ in what they keep
	want(sender);
}

void
sender_pan(struct sender *sender, int rows, int cols)
{
	if (!shown(sender))
		return;
	window_pan(&sender->window, shown(sender), rows, cols);
	want(sender);
}

void
sender_follow(struct sender *sender)
{
	sender->window.follow = true;
	want(sender);
}

void
sender_notice(struct sender *sender, const char *text)
{
	snprintf(sender->notice, sizeof(sender->notice), "%s", text ? text : "");
	sender->noticed = text != NULL;
	want(sender);
}

void
sender_page(struct sender *sender, struct screen *page, const char *line)
{
	struct window *window = &sender->window;
	struct screen *old = sender->page;

	if (page && !old)
		sender->live = *window;
	else if (!page && old) {
		window->follow = sender->live.follow;
		window->top = sender->live.top;
		window->left = sender->live.left;
	}
	sender->page = page ? screen_ref(page) : NULL;
	screen_unref(old);
	snprintf(sender->line, sizeof(sender->line), "%s", line ? line : "");
	want(sender);
}

static struct screen *
compose(struct sender *sender)
{
	sender->window.notice = *sender->line     ? sender->line
				: sender->noticed ? sender->notice
						  : NULL;
	return window_compose(&sender->window, shown(sender));
}

// Puts a question in between; what stands behind it may be held.
static void
ask_at(struct sender *sender, size_t at)
{
	size_t after = sender->out.len - at;
	uint8_t *gap = buf_reserve(&sender->out, QUESTION_LEN);

	memmove(gap - after + QUESTION_LEN, gap - after, after);
	memcpy(gap - after, QUESTION, QUESTION_LEN);
	sender->out.len += QUESTION_LEN;
	sender->held_from = at + QUESTION_LEN;
}

void
sender_paint(struct sender *sender, uint64_t now_us)
{
	struct screen *seen = compose(sender);
	size_t before = sender->out.len;

	ansi_paint(sender->ansi, seen, &sender->out);
	screen_unref(seen);
	if (sender->out.len > before)
		sender->frames++;
	switch (pace_painted(&sender->pace, now_us, sender->out.len - before, QUESTION_LEN)) {
	case PACE_NO_QUESTION: break;
	case PACE_QUESTION_BEFORE: ask_at(sender, before); break;
	case PACE_QUESTION_AFTER: buf_put(&sender->out, QUESTION, QUESTION_LEN); break;
	}
}

void
sender_give_up(struct sender *sender, uint64_t now_us)
{
	bool held = sender->pace.held;

	if (pace_expired(&sender->pace, now_us))
		ask_at(sender, held ? sender->held_from : sender->out.len);
}

const uint8_t *
sender_peek(const struct sender *sender, size_t *len)
{
	*len = (sender->pace.held ? sender->held_from : sender->out.len) - sender->sent;
	return sender->out.data + sender->sent;
}

void
sender_wrote(struct sender *sender, uint64_t now_us, size_t len)
{
	sender->sent += len;
	sender->bytes += len;
	if (sender->sent < sender->out.len)
		return;
	sender->sent = sender->out.len = 0;
	if (sender->out.cap > KEEP_BYTES)
		buf_fini(&sender->out);
	pace_written(&sender->pace, now_us);
}
