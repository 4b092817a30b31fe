// SPDX-License-Identifier: ISC
// What the parts of the gateway share.
//
//   gateway.c  the loop, and what the porter says
//   door.c     connections until they have shown a token: deadlines and limits
//   http.c     requests: the page's files, the headers, who may open a socket
//   client.c   a page's messages
//   source.c   a session: its screen, and those who watch it
#pragma once

#include "server/edge/upstream.h"
#include "server/link/fan.h"
#include "web/gateway.h"

#include <netinet/in.h>
#include <uv.h>

#include <libwebsockets.h>

#define WEB_PROTOCOL "mirrord.1"
#define WEB_VERSION 1
#define HTTP_HEADERS 7 // that every answer has

enum web_from_browser {
	WEB_HELLO = 0x01,   // version, token, session, epoch, seq
	WEB_ACK = 0x02,     // seq, held (ms)
	WEB_VISIBLE = 0x03, // byte
	WEB_JOIN = 0x04,    // session
	WEB_HISTORY = 0x05, // from, count
	WEB_PING = 0x06,    // number
};
enum web_to_browser {          // beside those of enum fan_kind
	WEB_WELCOME = 0x41,    // version, token, name, time
	WEB_SESSIONS = 0x42,   // count, records
	WEB_JOINED = 0x43,     // session, host, start, watching, epoch, age
	WEB_WATCHING = 0x44,   // count
	WEB_NOTICE = 0x45,     // string
	WEB_PONG = 0x46,       // number, time
	WEB_HISTORY_IS = 0x47, // from, end, oldest, deflate
	WEB_LEFT = 0x48,       // status, string
	WEB_BYE = 0x49,        // reason, string
};
enum web_reason {
	WEB_REFUSED = 1,
	WEB_REVOKED = 2,
	WEB_OTHER_VERSION = 3,
	WEB_BROKEN = 4,
	WEB_STOPPING = 5,
	WEB_NO_ROOM = 6,
	WEB_SENT_AWAY = 7,
};

struct gateway;
struct source;

enum conn_state {
	CONN_OPEN,     // a request may come
	CONN_SERVING,  // an answer is on its way
	CONN_SOCKET,   // a WebSocket, which has to show a token
	CONN_ASKED,    // the porter is being asked about it
	CONN_ADMITTED, // it watches
	CONN_ENDING,   // it has been told goodbye
};

// One TCP connection.
struct conn {
	struct gateway *gateway;
	struct lws *wsi; // borrowed: ours until LWS_CALLBACK_WSI_DESTROY
	struct conn *next, **link;
	enum conn_state state;
	struct in6_addr address;
	uint64_t opened_us, deadline_us; // deadline: UINT64_MAX if there is none
	const struct asset *asset;       // while it is CONN_SERVING
	struct client *client;           // owned; NULL before it is a WebSocket
};

// A page.
struct client {
	struct conn *conn;
	uint64_t serial;           // of the question to the porter
	uint64_t pass;             // 0: not admitted
	char name[LIMIT_NAME + 1]; // of the person
	char only[LIMIT_NAME + 1]; // the session that this person may see, or empty: all
	char wanted[LIMIT_NAME + 1];
	uint64_t epoch, seq; // what it said it has
	bool confirmed, hidden;
	bool asks; // for rows that scrolled away, with `ask`
	struct view_history_ask ask;
	uint64_t since; // unix seconds

	struct source *source; // or NULL
	bool held;             // sees nothing before the host has let it in,
	uint64_t named;        // and the host was told of it in this list; 0: not yet
	size_t watching;       // as it was told
	struct client *next;   // of the source's
	struct client **link;
	struct fan_viewer viewer;
	uv_timer_t due; // for the next frame
	struct buf out; // messages that are no frames: u32 length, bytes

	uint8_t in[LIMIT_WEB_MESSAGE];
	size_t in_len;
	uint64_t tokens_at_ms; // of the rate
	uint32_t tokens;
};

// A session.
struct source {
	struct gateway *gateway;
	struct source *next;
	char name[LIMIT_NAME + 1], host[LIMIT_TEXT + 1];
	uint64_t start; // unix seconds
	bool listed;    // by the porter's last list

	enum { SOURCE_IDLE, SOURCE_OPEN, SOURCE_CLOSING } state;
	struct viewclient client;
	struct upstream up;
	bool shown;             // there is a screen
	bool fresh;             // this connection has not brought one yet
	bool shut, heard;       // the session's door; it has said how that stands
	uint64_t serial;        // of the last list of who watches
	uint64_t changed_ms;    // of the loop: when the screen last did
	struct fan *fan;        // owned
	struct client *clients; // owned by their connections
	size_t count, others;   // who watch through us, and in other ways
	bool asked;             // the session, with `ask`, and has not answered
	struct view_history_ask ask;
	uint64_t idle_ms; // of the loop: since when there are none
	bool told_late;   // the session does not know yet who watches
	char notice[LIMIT_TEXT + 1];
};

struct gateway {
	const struct gateway_options *options;
	struct lws_context *context;
	struct lws_vhost *vhost;
	struct lws_protocol_vhost_options headers[HTTP_HEADERS]; // of every answer
	uv_loop_t loop;
	lws_sorted_usec_list_t wake; // when the loop has something due
	uv_poll_t channel_poll, listen_poll;
	uv_timer_t tick;  // while there are connections to be looked at
	uv_timer_t late;  // until sessions that do not know yet who watches are told
	uint64_t told_ms; // of the loop: when one was last
	uv_timer_t count; // while somebody watches: how many others do
	int channel, dial;
	struct buf in, out; // of the channel
	uint64_t serial;
	struct conn *conns;   // newest first
	struct conn *adopted; // being handed to lws, which may end it at once
	size_t conns_len, clients_len;
	struct source *sources;
	struct deflater *alone; // owned: for what is no part of a stream; NULL before it is needed
	struct buf scratch;     // a message on its way out, behind room for lws's header
	uint64_t stop_us;       // not 0: stopping, and over by then
	bool ended;
	int status;
};

// Once, on zeroed memory with `options`, `channel` and `dial` set. False if something failed.
bool gateway_start(struct gateway *gateway);
// What is due in libuv's loop; called between any two turns of lws' loop.
void gateway_turn(struct gateway *gateway);
uint64_t gateway_now_us(void);
// Asks and tells the porter.
void gateway_ask(struct gateway *gateway, const struct client *client, const char *token);
void gateway_tell(struct gateway *gateway, uint8_t type, uint64_t number);
// Asks soon how many watch each session that is watched through us; again and again, while one is.
void gateway_count(struct gateway *gateway);

// ---- door.c
bool door_open(struct gateway *gateway);
void door_close(struct gateway *gateway);
// A connection came to have a deadline.
void door_watch(struct conn *conn, enum conn_state state, uint64_t wait_ms);
void conn_free(struct conn *conn);
void conn_kill(struct conn *conn);

// ---- http.c
// What every answer says about itself, for lws, which keeps it.
const struct lws_protocol_vhost_options *http_headers(struct gateway *gateway);
// What lws's callback returns:
int http_request(struct conn *conn);
int http_writable(struct conn *conn);
int http_may_upgrade(struct conn *conn);
void http_upgrades(struct conn *conn, const char *to);

// ---- client.c
bool client_new(struct conn *conn);
void client_free(struct client *client);
// Bytes of a message. Nonzero: close the connection.
int client_received(
    struct client *client, const uint8_t *data, size_t len, bool first, bool final, bool binary);
int client_writable(struct client *client);
void client_admitted(
    struct client *client, uint64_t pass, const char *token, const char *name, const char *only);
void client_bye(struct client *client, enum web_reason reason, const char *text);
void client_notice(struct client *client, const char *text);
void client_left(struct client *client, int status, const char *text);
void client_tell_sessions(struct client *client);
void client_tell_watching(struct client *client);
void client_tell_joined(struct client *client);
// That it waits, if it does; else what the session says.
void client_tell_notice(struct client *client);
// The answer to what it asked.
void client_history(struct client *client, const struct view_history *history);
// Frames may be due for it.
void client_schedule(struct client *client);

// ---- source.c
struct source *source_find(struct gateway *gateway, const char *name);
struct source *source_add(
    struct gateway *gateway, const char *name, const char *host, uint64_t start);
// How many watch in any way.
size_t source_watching(const struct source *source);
// Tells the session and the pages who and how many watch, at once or soon.
void source_changed(struct source *source);
void source_counted(struct source *source, size_t viewers);
// The next question for rows that scrolled away, if there is one and nothing is in its way.
void source_ask(struct source *source);
// False: it cannot be reached.
bool source_join(struct source *source, struct client *client);
void source_leave(struct client *client);
void source_end(struct source *source, int status, const char *text);
// After each turn of the loop: frees what has been closed.
void sources_sweep(struct gateway *gateway);
void sources_drop_unlisted(struct gateway *gateway);
