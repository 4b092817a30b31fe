// SPDX-License-Identifier: ISC
// A guest in what has scrolled away.
#include "server/edge/scroll.h"

#include <stdio.h>

#define LATEST UINT64_MAX // the number of no line: the mirror gives the last page

static void
live(struct scroll *scroll)
{
	screen_unref(scroll->page);
	*scroll = (struct scroll){.asked_at = scroll->asked_at};
}

void
scroll_fini(struct scroll *scroll)
{
	live(scroll);
}

uint32_t
scroll_rows(uint16_t terminal, uint16_t screen)
{
	uint32_t rows = terminal > 1 ? terminal - 1u : 1;

	rows = rows < screen ? rows : screen;
	return rows < LIMIT_HISTORY_ROWS ? rows : LIMIT_HISTORY_ROWS;
}

static void
want(struct scroll *scroll, uint64_t line)
{
	scroll->want = line;
	scroll->due = true;
	scroll->away = false;
}

static void
back(struct scroll *scroll, uint64_t lines)
{
	if (scroll->want != LATEST)
		want(scroll, scroll->want > lines ? scroll->want - lines : 0);
	else if (scroll->away)
		want(scroll, LATEST); // once more
}

static void
forward(struct scroll *scroll, uint64_t lines)
{
	if (scroll->want > LATEST - lines || !scroll->page)
		live(scroll);
	else
		want(scroll, scroll->want + lines);
}

static bool
begin(struct scroll *scroll)
{
	scroll->on = true;
	want(scroll, LATEST);
	snprintf(scroll->line, sizeof(scroll->line), "history");
	return true;
}

bool
scroll_key(struct scroll *scroll, enum key key, uint32_t rows)
{
	if (!scroll->on)
		return key == KEY_PAGE_UP && begin(scroll);
	switch (key) {
	case KEY_PAGE_UP: back(scroll, rows); break;
	case KEY_PAGE_DOWN: forward(scroll, rows); break;
	case KEY_UP: back(scroll, 1); break;
	case KEY_DOWN: forward(scroll, 1); break;
	case KEY_FOLLOW: want(scroll, 0); break;
	case KEY_BACK:
	case KEY_END:
	case KEY_ESCAPE: live(scroll); break;
	default: return false;
	}
	return true;
}

uint64_t
scroll_due(const struct scroll *scroll, uint64_t now_us)
{
	uint64_t gap = scroll->asked ? SCROLL_LOST_US : SCROLL_GAP_US;

	if (!scroll->on || !scroll->due)
		return SCROLL_NEVER;
	return scroll->asked_at ? scroll->asked_at + gap : now_us;
}

struct view_history_ask
scroll_ask(struct scroll *scroll, uint64_t now_us, uint32_t rows)
{
	scroll->due = false;
	scroll->asked = true;
	scroll->asked_for = scroll->want;
	scroll->asked_at = now_us;
	return (struct view_history_ask){.first = scroll->want, .count = rows};
}

static void
show(struct scroll *scroll, const struct view_history *answer)
{
	screen_unref(scroll->page);
	scroll->page = answer->rows ? screen_ref(answer->rows) : NULL;
	scroll->first = answer->first;
	if (answer->rows)
		snprintf(scroll->line, sizeof(scroll->line),
		    "history, %llu lines back%s; q, Esc or End: live",
		    (unsigned long long)(answer->end - answer->first),
		    answer->first == answer->oldest ? ", the oldest" : "");
	else
		snprintf(scroll->line, sizeof(scroll->line),
		    "nothing has scrolled away; q, Esc or End: live");
}

void
scroll_take(struct scroll *scroll, const struct view_history *answer)
{
	uint64_t asked_for = scroll->asked_for;

	if (!scroll->on || !scroll->asked)
		return;
	scroll->asked = false;
	scroll->away = answer->away;
	if (answer->away) { // what is shown stays
		scroll->want = scroll->page ? scroll->first : LATEST;
		snprintf(scroll->line, sizeof(scroll->line),
		    "the host's link is lost: no more of history now; q, Esc or End: live");
		return;
	}
	if (asked_for != LATEST && asked_for > answer->first && !scroll->due) {
		live(scroll); // there is less than a page after that line
		return;
	}
	show(scroll, answer);
	if (!scroll->due)
		scroll->want = answer->first;
}
