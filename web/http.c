// SPDX-License-Identifier: ISC
// Requests: the page's files, what every answer says about itself, and who may open a socket.
#include "web/assets.h"
#include "web/gateway_impl.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define HOST_MAX 262   // a name, a colon and a port
#define SERVE_MS 60000 // for a slow line to take a file
#define HEADERS_BYTES 2048

#define POLICY                                                                                     \
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src "       \
	"'self'; connect-src 'self'%s%s%s; base-uri 'none'; form-action 'none'; frame-ancestors "  \
	"'none'; require-trusted-types-for 'script'; trusted-types 'none'"
#define POLICY_NONE "default-src 'none'; frame-ancestors 'none'"

// lws sends them after each status line, also of what it answers itself. The policy is the first of them.
const struct lws_protocol_vhost_options *
http_headers(struct gateway *gateway)
{
	static const struct {
		const char *name, *value;
	} always[HTTP_HEADERS] = {{"content-security-policy:", POLICY_NONE},
	    {"referrer-policy:", "no-referrer"}, {"x-content-type-options:", "nosniff"},
	    {"cross-origin-opener-policy:", "same-origin"},
	    {"cross-origin-embedder-policy:", "require-corp"},
	    {"cross-origin-resource-policy:", "same-origin"},
	    {"permissions-policy:", "camera=(), geolocation=(), microphone=()"}};

	for (size_t i = 0; i < HTTP_HEADERS; i++) {
		gateway->headers[i].next = i + 1 < HTTP_HEADERS ? &gateway->headers[i + 1] : NULL;
		gateway->headers[i].name = always[i].name;
		gateway->headers[i].value = always[i].value;
	}
	return gateway->headers;
}

// Whether `host`, a name and perhaps a port, is one that we are known by.
static bool
is_allowed(const struct gateway_options *options, const char *host)
{
	const char *colon = strrchr(host, ':');
	size_t len = strlen(host);

	if (*host == '[' && host[len - 1] == ']') // an IPv6 address without a port
		colon = NULL;
	if (colon) {
		if (!colon[1] || strlen(colon) > 6 ||
		    strspn(colon + 1, "0123456789") != strlen(colon + 1))
			return false;
		len = (size_t)(colon - host);
	}
	for (size_t i = 0; i < options->hosts_len; i++) {
		if (strlen(options->hosts[i]) == len &&
		    strncasecmp(options->hosts[i], host, len) == 0)
			return true;
	}
	return false;
}

static bool
get_header(struct lws *wsi, char *to, size_t size, enum lws_token_indexes token)
{
	int len = lws_hdr_total_length(wsi, token);

	// a header that came twice has its values joined: longer than one, and no name of ours
	return len > 0 && (size_t)len < size && lws_hdr_copy(wsi, to, (int)size, token) == len &&
	       strlen(to) == (size_t)len;
}

static bool
get_host(struct conn *conn, char host[HOST_MAX])
{
	return get_header(conn->wsi, host, HOST_MAX, WSI_TOKEN_HOST) &&
	       is_allowed(conn->gateway->options, host);
}

// ---- answers -----------------------------------------------------------------------------------

struct head {
	struct lws *wsi;
	uint8_t data[LWS_PRE + HEADERS_BYTES];
	uint8_t *at;
	bool full;
};

static void
put_header(struct head *head, const char *name, const char *value)
{
	if (lws_add_http_header_by_name(head->wsi, (const unsigned char *)name,
		(const unsigned char *)value, (int)strlen(value), &head->at,
		head->data + sizeof(head->data)) != 0)
		head->full = true;
}

// Status line and headers. `host`: for the page, whose policy names the address of its socket. False: the
// connection is to be closed.
static bool
put_head(struct conn *conn, const char *host, unsigned status, const char *type, size_t len,
    const char *cache, const char *encoding)
{
	struct lws_protocol_vhost_options *headers = conn->gateway->headers;
	struct head head = {.wsi = conn->wsi, .at = head.data + LWS_PRE};
	char policy[sizeof(POLICY) + HOST_MAX + 8];
	bool tls = conn->gateway->options->cert;

	snprintf(policy, sizeof(policy), POLICY, host ? " ws" : "",
	    host ? tls ? "s://" : "://" : "", host ? host : "");
	headers[0].value = policy;
	if (lws_add_http_common_headers(
		conn->wsi, status, type, len, &head.at, head.data + sizeof(head.data)) != 0)
		head.full = true;
	headers[0].value = POLICY_NONE;
	put_header(&head, "cache-control:", cache);
	if (encoding)
		put_header(&head, "content-encoding:", encoding);
	return !head.full && lws_finalize_write_http_header(conn->wsi, head.data + LWS_PRE,
				 &head.at, head.data + sizeof(head.data)) == 0;
}

// An answer without a file, and the end of the connection.
static int
refuse(struct conn *conn, unsigned status, const char *text)
{
	char body[LWS_PRE + 128];
	int len = snprintf(body + LWS_PRE, sizeof(body) - LWS_PRE, "%s\n", text);

	if (put_head(
		conn, NULL, status, "text/plain; charset=utf-8", (size_t)len, "no-store", NULL))
		lws_write(
		    conn->wsi, (unsigned char *)body + LWS_PRE, (size_t)len, LWS_WRITE_HTTP_FINAL);
	return -1;
}

static const struct asset *
find_asset(const char *path)
{
	for (size_t i = 0; i < assets_len; i++) {
		if (strcmp(assets[i].path, path) == 0)
			return &assets[i];
	}
	return NULL;
}

int
http_request(struct conn *conn)
{
	char host[HOST_MAX], path[128];
	const struct asset *asset;
	bool index;

	if (!get_host(conn, host))
		return refuse(conn, 403, "This is no name that the gateway knows: see --host.");
	if (!lws_hdr_total_length(conn->wsi, WSI_TOKEN_GET_URI))
		return refuse(conn, 405, "Only GET is known here.");
	if (!get_header(conn->wsi, path, sizeof(path), WSI_TOKEN_GET_URI) ||
	    lws_hdr_total_length(conn->wsi, WSI_TOKEN_HTTP_URI_ARGS) > 0 ||
	    !(asset = find_asset(path)))
		return refuse(conn, 404, "There is nothing here.");
	index = strcmp(asset->path, "/") == 0;
	if (!put_head(conn, host, 200, asset->type, asset->len,
		index ? "no-cache" : "public, max-age=31536000, immutable", "gzip"))
		return -1;
	conn->asset = asset;
	door_watch(conn, CONN_SERVING, SERVE_MS);
	lws_callback_on_writable(conn->wsi);
	return 0;
}

int
http_writable(struct conn *conn)
{
	struct buf *scratch = &conn->gateway->scratch;

	if (!conn->asset)
		return 0;
	scratch->len = 0;
	buf_reserve(scratch, LWS_PRE + conn->asset->len);
	memcpy(scratch->data + LWS_PRE, conn->asset->data, conn->asset->len);
	if (lws_write(conn->wsi, scratch->data + LWS_PRE, conn->asset->len, LWS_WRITE_HTTP_FINAL) <
	    (int)conn->asset->len)
		return -1;
	conn->asset = NULL;
	door_watch(conn, CONN_OPEN, LIMIT_WEB_HELLO_MS);
	return lws_http_transaction_completed(conn->wsi);
}

// ---- sockets -----------------------------------------------------------------------------------

// A page of another origin can open a socket to us, but not say another Origin; and a name that leads
// here, but is not ours, is no Host of ours.
int
http_may_upgrade(struct conn *conn)
{
	char host[HOST_MAX], origin[HOST_MAX + 8], expected[HOST_MAX + 8], text[64];

	if (!get_host(conn, host))
		return refuse(conn, 403, "This is no name that the gateway knows: see --host.");
	snprintf(expected, sizeof(expected), "http%s://%s", conn->gateway->options->cert ? "s" : "",
	    host);
	if (!get_header(conn->wsi, origin, sizeof(origin), WSI_TOKEN_ORIGIN) ||
	    strcasecmp(origin, expected) != 0)
		return refuse(conn, 403, "This is no page of the gateway's.");
	if (!get_header(conn->wsi, text, sizeof(text), WSI_TOKEN_GET_URI) ||
	    strcmp(text, "/watch") != 0)
		return refuse(conn, 404, "There is nothing here.");
	if (!get_header(conn->wsi, text, sizeof(text), WSI_TOKEN_VERSION) ||
	    strcmp(text, "13") != 0)
		return refuse(conn, 400, "Another version of WebSocket is spoken here.");
	if (!get_header(conn->wsi, text, sizeof(text), WSI_TOKEN_PROTOCOL) ||
	    strcmp(text, WEB_PROTOCOL) != 0)
		return refuse(conn, 400, "Another protocol is spoken here.");
	return 0;
}

// lws would go on in HTTP/2 with whoever asks for that, and has no switch to turn it off; to refuse in
// this callback by its result is what CVE-2025-11677 is about. So the connection ends beneath it: lws
// finds that it cannot answer.
void
http_upgrades(struct conn *conn, const char *to)
{
	if (strcasecmp(to, "websocket") != 0)
		shutdown(lws_get_socket_fd(conn->wsi), SHUT_RDWR);
}
