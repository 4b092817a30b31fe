// SPDX-License-Identifier: ISC
// The gateway's loop. libwebsockets' own loop waits for browsers; libuv's, for everything else, is one fd in it.
#include "web/gateway_impl.h"

#include "server/base/sandbox.h"
#include "web/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#define STOP_MS 500             // for pages to take our last words
#define OWN_FDS 64              // beside those of browsers
#define PACKET_BYTES (64 << 10) // what lws hands to the kernel at once
#define IDLE_LOOK_MS 5000       // while a session has nobody who watches
#define READ_BYTES 65536
#define COUNT_MS 10000    // between two looks at how many watch
#define COUNT_SOON_MS 200 // when one has come through us

uint64_t
gateway_now_us(void)
{
	return uv_hrtime() / 1000;
}

static void
end(struct gateway *gateway, int status, const char *text)
{
	if (*text)
		fprintf(stderr, MIRRORD_NAME ": %s\n", text);
	gateway->ended = true;
	gateway->status = status;
}

// ---- the porter --------------------------------------------------------------------------------

static void
flush(struct gateway *gateway)
{
	while (gateway->out.len) {
		ssize_t sent = send(gateway->channel, gateway->out.data, gateway->out.len,
		    MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0)
			return;
		buf_take(&gateway->out, (size_t)sent);
	}
}

void
gateway_tell(struct gateway *gateway, uint8_t type, uint64_t number)
{
	size_t begin = msg_begin(&gateway->out, type);

	buf_put_varint(&gateway->out, number);
	msg_end(&gateway->out, begin);
}

void
gateway_ask(struct gateway *gateway, const struct client *client, const char *token)
{
	size_t begin = msg_begin(&gateway->out, CHANNEL_ADMIT);

	buf_put_varint(&gateway->out, client->serial);
	buf_put_bytes(&gateway->out, token, strlen(token));
	msg_end(&gateway->out, begin);
}

static void
on_count(uv_timer_t *timer)
{
	struct gateway *gateway = timer->data;

	for (struct source *source = gateway->sources; source; source = source->next) {
		size_t begin;

		if (!source->count)
			continue;
		begin = msg_begin(&gateway->out, CHANNEL_COUNT);
		buf_put_bytes(&gateway->out, source->name, strlen(source->name));
		msg_end(&gateway->out, begin);
		source_changed(source);
		uv_timer_start(&gateway->count, on_count, COUNT_MS, 0);
	}
}

void
gateway_count(struct gateway *gateway)
{
	if (!uv_is_active((uv_handle_t *)&gateway->count) ||
	    uv_timer_get_due_in(&gateway->count) > COUNT_SOON_MS)
		uv_timer_start(&gateway->count, on_count, COUNT_SOON_MS, 0);
}

static void
on_counted(struct gateway *gateway, struct reader *reader)
{
	char name[LIMIT_NAME + 1];
	struct source *source;

	view_text_get(reader, name, LIMIT_NAME);
	source = source_find(gateway, name);
	if (source)
		source_counted(source, reader_bounded(reader, LIMIT_VIEWERS));
}

static struct client *
asked(struct gateway *gateway, uint64_t serial)
{
	for (struct conn *conn = gateway->conns; conn; conn = conn->next) {
		if (conn->client && conn->client->serial == serial && conn->state == CONN_ASKED)
			return conn->client;
	}
	return NULL;
}

static void
cut_pass(struct gateway *gateway, uint64_t pass, const struct client *but, enum web_reason reason,
    const char *text)
{
	for (struct conn *conn = gateway->conns; conn; conn = conn->next) {
		if (conn->client && conn->client != but && conn->client->pass == pass)
			client_bye(conn->client, reason, text);
	}
}

static void
on_admitted(struct gateway *gateway, struct reader *reader)
{
	char token[LIMIT_NAME + 1], name[LIMIT_NAME + 1], only[LIMIT_NAME + 1];
	struct client *client = asked(gateway, reader_varint(reader));
	uint64_t pass = reader_varint(reader);

	view_text_get(reader, token, LIMIT_NAME);
	view_text_get(reader, name, LIMIT_NAME);
	view_text_get(reader, only, LIMIT_NAME);
	if (!client || reader->bad)
		return;
	cut_pass(gateway, pass, client, WEB_REFUSED, "this link is open in another place now");
	client_admitted(client, pass, token, name, only);
}

static void
on_refused(struct gateway *gateway, struct reader *reader)
{
	struct client *client = asked(gateway, reader_varint(reader));
	char text[LIMIT_TEXT + 1];

	view_text_get(reader, text, LIMIT_TEXT);
	if (client)
		client_bye(client, WEB_REFUSED, text);
}

static void
on_cut(struct gateway *gateway, struct reader *reader)
{
	uint64_t pass = reader_varint(reader);
	char text[LIMIT_TEXT + 1];

	view_text_get(reader, text, LIMIT_TEXT);
	cut_pass(gateway, pass, NULL, WEB_REVOKED, text);
}

static void
on_sessions(struct gateway *gateway, struct reader *reader)
{
	size_t count = reader_bounded(reader, SESSION_LIST_MAX);

	for (struct source *source = gateway->sources; source; source = source->next)
		source->listed = false;
	for (size_t i = 0; i < count && !reader->bad; i++) {
		char name[LIMIT_NAME + 1], host[LIMIT_TEXT + 1];
		struct source *source = gateway->sources;
		uint64_t start;

		view_text_get(reader, name, LIMIT_NAME);
		view_text_get(reader, host, LIMIT_TEXT);
		start = reader_varint(reader);
		while (source && (strcmp(source->name, name) != 0 || source->start != start))
			source = source->next;
		if (source)
			source->listed = true;
		else if (!reader->bad)
			source_add(gateway, name, host, start);
	}
	sources_drop_unlisted(gateway);
	for (struct conn *conn = gateway->conns; conn; conn = conn->next) {
		if (conn->state == CONN_ADMITTED)
			client_tell_sessions(conn->client);
	}
}

static void
on_stop(struct gateway *gateway, struct reader *reader)
{
	(void)reader;
	gateway->stop_us = gateway_now_us() + STOP_MS * 1000;
	door_close(gateway);
	for (struct conn *conn = gateway->conns; conn; conn = conn->next) {
		if (conn->client)
			client_bye(conn->client, WEB_STOPPING, "the gateway stops");
	}
}

static void
obey(struct gateway *gateway, const struct msg *msg)
{
	static const struct {
		uint8_t type;
		void (*on)(struct gateway *gateway, struct reader *reader);
	} messages[] = {{CHANNEL_ADMITTED, on_admitted}, {CHANNEL_REFUSED, on_refused},
	    {CHANNEL_CUT, on_cut}, {CHANNEL_SESSIONS, on_sessions}, {CHANNEL_COUNTED, on_counted},
	    {CHANNEL_STOP, on_stop}};
	struct reader reader = msg_reader(msg);

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		if (messages[i].type == msg->type)
			messages[i].on(gateway, &reader);
	}
}

static void
on_channel(uv_poll_t *poll, int status, int events)
{
	struct gateway *gateway = poll->data;
	enum msg_status got_msg;
	size_t used = 0;
	struct msg msg;
	ssize_t got =
	    recv(gateway->channel, buf_reserve(&gateway->in, READ_BYTES), READ_BYTES, MSG_DONTWAIT);

	(void)status;
	(void)events;
	if (got == 0 || (got < 0 && errno != EAGAIN)) { // the porter is gone
		end(gateway, EX_UNAVAILABLE, "");
		return;
	}
	gateway->in.len += got > 0 ? (size_t)got : 0;
	while ((got_msg = msg_get(&gateway->in, &used, CHANNEL_MAX, &msg)) == MSG_ONE)
		obey(gateway, &msg);
	buf_take(&gateway->in, used);
	if (got_msg == MSG_BAD)
		end(gateway, EX_SOFTWARE, "the porter said what is no message");
}

// ---- browsers ----------------------------------------------------------------------------------

// Here too, for lws may serve several events before it returns to us.
static void
on_wake(lws_sorted_usec_list_t *wake)
{
	gateway_turn(lws_container_of(wake, struct gateway, wake));
}

// What a browser said may have set timers, and questions to the porter wait to be sent.
static void
wake_soon(struct gateway *gateway)
{
	if (!gateway->wake.list.owner || gateway->wake.us > lws_now_usecs())
		lws_sul_schedule(gateway->context, 0, &gateway->wake, on_wake, 0);
}

static int
on_websocket(struct conn *conn, enum lws_callback_reasons reason, const void *in, size_t len)
{
	struct client *client = conn->client;

	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		if (!client_new(conn))
			return -1;
		door_watch(conn, CONN_SOCKET, LIMIT_WEB_HELLO_MS);
		return 0;
	case LWS_CALLBACK_RECEIVE:
		return client_received(client, in, len, lws_is_first_fragment(conn->wsi),
		    lws_is_final_fragment(conn->wsi) && !lws_remaining_packet_payload(conn->wsi),
		    lws_frame_is_binary(conn->wsi));
	case LWS_CALLBACK_SERVER_WRITEABLE: return client_writable(client);
	default: return 0;
	}
}

static int
on_browser(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	struct conn *conn = lws_get_opaque_user_data(wsi);

	(void)user;
	if (!conn) // not of a connection of ours
		return 0;
	conn->wsi = wsi; // also while it is being adopted
	wake_soon(conn->gateway);
	switch (reason) {
	case LWS_CALLBACK_HTTP_CONFIRM_UPGRADE:
		http_upgrades(conn, in);
		return 0; // always: see there
	case LWS_CALLBACK_HTTP: return http_request(conn);
	case LWS_CALLBACK_HTTP_WRITEABLE: return http_writable(conn);
	case LWS_CALLBACK_HTTP_BODY: return -1; // no request of ours has one
	case LWS_CALLBACK_FILTER_PROTOCOL_CONNECTION: return http_may_upgrade(conn);
	case LWS_CALLBACK_WSI_DESTROY: conn_free(conn); return 0;
	case LWS_CALLBACK_ESTABLISHED:
	case LWS_CALLBACK_RECEIVE:
	case LWS_CALLBACK_SERVER_WRITEABLE: return on_websocket(conn, reason, in, len);
	default: return 0;
	}
}

// libuv's fd: what happened on it is looked at after every turn.
static int
on_loop(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t len)
{
	(void)wsi;
	(void)reason;
	(void)user;
	(void)in;
	(void)len;
	return 0;
}

static const struct lws_protocols protocols[] = {{.name = WEB_PROTOCOL,
						     .callback = on_browser,
						     .rx_buffer_size = LIMIT_WEB_MESSAGE,
						     .tx_packet_size = PACKET_BYTES},
    {.name = "loop", .callback = on_loop}, {0}};

// ---- the loop ----------------------------------------------------------------------------------

static bool
is_watched(const struct gateway *gateway)
{
	for (const struct source *source = gateway->sources; source; source = source->next) {
		if (source->state == SOURCE_OPEN && !source->count)
			return true;
	}
	return false;
}

void
gateway_turn(struct gateway *gateway)
{
	int wait_ms;

	uv_run(&gateway->loop, UV_RUN_NOWAIT);
	sources_sweep(gateway);
	flush(gateway);
	if (gateway->stop_us && (gateway_now_us() >= gateway->stop_us || !gateway->conns))
		end(gateway, EX_OK, "");
	wait_ms = uv_backend_timeout(&gateway->loop);
	if (is_watched(gateway) && (wait_ms < 0 || wait_ms > IDLE_LOOK_MS))
		wait_ms = IDLE_LOOK_MS;
	if (gateway->stop_us && (wait_ms < 0 || wait_ms > STOP_MS / 10))
		wait_ms = STOP_MS / 10;
	lws_sul_schedule(gateway->context, 0, &gateway->wake, on_wake,
	    wait_ms < 0 ? LWS_SET_TIMER_USEC_CANCEL : (lws_usec_t)wait_ms * 1000);
}

static void
allow_fds(void)
{
	const rlim_t wanted = LIMIT_WEB_VIEWERS + LIMIT_WEB_PENDING + OWN_FDS;
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static void
log_line(int level, const char *line)
{
	(void)level;
	fprintf(stderr, MIRRORD_NAME ": %s", line);
}

static bool
make_context(struct gateway *gateway)
{
	struct lws_context_creation_info info = {.port = CONTEXT_PORT_NO_LISTEN_SERVER,
	    .protocols = protocols,
	    .headers = http_headers(gateway),
	    .gid = -1,
	    .uid = -1,
	    .options = LWS_SERVER_OPTION_EXPLICIT_VHOSTS | LWS_SERVER_OPTION_DISABLE_IPV6,
	    .max_http_header_data = LIMIT_WEB_HEADERS,
	    .max_http_header_pool = LIMIT_WEB_PENDING + LIMIT_WEB_VIEWERS,
	    .timeout_secs = LIMIT_WEB_HELLO_MS / 1000,
	    .keepalive_timeout = LIMIT_WEB_HELLO_MS / 1000,
	    .alpn = "http/1.1"};
	lws_sock_file_fd_type fd;

	if (gateway->options->cert) {
		info.options |= LWS_SERVER_OPTION_DO_SSL_GLOBAL_INIT;
		info.ssl_cert_filepath = gateway->options->cert;
		info.ssl_private_key_filepath = gateway->options->key;
	}
	lws_set_log_level(LLL_ERR, log_line);
	gateway->context = lws_create_context(&info);
	if (gateway->context)
		gateway->vhost = lws_create_vhost(gateway->context, &info);
	if (!gateway->vhost)
		return false;
	fd.filefd = uv_backend_fd(&gateway->loop);
	return lws_adopt_descriptor_vhost(
	    gateway->vhost, LWS_ADOPT_RAW_FILE_DESC, fd, "loop", NULL);
}

bool
gateway_start(struct gateway *gateway)
{
	gateway->channel_poll.data = gateway->count.data = gateway->late.data = gateway;
	return uv_loop_init(&gateway->loop) == 0 &&
	       uv_timer_init(&gateway->loop, &gateway->count) == 0 &&
	       uv_timer_init(&gateway->loop, &gateway->late) == 0 && make_context(gateway) &&
	       door_open(gateway) &&
	       uv_poll_init(&gateway->loop, &gateway->channel_poll, gateway->channel) == 0 &&
	       uv_poll_start(&gateway->channel_poll, UV_READABLE, on_channel) == 0;
}

int
gateway_run(const struct gateway_options *options, int channel, int dial)
{
	struct gateway gateway = {.options = options, .channel = channel, .dial = dial};
	struct sandbox_state sandbox;

	allow_fds();
	setenv("TZ", "UTC0", 1); // libraries print times, and would look for the zone's file
	tzset();
	signal(SIGPIPE, SIG_IGN);
	if (!gateway_start(&gateway)) {
		end(&gateway, options->cert ? EX_CONFIG : EX_OSERR,
		    options->cert ? "the gateway cannot start: see whether --cert and --key are a "
				    "certificate and its key, in PEM"
				  : "the gateway cannot start");
		return gateway.status;
	}
	if (!sandbox_enter(SANDBOX_WEB, &sandbox)) {
		end(&gateway, EX_OSERR, "the gateway cannot lock itself down");
		return gateway.status;
	}
	lws_set_log_level(0, NULL); // what browsers do wrong is no news
	msg_put(&gateway.out, CHANNEL_READY, NULL, 0);
	for (gateway_turn(&gateway); !gateway.ended; gateway_turn(&gateway))
		lws_service(gateway.context, 0);
	return gateway.status; // it ends with the process: nothing is left to be told to anybody
}
