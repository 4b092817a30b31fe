// SPDX-License-Identifier: ISC
// Gets a small text over HTTPS by libcurl, which is loaded only here: it brings some thirty libraries, and
// those who watch, and the mirror, would carry them all.
#include "server/guest/fetch.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#define CONNECT_S 10L // until there is a connection
#define TOTAL_S 20L   // until all is here
#define REDIRECTS_MAX 3

#define HTTPS "https://"

struct curl {
	void *library;
	CURL *(*init)(void);
	CURLcode (*setopt)(CURL *handle, CURLoption option, ...);
	CURLcode (*perform)(CURL *handle);
	CURLcode (*getinfo)(CURL *handle, CURLINFO info, ...);
	void (*cleanup)(CURL *handle);
};

struct answer {
	struct buf *body; // borrowed
	size_t max;
	bool too_long;
};

static bool
load(struct curl *curl, char why[FETCH_WHY])
{
	static const char *const names[] = {"libcurl.so.4", "libcurl-gnutls.so.4"};

	*curl = (struct curl){0};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && !curl->library; i++)
		curl->library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
	if (curl->library) { // POSIX's way around what ISO C does not allow
		*(void **)&curl->init = dlsym(curl->library, "curl_easy_init");
		*(void **)&curl->setopt = dlsym(curl->library, "curl_easy_setopt");
		*(void **)&curl->perform = dlsym(curl->library, "curl_easy_perform");
		*(void **)&curl->getinfo = dlsym(curl->library, "curl_easy_getinfo");
		*(void **)&curl->cleanup = dlsym(curl->library, "curl_easy_cleanup");
	}
	if (curl->init && curl->setopt && curl->perform && curl->getinfo && curl->cleanup)
		return true;
	snprintf(why, FETCH_WHY, "libcurl cannot be loaded: install the package libcurl4");
	return false;
}

bool
fetch_url_ok(const char *url)
{
	size_t len = strlen(url), host;

	if (len > FETCH_URL_MAX || strncasecmp(url, HTTPS, strlen(HTTPS)) != 0)
		return false;
	for (const char *c = url; *c; c++) {
		if (*c <= ' ' || *c >= 0x7f || strchr("\"'\\<>`", *c))
			return false;
	}
	host = strcspn(url + strlen(HTTPS), "/?#");
	return host && !memchr(url + strlen(HTTPS), '@', host);
}

// Scheme, host and port.
static bool
same_origin(const char *a, const char *b)
{
	size_t a_len = strlen(HTTPS) + strcspn(a + strlen(HTTPS), "/?#");
	size_t b_len = strlen(HTTPS) + strcspn(b + strlen(HTTPS), "/?#");

	return a_len == b_len && strncasecmp(a, b, a_len) == 0;
}

static size_t
on_body(char *data, size_t size, size_t count, void *user)
{
	struct answer *answer = user;

	if (size * count > answer->max - answer->body->len) {
		answer->too_long = true;
		return 0;
	}
	buf_put(answer->body, data, size * count);
	return size * count;
}

// What the user's own environment may say; the library itself looks at neither.
static const char *
authorities(void)
{
	const char *path = getenv("SSL_CERT_FILE");

	return path && *path ? path : NULL;
}

static void
set_options(const struct curl *curl, CURL *handle, char error[CURL_ERROR_SIZE])
{
	const char *path = authorities();

	curl->setopt(handle, CURLOPT_PROTOCOLS_STR, "https");
	curl->setopt(handle, CURLOPT_FOLLOWLOCATION, 0L);
	curl->setopt(handle, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl->setopt(handle, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl->setopt(handle, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
	curl->setopt(handle, CURLOPT_TIMEOUT, TOTAL_S);
	curl->setopt(handle, CURLOPT_NOSIGNAL, 1L);
	curl->setopt(handle, CURLOPT_USERAGENT, "mirrord/" MIRRORD_VERSION);
	curl->setopt(handle, CURLOPT_WRITEFUNCTION, on_body);
	curl->setopt(handle, CURLOPT_ERRORBUFFER, error);
	if (path)
		curl->setopt(handle, CURLOPT_CAINFO, path);
}

// The URL to go on with, in `next`, or NULL: there is none. Other hosts are not asked.
static int
redirect(const struct curl *curl, CURL *handle, const char *url, char next[FETCH_URL_MAX + 1],
    char why[FETCH_WHY])
{
	char *to = NULL;

	curl->getinfo(handle, CURLINFO_REDIRECT_URL, &to);
	if (!to || !fetch_url_ok(to) || !same_origin(to, url)) {
		snprintf(why, FETCH_WHY,
		    "%s leads to another host or protocol, which is not followed; give the URL "
		    "that "
		    "it leads to if you trust it",
		    url);
		return EX_PROTOCOL;
	}
	snprintf(next, FETCH_URL_MAX + 1, "%s", to);
	return EX_OK;
}

static int
get_once(const struct curl *curl, CURL *handle, const char *url, struct answer *answer, long *code,
    char why[FETCH_WHY])
{
	char error[CURL_ERROR_SIZE] = "";
	CURLcode result;

	answer->body->len = 0;
	set_options(curl, handle, error);
	curl->setopt(handle, CURLOPT_URL, url);
	curl->setopt(handle, CURLOPT_WRITEDATA, answer);
	result = curl->perform(handle);
	curl->getinfo(handle, CURLINFO_RESPONSE_CODE, code);
	if (result == CURLE_OK)
		return EX_OK;
	for (char *c = error; *c; c++) {
		if (*c < ' ' || *c >= 0x7f)
			*c = '?';
	}
	if (answer->too_long)
		snprintf(why, FETCH_WHY, "%s holds more than %zu bytes, too many for keys", url,
		    answer->max);
	else
		snprintf(why, FETCH_WHY, "cannot get %s: %s", url, error);
	return answer->too_long ? EX_DATAERR : EX_UNAVAILABLE;
}

static int
get(const struct curl *curl, CURL *handle, const char *url, struct answer *answer,
    char why[FETCH_WHY])
{
	char at[FETCH_URL_MAX + 1];
	long code = 0;

	snprintf(at, sizeof(at), "%s", url);
	for (int i = 0; i <= REDIRECTS_MAX; i++) {
		int status = get_once(curl, handle, at, answer, &code, why);

		if (status == EX_OK && code / 100 == 3)
			status = redirect(curl, handle, url, at, why);
		else if (status == EX_OK && code == 200)
			return EX_OK;
		else if (status == EX_OK)
			break;
		if (status != EX_OK)
			return status;
	}
	snprintf(why, FETCH_WHY, "%s: the server answers %ld", url, code);
	return code == 404 || code == 410 ? EX_NOUSER : EX_UNAVAILABLE;
}

int
fetch_https(const char *url, size_t max, struct buf *body, char why[FETCH_WHY])
{
	struct answer answer = {.body = body, .max = max};
	struct curl curl;
	CURL *handle;
	int status;

	if (!fetch_url_ok(url)) {
		snprintf(why, FETCH_WHY, "\"%.100s\" is no URL that begins with https://", url);
		return EX_USAGE;
	}
	if (!load(&curl, why))
		return EX_UNAVAILABLE;
	handle = curl.init();
	if (!handle)
		abort();
	status = get(&curl, handle, url, &answer, why);
	curl.cleanup(handle);
	return status; // the library stays: it is not made to be unloaded
}
