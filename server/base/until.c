// SPDX-License-Identifier: ISC
// Until when a guest may watch: an alarm by the wall clock.
#include "server/base/until.h"

#include <errno.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

bool
until_over(uint64_t when)
{
	return when && (uint64_t)time(NULL) >= when;
}

bool
until_open(struct until *until, uint64_t when)
{
	struct itimerspec alarm = {.it_value.tv_sec = (time_t)when};

	*until = (struct until){.fd = -1};
	if (!when)
		return true;
	until->fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (until->fd < 0)
		return false;
	if (timerfd_settime(until->fd, TFD_TIMER_ABSTIME, &alarm, NULL) == 0)
		return true;
	until_close(until);
	return false;
}

static void
on_alarm(uv_poll_t *poll, int status, int events)
{
	struct until *until = poll->data;

	(void)status;
	(void)events;
	uv_poll_stop(poll);
	until->over(until->user);
}

bool
until_start(struct until *until, uv_loop_t *loop, void (*over)(void *user), void *user)
{
	if (until->fd < 0)
		return true;
	until->over = over;
	until->user = user;
	until->poll.data = until;
	return uv_poll_init(loop, &until->poll, until->fd) == 0 &&
	       uv_poll_start(&until->poll, UV_READABLE, on_alarm) == 0;
}

void
until_close(struct until *until)
{
	if (until->fd >= 0)
		close(until->fd);
	until->fd = -1;
}
