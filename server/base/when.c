// SPDX-License-Identifier: ISC
// Points in time as people write them, in unix seconds.
#include "server/base/when.h"

#include <string.h>
#include <time.h>

static bool
parse_span(const char *text, uint64_t now, uint64_t *when)
{
	static const struct {
		char unit;
		uint64_t seconds;
	} units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 7 * 86400}};
	uint64_t count = 0;
	size_t digits = strspn(text, "0123456789");

	if (!digits || digits > 9 || !text[digits] || text[digits + 1])
		return false;
	for (size_t i = 0; i < digits; i++)
		count = count * 10 + (uint64_t)(text[i] - '0');
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (units[i].unit == text[digits]) {
			*when = now + count * units[i].seconds;
			return *when <= WHEN_MAX;
		}
	}
	return false;
}

// Exactly `count` digits of `*text`; moves behind them. -1: there are others.
static int
take_digits(const char **text, int count)
{
	int value = 0;

	for (; count; count--, ++*text) {
		if (**text < '0' || **text > '9')
			return -1;
		value = value * 10 + (**text - '0');
	}
	return value;
}

static bool
take_char(const char **text, const char *any)
{
	if (!**text || !strchr(any, **text))
		return false;
	++*text;
	return true;
}

static bool
take_date(const char **text, struct tm *tm)
{
	tm->tm_year = take_digits(text, 4) - 1900;
	if (!take_char(text, "-"))
		return false;
	tm->tm_mon = take_digits(text, 2) - 1;
	if (!take_char(text, "-"))
		return false;
	tm->tm_mday = take_digits(text, 2);
	return tm->tm_year >= 70 && tm->tm_mon >= 0 && tm->tm_mon < 12 && tm->tm_mday > 0 &&
	       tm->tm_mday <= 31;
}

static bool
take_time(const char **text, struct tm *tm)
{
	tm->tm_hour = take_digits(text, 2);
	if (!take_char(text, ":"))
		return false;
	tm->tm_min = take_digits(text, 2);
	if (take_char(text, ":"))
		tm->tm_sec = take_digits(text, 2);
	return tm->tm_hour >= 0 && tm->tm_hour < 24 && tm->tm_min >= 0 && tm->tm_min < 60 &&
	       tm->tm_sec >= 0 && tm->tm_sec < 60;
}

bool
when_parse(const char *text, uint64_t now, uint64_t *when)
{
	struct tm tm = {.tm_isdst = -1};
	bool day = false, utc;
	int mday;
	time_t at;

	if (parse_span(text, now, when))
		return true;
	if (!take_date(&text, &tm))
		return false;
	mday = tm.tm_mday;
	if (take_char(&text, "T ")) {
		if (!take_time(&text, &tm))
			return false;
	} else {
		day = true;
	}
	utc = take_char(&text, "Z");
	if (*text)
		return false;
	at = utc ? timegm(&tm) : mktime(&tm);
	if (at < 0 || tm.tm_mday != mday) // 31 April became 1 May
		return false;
	if (day) {
		tm.tm_mday++;
		tm.tm_isdst = -1;
		at = utc ? timegm(&tm) : mktime(&tm);
	}
	*when = (uint64_t)at;
	return *when <= WHEN_MAX;
}

void
when_put_utc(uint64_t when, char to[WHEN_TEXT])
{
	time_t at = (time_t)when;
	struct tm tm = {0};

	gmtime_r(&at, &tm);
	strftime(to, WHEN_TEXT, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

void
when_put_sshd(uint64_t when, char to[WHEN_TEXT])
{
	time_t at = (time_t)when;
	struct tm tm = {0};

	gmtime_r(&at, &tm);
	strftime(to, WHEN_TEXT, "%Y%m%d%H%M%SZ", &tm);
}

void
when_put_local(uint64_t when, char to[WHEN_TEXT])
{
	time_t at = (time_t)when;
	struct tm tm = {0};

	localtime_r(&at, &tm);
	strftime(to, WHEN_TEXT, "%Y-%m-%d %H:%M", &tm);
}
