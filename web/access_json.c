// SPDX-License-Identifier: ISC
// Who may watch in a browser, as JSON.
#include "web/access.h"

#include "server/base/viewproto.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define VERSION 1

static void
put_hash(json_t *object, const char *key, const uint8_t *hash)
{
	char hex[ACCESS_HASH_BYTES * 2 + 1];

	for (size_t i = 0; i < ACCESS_HASH_BYTES; i++)
		snprintf(hex + 2 * i, 3, "%02x", hash[i]);
	json_object_set_new(object, key, json_string(hex));
}

static bool
get_hash(const json_t *object, const char *key, uint8_t *hash)
{
	const char *hex = json_string_value(json_object_get(object, key));

	if (!hex || strlen(hex) != ACCESS_HASH_BYTES * 2 ||
	    strspn(hex, "0123456789abcdef") != strlen(hex))
		return false;
	for (size_t i = 0; i < ACCESS_HASH_BYTES; i++) {
		const char digits[3] = {hex[2 * i], hex[2 * i + 1], '\0'};

		hash[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
	return true;
}

static bool
get_number(const json_t *object, const char *key, uint64_t *value)
{
	const json_t *number = json_object_get(object, key);

	if (!json_is_integer(number) || json_integer_value(number) < 0)
		return false;
	*value = (uint64_t)json_integer_value(number);
	return true;
}

static bool
get_text(const json_t *object, const char *key, char *to, size_t size)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (!text || strlen(text) >= size || !view_text_clean(text, strlen(text)))
		return false;
	memcpy(to, text, strlen(text) + 1);
	return true;
}

// ---- writing -----------------------------------------------------------------------------------

static json_t *
link_json(const struct access_link *link)
{
	json_t *object = json_pack("{s:I, s:s, s:s, s:I, s:I}", "id", (json_int_t)link->id, "name",
	    link->name, "session", link->session, "made", (json_int_t)link->made, "expires",
	    (json_int_t)link->expires);

	if (link->uses != ACCESS_USES_ANY)
		json_object_set_new(object, "uses", json_integer(link->uses));
	put_hash(object, "hash", link->hash);
	return object;
}

static json_t *
pass_json(const struct access_pass *pass)
{
	json_t *object = json_pack("{s:I, s:I, s:I}", "id", (json_int_t)pass->id, "link",
	    (json_int_t)pass->link, "used", (json_int_t)pass->used);

	put_hash(object, "hash", pass->hash);
	if (pass->has_before)
		put_hash(object, "before", pass->before);
	return object;
}

void
access_put(const struct access *access, struct buf *out)
{
	json_t *links = json_array(), *passes = json_array();
	json_t *all = json_pack("{s:i, s:s, s:I, s:o, s:o}", "version", VERSION, "url", access->url,
	    "last_id", (json_int_t)access->last_id, "links", links, "passes", passes);
	char *text;

	for (size_t i = 0; i < access->links_len; i++)
		json_array_append_new(links, link_json(&access->links[i]));
	for (size_t i = 0; i < access->passes_len; i++)
		json_array_append_new(passes, pass_json(&access->passes[i]));
	text = json_dumps(all, JSON_COMPACT);
	if (!text)
		abort();
	buf_put(out, text, strlen(text));
	free(text);
	json_decref(all);
}

// ---- reading -----------------------------------------------------------------------------------

static bool
get_link(const json_t *object, struct access_link *link)
{
	uint64_t uses = ACCESS_USES_ANY;

	*link = (struct access_link){0};
	if (json_object_get(object, "uses") && !get_number(object, "uses", &uses))
		return false;
	link->uses = uses < ACCESS_USES_ANY ? (uint32_t)uses : ACCESS_USES_ANY;
	return get_number(object, "id", &link->id) &&
	       get_text(object, "name", link->name, sizeof(link->name)) &&
	       get_text(object, "session", link->session, sizeof(link->session)) &&
	       get_number(object, "made", &link->made) &&
	       get_number(object, "expires", &link->expires) &&
	       get_hash(object, "hash", link->hash);
}

static bool
get_pass(const json_t *object, struct access_pass *pass)
{
	*pass = (struct access_pass){.has_before = json_object_get(object, "before")};
	return get_number(object, "id", &pass->id) && get_number(object, "link", &pass->link) &&
	       get_number(object, "used", &pass->used) && get_hash(object, "hash", pass->hash) &&
	       (!pass->has_before || get_hash(object, "before", pass->before));
}

static bool
get_all(const json_t *all, struct access *access)
{
	const json_t *links = json_object_get(all, "links");
	const json_t *passes = json_object_get(all, "passes");
	size_t links_len = json_array_size(links), passes_len = json_array_size(passes);

	if (json_integer_value(json_object_get(all, "version")) != VERSION ||
	    !get_text(all, "url", access->url, sizeof(access->url)) ||
	    !get_number(all, "last_id", &access->last_id) || links_len > ACCESS_LINKS_MAX ||
	    passes_len > ACCESS_PASSES_MAX)
		return false;
	access->links = calloc(links_len + 1, sizeof(access->links[0]));
	access->passes = calloc(passes_len + 1, sizeof(access->passes[0]));
	if (!access->links || !access->passes)
		abort();
	for (; access->links_len < links_len; access->links_len++) {
		if (!get_link(json_array_get(links, access->links_len),
			&access->links[access->links_len]))
			return false;
	}
	for (; access->passes_len < passes_len; access->passes_len++) {
		if (!get_pass(json_array_get(passes, access->passes_len),
			&access->passes[access->passes_len]))
			return false;
	}
	return true;
}

bool
access_get(struct access *access, const char *data, size_t len)
{
	json_t *all = json_loadb(data, len, 0, NULL);
	bool ok;

	*access = (struct access){0};
	ok = all && get_all(all, access);
	json_decref(all);
	if (!ok)
		access_fini(access);
	return ok;
}
