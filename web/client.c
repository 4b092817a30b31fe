// SPDX-License-Identifier: ISC
// A page: its messages both ways. Frames are made when the socket can take one; nothing but them is ever
// long.
#include "web/channel.h"
#include "web/gateway_impl.h"

#include "vt/frame.h"
#include "vt/zstream.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#define RATE_BURST 64u // messages at once,
#define RATE_PER_S 24u // and a second in the long run
#define BYE_MS 2000    // for a page to take our last words
#define HISTORY_COUNT_MAX 500u

static uint64_t
unix_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

bool
client_new(struct conn *conn)
{
	struct gateway *gateway = conn->gateway;
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		abort();
	client->conn = conn;
	client->serial = ++gateway->serial;
	client->tokens = RATE_BURST;
	client->tokens_at_ms = uv_now(&gateway->loop);
	uv_timer_init(&gateway->loop, &client->due);
	client->due.data = client;
	conn->client = client;
	gateway->clients_len++;
	return gateway->clients_len <= LIMIT_WEB_VIEWERS + LIMIT_WEB_PENDING;
}

static void
on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void
client_free(struct client *client)
{
	client->conn->gateway->clients_len--;
	source_leave(client);
	buf_fini(&client->out);
	client->conn = NULL;
	uv_close((uv_handle_t *)&client->due, on_closed);
}

// ---- to the page -------------------------------------------------------------------------------

static size_t
begin(struct client *client, enum web_to_browser kind)
{
	size_t at = client->out.len;
	const uint8_t length[4] = {0};

	buf_put(&client->out, length, sizeof(length));
	buf_put_u8(&client->out, (uint8_t)kind);
	return at;
}

static void
finish(struct client *client, size_t at)
{
	uint32_t len = (uint32_t)(client->out.len - at - 4);

	memcpy(client->out.data + at, &len, sizeof(len));
	if (client->out.len > LIMIT_WEB_OUT_BYTES)
		conn_kill(client->conn);
	else
		lws_callback_on_writable(client->conn->wsi);
}

static void
put_text(struct client *client, const char *text)
{
	buf_put_bytes(&client->out, text, strlen(text));
}

// What is queued stays in front; frames are not sent any more.
void
client_bye(struct client *client, enum web_reason reason, const char *text)
{
	size_t at;

	if (client->conn->state == CONN_ENDING)
		return;
	source_leave(client);
	at = begin(client, WEB_BYE);
	buf_put_u8(&client->out, (uint8_t)reason);
	put_text(client, text);
	finish(client, at);
	door_watch(client->conn, CONN_ENDING, BYE_MS);
}

void
client_notice(struct client *client, const char *text)
{
	size_t at = begin(client, WEB_NOTICE);

	put_text(client, text);
	finish(client, at);
}

void
client_left(struct client *client, int status, const char *text)
{
	size_t at = begin(client, WEB_LEFT);

	buf_put_varint(&client->out, (uint64_t)status);
	put_text(client, text);
	finish(client, at);
}

void
client_tell_notice(struct client *client)
{
	if (!client->held)
		client_notice(client, client->source->notice);
	else if (client->source->heard)
		client_notice(client, "waiting for the host to let you in");
}

static bool
may_see(const struct client *client, const struct source *source)
{
	return source->listed && (!*client->only || strcmp(client->only, source->name) == 0);
}

void
client_tell_sessions(struct client *client)
{
	size_t at = begin(client, WEB_SESSIONS), count = 0;
	struct source *first = client->conn->gateway->sources;

	for (struct source *source = first; source; source = source->next)
		count += may_see(client, source);
	buf_put_varint(&client->out, count);
	for (struct source *source = first; source; source = source->next) {
		if (!may_see(client, source))
			continue;
		put_text(client, source->name);
		put_text(client, source->host);
		buf_put_varint(&client->out, source->start);
		buf_put_varint(&client->out, source_watching(source));
	}
	finish(client, at);
}

void
client_tell_watching(struct client *client)
{
	size_t watching = source_watching(client->source), at;

	if (client->hidden || watching == client->watching)
		return;
	client->watching = watching;
	at = begin(client, WEB_WATCHING);
	buf_put_varint(&client->out, watching);
	finish(client, at);
}

static void
put_u64(struct buf *out, uint64_t value)
{
	for (int i = 0; i < 8; i++)
		buf_put_u8(out, (uint8_t)(value >> 8 * i));
}

void
client_tell_joined(struct client *client)
{
	struct source *source = client->source;
	size_t at = begin(client, WEB_JOINED);

	put_text(client, source->name);
	put_text(client, source->host);
	buf_put_varint(&client->out, source->start);
	client->watching = source_watching(source);
	buf_put_varint(&client->out, client->watching);
	put_u64(&client->out, fan_epoch(source->fan));
	buf_put_varint(&client->out,
	    source->changed_ms ? uv_now(&source->gateway->loop) - source->changed_ms : 0);
	finish(client, at);
	if (*source->notice || client->held)
		client_tell_notice(client);
}

// Rows from the one that was asked for on: the session also gives some before it, so that there are as
// many.
static struct screen *
rows_from(const struct view_history *history, uint64_t first)
{
	size_t drop = first > history->first ? first - history->first : 0;
	struct screen *rows;

	if (!history->rows || drop >= history->rows->rows)
		return NULL;
	rows = screen_alloc((uint16_t)(history->rows->rows - drop), history->rows->cols);
	for (size_t i = 0; i < rows->rows; i++)
		rows->row[i] = row_ref(history->rows->row[i + drop]);
	return rows;
}

void
client_history(struct client *client, const struct view_history *history)
{
	struct gateway *gateway = client->conn->gateway;
	struct screen *rows = rows_from(history, client->ask.first);
	size_t at = begin(client, WEB_HISTORY_IS);
	struct buf frame = {0};

	client->asks = false;
	buf_put_varint(&client->out,
	    rows && client->ask.first < history->first ? history->first : client->ask.first);
	buf_put_varint(&client->out, history->end);
	buf_put_varint(&client->out, history->oldest);
	if (rows) {
		if (gateway->alone)
			deflater_reset(gateway->alone);
		else
			gateway->alone = deflater_new();
		frame_encode(NULL, rows, &frame);
		deflater_put(gateway->alone, frame.data, frame.len, &client->out);
		screen_unref(rows);
	}
	buf_fini(&frame);
	finish(client, at);
}

static void
join(struct client *client, struct source *source)
{
	if (!source_join(source, client)) {
		client_left(client, EX_UNAVAILABLE, "the session cannot be reached");
		return;
	}
	client_tell_joined(client);
	source_changed(source);
}

// The only one there is, if there is one only.
static struct source *
only_source(struct client *client)
{
	struct source *found = NULL;

	for (struct source *source = client->conn->gateway->sources; source;
	     source = source->next) {
		if (may_see(client, source) && found)
			return NULL;
		found = may_see(client, source) ? source : found;
	}
	return found;
}

void
client_admitted(
    struct client *client, uint64_t pass, const char *token, const char *name, const char *only)
{
	struct gateway *gateway = client->conn->gateway;
	struct source *source;
	size_t at;

	client->pass = pass;
	client->since = unix_ms() / 1000;
	strcpy(client->name, name);
	strcpy(client->only, only);
	door_watch(client->conn, CONN_ADMITTED, 0);
	at = begin(client, WEB_WELCOME);
	buf_put_varint(&client->out, WEB_VERSION);
	put_text(client, token);
	put_text(client, client->name);
	buf_put_varint(&client->out, unix_ms());
	finish(client, at);
	client_tell_sessions(client);
	source = *client->wanted ? source_find(gateway, client->wanted) : only_source(client);
	if (source && may_see(client, source))
		join(client, source);
}

// ---- frames ------------------------------------------------------------------------------------

static void
on_due(uv_timer_t *timer)
{
	client_schedule(timer->data);
}

static bool
wants_frames(const struct client *client)
{
	return client->source && client->source->shown && !client->held && !client->hidden &&
	       client->conn->state == CONN_ADMITTED;
}

void
client_schedule(struct client *client)
{
	uint64_t now = gateway_now_us(), due;

	uv_timer_stop(&client->due);
	if (!wants_frames(client))
		return;
	due = fan_due(client->source->fan, &client->viewer, now);
	if (due <= now)
		lws_callback_on_writable(client->conn->wsi);
	else if (due != LINKPACE_NEVER)
		uv_timer_start(&client->due, on_due, (due - now + 999) / 1000, 0);
}

static int
write_frame(struct client *client)
{
	struct fan_message *message;
	int written;

	if (!wants_frames(client))
		return 0;
	message = fan_next(client->source->fan, &client->viewer, gateway_now_us());
	if (!message)
		return 0;
	_Static_assert(FAN_HEADROOM >= LWS_PRE, "lws writes its header before a message");
	written = lws_write(client->conn->wsi, (unsigned char *)(uintptr_t)message->data,
	    message->len, LWS_WRITE_BINARY);
	fan_message_unref(message);
	return written < 0 ? -1 : 0;
}

static int
write_queued(struct client *client)
{
	struct buf *scratch = &client->conn->gateway->scratch;
	uint32_t len;
	int written;

	memcpy(&len, client->out.data, sizeof(len));
	scratch->len = 0;
	buf_reserve(scratch, LWS_PRE + len);
	memcpy(scratch->data + LWS_PRE, client->out.data + 4, len);
	written = lws_write(client->conn->wsi, scratch->data + LWS_PRE, len, LWS_WRITE_BINARY);
	buf_take(&client->out, 4 + len);
	return written < 0 ? -1 : 0;
}

int
client_writable(struct client *client)
{
	int result = 0;

	if (client->out.len) {
		result = write_queued(client);
	} else if (client->conn->state == CONN_ENDING) {
		lws_close_reason(client->conn->wsi, LWS_CLOSE_STATUS_NORMAL, NULL, 0);
		return -1;
	} else {
		buf_fini(&client->out); // seldom needed again
		if (client->asks)
			source_ask(client->source);
		result = write_frame(client);
	}
	if (client->out.len || client->conn->state == CONN_ENDING)
		lws_callback_on_writable(client->conn->wsi);
	else
		client_schedule(client);
	return result;
}

// ---- from the page -----------------------------------------------------------------------------
// Each returns whether the message is a good one.

static uint64_t
get_u64(struct reader *reader)
{
	const uint8_t *bytes = reader_raw(reader, 8);
	uint64_t value = 0;

	for (int i = 7; bytes && i >= 0; i--)
		value = value << 8 | bytes[i];
	return value;
}

static bool
on_hello(struct client *client, struct reader *reader)
{
	uint64_t version = reader_varint(reader);
	char token[LIMIT_NAME + 1];

	if (client->conn->state != CONN_SOCKET || reader->bad)
		return false;
	if (version != WEB_VERSION) {
		client_bye(client, WEB_OTHER_VERSION, "the page is of another version");
		return true;
	}
	view_text_get(reader, token, LIMIT_NAME);
	view_text_get(reader, client->wanted, LIMIT_NAME);
	client->epoch = get_u64(reader);
	client->seq = reader_varint(reader);
	if (!reader_done(reader))
		return false;
	door_watch(client->conn, CONN_ASKED, LIMIT_WEB_HELLO_MS);
	gateway_ask(client->conn->gateway, client, token);
	return true;
}

static bool
on_ack(struct client *client, struct reader *reader)
{
	uint64_t seq = reader_varint(reader);
	uint64_t held_ms = reader_bounded(reader, UINT32_MAX);

	if (!reader_done(reader))
		return false;
	if (!client->source) // it has just ended
		return true;
	if (!fan_ack(&client->viewer, gateway_now_us(), seq, held_ms * 1000))
		return false;
	client_schedule(client);
	return true;
}

static bool
on_visible(struct client *client, struct reader *reader)
{
	uint8_t visible = reader_u8(reader);

	if (!reader_done(reader) || visible > 1)
		return false;
	client->hidden = !visible;
	if (client->source)
		client_tell_watching(client); // what it was not told meanwhile
	client_schedule(client);
	return true;
}

static bool
on_join(struct client *client, struct reader *reader)
{
	char name[LIMIT_NAME + 1];
	struct source *source;

	view_text_get(reader, name, LIMIT_NAME);
	if (!reader_done(reader))
		return false;
	source_leave(client);
	client->epoch = client->seq = 0;
	if (!*name)
		return true;
	source = source_find(client->conn->gateway, name);
	if (source && may_see(client, source))
		join(client, source);
	else
		client_left(client, EX_UNAVAILABLE, "there is no such session");
	return true;
}

// Who asks anew before there was an answer gets one to the newer question.
static bool
on_history(struct client *client, struct reader *reader)
{
	client->ask.first = reader_varint(reader);
	client->ask.count = reader_bounded(reader, HISTORY_COUNT_MAX);
	if (!reader_done(reader) || !client->ask.count)
		return false;
	client->asks = client->source;
	if (client->asks)
		source_ask(client->source);
	return true;
}

static bool
on_ping(struct client *client, struct reader *reader)
{
	uint32_t number = reader_bounded(reader, UINT32_MAX);
	size_t at;

	if (!reader_done(reader))
		return false;
	at = begin(client, WEB_PONG);
	buf_put_varint(&client->out, number);
	buf_put_varint(&client->out, unix_ms());
	finish(client, at);
	return true;
}

static const struct {
	uint8_t kind;
	bool (*on)(struct client *client, struct reader *reader);
} messages[] = {{WEB_HELLO, on_hello}, {WEB_ACK, on_ack}, {WEB_VISIBLE, on_visible},
    {WEB_JOIN, on_join}, {WEB_HISTORY, on_history}, {WEB_PING, on_ping}};

static bool
dispatch(struct client *client)
{
	struct reader reader = {.data = client->in, .len = client->in_len};
	uint8_t kind = reader_u8(&reader);

	if (reader.bad || (kind != WEB_HELLO && !client->pass))
		return false;
	if (kind != WEB_HELLO && !client->confirmed) { // it has got WELCOME
		client->confirmed = true;
		gateway_tell(client->conn->gateway, CHANNEL_CONFIRM, client->pass);
	}
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		if (messages[i].kind == kind)
			return messages[i].on(client, &reader);
	}
	return false;
}

static bool
within_rate(struct client *client)
{
	uint64_t now = uv_now(&client->conn->gateway->loop);
	uint64_t more = (now - client->tokens_at_ms) * RATE_PER_S / 1000;

	if (more) {
		client->tokens = client->tokens + more > RATE_BURST
				     ? RATE_BURST
				     : client->tokens + (uint32_t)more;
		client->tokens_at_ms = now;
	}
	if (!client->tokens)
		return false;
	client->tokens--;
	return true;
}

int
client_received(
    struct client *client, const uint8_t *data, size_t len, bool first, bool final, bool binary)
{
	if (client->conn->state == CONN_ENDING)
		return 0;
	if (first)
		client->in_len = 0;
	if (!binary || len > sizeof(client->in) - client->in_len) {
		client_bye(client, WEB_BROKEN, "the page sent what is no message");
		return 0;
	}
	if (len)
		memcpy(client->in + client->in_len, data, len);
	client->in_len += len;
	if (!final)
		return 0;
	if (!within_rate(client))
		client_bye(client, WEB_BROKEN, "the page sent too many messages");
	else if (!dispatch(client))
		client_bye(client, WEB_BROKEN, "the page sent a broken message");
	return 0;
}
