// SPDX-License-Identifier: ISC
// `mirrord watch` at work: the near end of a link, in a guest's terminal. It comes back by itself when
// the link is lost.
#pragma once

#include "server/base/ssh.h"
#include "server/edge/view.h"
#include "server/link/dialer.h"
#include "server/link/linkproto.h"

struct watch_options {
	struct ssh_way way;
	const char *relay;   // as ssh takes it, for messages; borrowed
	const char *session; // its name, or empty; borrowed
	struct link_limits limits;
	uint32_t seed; // of the jitter between tries
};

struct watch;
struct watch *watch_new(
    struct view *view, struct dialer *dialer, const struct watch_options *options);
// Called with what the terminal shows, as view_options.painted says.
void watch_painted(struct watch *watch, const struct view_status *status);
// The guest wants lines that have scrolled away.
void watch_ask(struct watch *watch, const struct view_history_ask *ask);
// What was typed, as view_options.typed says.
bool watch_typed(struct watch *watch, const uint8_t *data, size_t len, bool expects,
    uint64_t stale_us, unsigned *answers);
// Watches until the guest leaves or the session ends. The process is locked down already. Returns
// the exit status; `text` is a last sentence to print, or empty.
int watch_run(struct watch *watch, char text[LIMIT_TEXT + 1]);
// After the view, whose loop it lives on, has been freed.
void watch_free(struct watch *watch);
