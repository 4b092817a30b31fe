// SPDX-License-Identifier: ISC
// The sessions of a directory.
#include "web/lobby.h"

#include "server/base/viewclient.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MS 500 // for a mirror to say who it is
#define AGAIN_MS 1000 // until one that did not is asked again,
#define TRIES_MAX 10u // so many times

void
lobby_init(struct lobby *lobby, const char *dir)
{
	*lobby = (struct lobby){.dir = dir};
}

void
lobby_fini(struct lobby *lobby)
{
	free(lobby->sessions);
	*lobby = (struct lobby){0};
}

const struct lobby_session *
lobby_find(const struct lobby *lobby, const char *name)
{
	for (size_t i = 0; i < lobby->count; i++) {
		if (strcmp(lobby->sessions[i].session.name, name) == 0)
			return &lobby->sessions[i];
	}
	return NULL;
}

// Whose session it is, from its mirror. False: nobody is there; *unsure: or does not answer yet.
static bool
ask(struct lobby_session *entry, bool *unsure)
{
	struct viewclient client;
	struct view_hello hello;
	struct view_bye bye;

	viewclient_hello(&hello, VIEW_ROLE_QUERY, 0, 0);
	if (!viewclient_open(&client, entry->session.view, &hello, ANSWER_MS, &bye)) {
		int fd = session_connect(entry->session.view);

		*unsure |= fd >= 0 || errno == EAGAIN;
		if (fd >= 0)
			close(fd);
		return false;
	}
	memcpy(entry->host, client.welcome.host, sizeof(entry->host));
	entry->start = client.welcome.start;
	viewclient_close(&client);
	return true;
}

static bool
look_at(const struct lobby *lobby, const struct session *session, struct lobby_session *entry,
    bool *unsure)
{
	const struct lobby_session *known = lobby_find(lobby, session->name);
	struct stat st;

	if (lstat(session->view, &st) < 0)
		return false;
	if (known && known->socket == st.st_ino) {
		*entry = *known;
		return true;
	}
	*entry = (struct lobby_session){.session = *session, .socket = st.st_ino};
	return ask(entry, unsure);
}

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static bool
same(const struct lobby_session *a, const struct lobby_session *b, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (a[i].socket != b[i].socket || strcmp(a[i].session.name, b[i].session.name) != 0)
			return false;
	}
	return true;
}

bool
lobby_scan(struct lobby *lobby)
{
	char why[SESSION_WHY];
	size_t listed, count = 0;
	struct session *list = session_list(SESSION_OWN, &listed, why);
	struct lobby_session *sessions = calloc(listed + 1, sizeof(*sessions));
	bool unsure = false, changed;

	if (!sessions)
		abort();
	for (size_t i = 0; list && i < listed; i++) {
		if (strcmp(list[i].dir, lobby->dir) == 0 &&
		    look_at(lobby, &list[i], &sessions[count], &unsure))
			count++;
	}
	free(list);
	changed = count != lobby->count || !same(sessions, lobby->sessions, count);
	free(lobby->sessions);
	lobby->sessions = sessions;
	lobby->count = count;
	lobby->tries = unsure ? lobby->tries + 1 : 0;
	lobby->unsure = unsure && lobby->tries < TRIES_MAX;
	lobby->again_ms = now_ms() + AGAIN_MS;
	return changed;
}

void
lobby_put(const struct lobby *lobby, struct buf *out)
{
	buf_put_varint(out, lobby->count);
	for (size_t i = 0; i < lobby->count; i++) {
		const struct lobby_session *entry = &lobby->sessions[i];

		buf_put_bytes(out, entry->session.name, strlen(entry->session.name));
		buf_put_bytes(out, entry->host, strlen(entry->host));
		buf_put_varint(out, entry->start);
	}
}

int
lobby_dial(const struct lobby *lobby, const char *name)
{
	const struct lobby_session *entry = lobby_find(lobby, name);
	struct viewclient client;
	struct view_hello hello;

	if (!entry) {
		errno = ENOENT;
		return -1;
	}
	viewclient_hello(&hello, VIEW_ROLE_VIEW, 0, 0);
	*hello.from = '\0';
	strcpy(hello.name, "web gateway");
	strcpy(hello.via, "web");
	return viewclient_dial(&client, entry->session.view, &hello) == 0 ? client.fd : -1;
}
