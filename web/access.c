// SPDX-License-Identifier: ISC
// Who may watch in a browser.
#include "web/access.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define KEEP_ENDED_S 86400u // what has expired stays in `mirrord web invites` for so long

static void
hash_of(const char *token, uint8_t hash[ACCESS_HASH_BYTES])
{
	if (!EVP_Digest(token, strlen(token), hash, NULL, EVP_sha256(), NULL))
		abort();
}

// In a time that does not depend on where they differ.
static bool
same_hash(const uint8_t *a, const uint8_t *b)
{
	return CRYPTO_memcmp(a, b, ACCESS_HASH_BYTES) == 0;
}

void
access_token(const uint8_t bytes[ACCESS_TOKEN_BYTES], char text[ACCESS_TOKEN_TEXT + 1])
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	uint32_t bits = 0;
	unsigned have = 0;

	for (size_t i = 0, at = 0; at < ACCESS_TOKEN_TEXT; at++) {
		if (have < 6) {
			bits = bits << 8 | (i < ACCESS_TOKEN_BYTES ? bytes[i] : 0);
			i++;
			have += 8;
		}
		have -= 6;
		text[at] = digits[bits >> have & 63];
	}
	text[ACCESS_TOKEN_TEXT] = '\0';
}

void
access_fini(struct access *access)
{
	free(access->links);
	free(access->passes);
	*access = (struct access){0};
}

static void *
grown(void *array, size_t count, size_t size)
{
	array = reallocarray(array, count, size);
	if (!array)
		abort();
	return array;
}

// ---- links -------------------------------------------------------------------------------------

struct access_link *
access_find(struct access *access, const char *name)
{
	for (size_t i = 0; i < access->links_len; i++) {
		if (strcmp(access->links[i].name, name) == 0)
			return &access->links[i];
	}
	return NULL;
}

bool
access_is_good(const struct access_link *link, uint64_t now)
{
	return now < link->expires && link->uses > 0;
}

static struct access_link *
link_of(struct access *access, const struct access_pass *pass)
{
	for (size_t i = 0; i < access->links_len; i++) {
		if (access->links[i].id == pass->link)
			return &access->links[i];
	}
	return NULL;
}

static void
drop_pass(struct access *access, size_t at)
{
	access->passes_len--;
	memmove(&access->passes[at], &access->passes[at + 1],
	    (access->passes_len - at) * sizeof(access->passes[0]));
}

static void
drop_link(struct access *access, struct access_link *link)
{
	size_t at = (size_t)(link - access->links);

	for (size_t i = access->passes_len; i > 0; i--) {
		if (access->passes[i - 1].link == link->id)
			drop_pass(access, i - 1);
	}
	access->links_len--;
	memmove(link, link + 1, (access->links_len - at) * sizeof(*link));
}

// Whoever came through it still watches, or may come back.
static bool
is_in_use(const struct access *access, const struct access_link *link, uint64_t now)
{
	return access_is_good(link, now) ||
	       (now < link->expires && access_opened(access, link) > 0);
}

struct access_link *
access_invite(struct access *access, const struct access_terms *terms, const char *token)
{
	struct access_link *link = access_find(access, terms->name);

	if (link && is_in_use(access, link, terms->now))
		return NULL;
	if (link)
		drop_link(access, link);
	if (access->links_len >= ACCESS_LINKS_MAX)
		return NULL;
	access->links = grown(access->links, access->links_len + 1, sizeof(*link));
	link = &access->links[access->links_len++];
	*link = (struct access_link){.id = ++access->last_id,
	    .made = terms->now,
	    .expires = terms->expires,
	    .uses = terms->uses};
	snprintf(link->name, sizeof(link->name), "%s", terms->name);
	snprintf(link->session, sizeof(link->session), "%s", terms->session);
	hash_of(token, link->hash);
	return link;
}

bool
access_revoke(struct access *access, const char *name)
{
	struct access_link *link = access_find(access, name);

	if (link)
		drop_link(access, link);
	return link;
}

size_t
access_opened(const struct access *access, const struct access_link *link)
{
	size_t count = 0;

	for (size_t i = 0; i < access->passes_len; i++)
		count += access->passes[i].link == link->id;
	return count;
}

void
access_sweep(struct access *access, uint64_t now)
{
	for (size_t i = access->links_len; i > 0; i--) {
		if (access->links[i - 1].expires + KEEP_ENDED_S < now)
			drop_link(access, &access->links[i - 1]);
	}
}

// ---- passes ------------------------------------------------------------------------------------

static struct access_pass *
find_pass(const struct access *access, uint64_t id)
{
	for (size_t i = 0; i < access->passes_len; i++) {
		if (access->passes[i].id == id)
			return &access->passes[i];
	}
	return NULL;
}

static struct access_pass *
add_pass(struct access *access, const struct access_link *link)
{
	size_t oldest = 0;

	if (access->passes_len == ACCESS_PASSES_MAX) {
		for (size_t i = 1; i < access->passes_len; i++) {
			if (access->passes[i].used < access->passes[oldest].used)
				oldest = i;
		}
		drop_pass(access, oldest);
	}
	access->passes = grown(access->passes, access->passes_len + 1, sizeof(access->passes[0]));
	access->passes[access->passes_len] =
	    (struct access_pass){.id = ++access->last_id, .link = link->id};
	return &access->passes[access->passes_len++];
}

// All are compared, so that the time says nothing about which one it was.
static struct access_pass *
pass_by_hash(struct access *access, const uint8_t *hash)
{
	struct access_pass *found = NULL;

	for (size_t i = 0; i < access->passes_len; i++) {
		struct access_pass *pass = &access->passes[i];
		bool newest = same_hash(pass->hash, hash);
		bool before = same_hash(pass->before, hash) && pass->has_before;

		if (newest || before)
			found = pass;
	}
	return found;
}

static struct access_link *
link_by_hash(struct access *access, const uint8_t *hash)
{
	struct access_link *found = NULL;

	for (size_t i = 0; i < access->links_len; i++) {
		if (same_hash(access->links[i].hash, hash))
			found = &access->links[i];
	}
	return found;
}

// The token that was shown stays good until the page has the fresh one for certain: its connection may
// break before.
static void
renew(struct access_pass *pass, const uint8_t *shown, const char *fresh, uint64_t now)
{
	if (shown) {
		memcpy(pass->before, shown, ACCESS_HASH_BYTES);
		pass->has_before = true;
	}
	hash_of(fresh, pass->hash);
	pass->used = now;
}

enum access_verdict
access_admit(struct access *access, const char *token, const char *fresh, uint64_t now,
    struct access_grant *grant)
{
	uint8_t hash[ACCESS_HASH_BYTES];
	struct access_pass *pass;
	struct access_link *link;

	hash_of(token, hash);
	link = link_by_hash(access, hash);
	pass = pass_by_hash(access, hash);
	if (pass)
		link = link_of(access, pass);
	if (!link)
		return ACCESS_UNKNOWN;
	if (now >= link->expires)
		return ACCESS_EXPIRED;
	if (!pass && link->uses == 0)
		return ACCESS_USED_UP;
	if (!pass) {
		if (link->uses != ACCESS_USES_ANY)
			link->uses--;
		pass = add_pass(access, link);
		// The last use is not over before the page shows that it was let in.
		renew(pass, link->uses ? NULL : hash, fresh, now);
	} else {
		renew(pass, hash, fresh, now);
	}
	*grant = (struct access_grant){.pass = pass->id, .expires = link->expires};
	memcpy(grant->name, link->name, sizeof(grant->name));
	memcpy(grant->session, link->session, sizeof(grant->session));
	return ACCESS_ADMITTED;
}

void
access_confirm(struct access *access, uint64_t id)
{
	struct access_pass *pass = find_pass(access, id);

	if (pass)
		pass->has_before = false;
}

void
access_drop(struct access *access, uint64_t id)
{
	struct access_pass *pass = find_pass(access, id);

	if (pass)
		drop_pass(access, (size_t)(pass - access->passes));
}

bool
access_has_pass(const struct access *access, uint64_t id)
{
	return find_pass(access, id);
}
