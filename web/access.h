// SPDX-License-Identifier: ISC
// Who may watch in a browser: links that the host made, and the pass that each page which has opened one
// holds for coming back. Of tokens only the hash is kept. No file and no clock: access_file.h has both.
#pragma once

#include "server/base/proto.h"
#include "vt/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ACCESS_TOKEN_BYTES 16 // random ones
#define ACCESS_TOKEN_TEXT 22  // the same as base64url, without padding
#define ACCESS_HASH_BYTES 32
#define ACCESS_LINKS_MAX 256u
#define ACCESS_PASSES_MAX 2048u // then the ones that were used longest ago go
#define ACCESS_USES_ANY UINT32_MAX

struct access_link {
	uint64_t id;
	char name[LIMIT_NAME + 1];    // of the person; of one link only
	char session[LIMIT_NAME + 1]; // or empty: all
	uint64_t made, expires;       // unix seconds
	uint32_t uses;                // left
	uint8_t hash[ACCESS_HASH_BYTES];
};

struct access_pass {
	uint64_t id, link, used; // used: unix seconds
	uint8_t hash[ACCESS_HASH_BYTES];
	// Good too until the page has shown that it got the newer one.
	uint8_t before[ACCESS_HASH_BYTES];
	bool has_before;
};

struct access {
	char url[LIMIT_TEXT + 1]; // what links begin with: where the gateway is, or was last
	uint64_t last_id;
	size_t links_len, passes_len;
	struct access_link *links;  // owned
	struct access_pass *passes; // owned
};

// The terms of a new link.
struct access_terms {
	const char *name, *session;
	uint64_t now, expires;
	uint32_t uses;
};

enum access_verdict {
	ACCESS_ADMITTED,
	ACCESS_UNKNOWN, // never made, revoked, or a pass that was replaced
	ACCESS_EXPIRED,
	ACCESS_USED_UP,
};

// One who has been let in.
struct access_grant {
	uint64_t pass, expires;
	char name[LIMIT_NAME + 1], session[LIMIT_NAME + 1];
};

void access_fini(struct access *access);

// The text of a token from random bytes.
void access_token(const uint8_t bytes[ACCESS_TOKEN_BYTES], char text[ACCESS_TOKEN_TEXT + 1]);

// A link with that token. NULL: there is one of that name that is still good, or there are too many.
struct access_link *access_invite(
    struct access *access, const struct access_terms *terms, const char *token);
struct access_link *access_find(struct access *access, const char *name);
// Whether it can be opened (again).
bool access_is_good(const struct access_link *link, uint64_t now);
// Removes a link and all that was admitted through it. False: there is none.
bool access_revoke(struct access *access, const char *name);

// Lets the holder of `token`, a link's or a pass's, in, and makes `fresh` the token of its pass.
enum access_verdict access_admit(struct access *access, const char *token, const char *fresh,
    uint64_t now, struct access_grant *grant);
// The page has its pass's newest token: the one before is none any more.
void access_confirm(struct access *access, uint64_t pass);
void access_drop(struct access *access, uint64_t pass);
bool access_has_pass(const struct access *access, uint64_t pass);
// Passes of a link: in how many pages it is open, or can be again.
size_t access_opened(const struct access *access, const struct access_link *link);
// Removes what ended long ago.
void access_sweep(struct access *access, uint64_t now);

// As JSON, and back. False: it is not one of ours, and `access` is empty.
void access_put(const struct access *access, struct buf *out);
bool access_get(struct access *access, const char *data, size_t len);
