// SPDX-License-Identifier: ISC
// OpenSSH's public keys: the line, and the blob in it (RFC 4253 6.6, RFC 5656, RFC 8709, and
// PROTOCOL.u2f of OpenSSH). Nothing is taken on trust: the type in the blob must be the one before it.
#include "server/guest/sshkey.h"

#include "server/guest/base64.h"
#include "server/guest/sha256.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define RSA_MIN 2048
#define RSA_MAX 16384

struct blob {
	const uint8_t *data; // borrowed
	size_t len;          // left
};

// A string of the blob: u32 length, bytes.
static bool
take_string(struct blob *blob, struct blob *string)
{
	size_t len;

	if (blob->len < 4)
		return false;
	len = (size_t)blob->data[0] << 24 | (size_t)blob->data[1] << 16 |
	      (size_t)blob->data[2] << 8 | blob->data[3];
	if (len > blob->len - 4)
		return false;
	*string = (struct blob){.data = blob->data + 4, .len = len};
	blob->data += 4 + len;
	blob->len -= 4 + len;
	return true;
}

static bool
equals(const struct blob *string, const char *text)
{
	return string->len == strlen(text) && memcmp(string->data, text, string->len) == 0;
}

// ---- what stands in the blob after the type, for each type ---------------------------------------

static unsigned
read_ed25519(struct blob *blob)
{
	struct blob point;

	return take_string(blob, &point) && point.len == 32 ? 256 : 0;
}

// A positive integer without needless zeros (RFC 4251, section 5); its length in bits.
static unsigned
read_mpint(struct blob *blob)
{
	struct blob number;
	unsigned bits;

	if (!take_string(blob, &number) || !number.len || number.data[0] & 0x80)
		return 0;
	if (number.data[0] == 0) {
		if (number.len < 2 || !(number.data[1] & 0x80))
			return 0;
		number.data++;
		number.len--;
	}
	bits = (unsigned)number.len * 8;
	for (unsigned top = number.data[0]; !(top & 0x80); top <<= 1)
		bits--;
	return bits;
}

static unsigned
read_rsa(struct blob *blob)
{
	return read_mpint(blob) ? read_mpint(blob) : 0;
}

// The name of the curve and a point of it, not compressed.
static unsigned
read_curve(struct blob *blob, const char *name, unsigned bits)
{
	size_t bytes = (bits + 7) / 8;
	struct blob curve, point;

	if (!take_string(blob, &curve) || !equals(&curve, name) || !take_string(blob, &point))
		return 0;
	return point.len == 1 + 2 * bytes && point.data[0] == 4 ? bits : 0;
}

static unsigned
read_nistp256(struct blob *blob)
{
	return read_curve(blob, "nistp256", 256);
}

static unsigned
read_nistp384(struct blob *blob)
{
	return read_curve(blob, "nistp384", 384);
}

static unsigned
read_nistp521(struct blob *blob)
{
	return read_curve(blob, "nistp521", 521);
}

static unsigned
with_application(struct blob *blob, unsigned bits)
{
	struct blob application;

	return bits && take_string(blob, &application) && application.len ? bits : 0;
}

static unsigned
read_sk_ed25519(struct blob *blob)
{
	return with_application(blob, read_ed25519(blob));
}

static unsigned
read_sk_nistp256(struct blob *blob)
{
	return with_application(blob, read_nistp256(blob));
}

static const struct {
	const char *name;
	unsigned (*read)(struct blob *blob); // bits of the key; 0: malformed
} types[] = {
    {"ssh-ed25519", read_ed25519},
    {"ssh-rsa", read_rsa},
    {"ecdsa-sha2-nistp256", read_nistp256},
    {"ecdsa-sha2-nistp384", read_nistp384},
    {"ecdsa-sha2-nistp521", read_nistp521},
    {"sk-ssh-ed25519@openssh.com", read_sk_ed25519},
    {"sk-ecdsa-sha2-nistp256@openssh.com", read_sk_nistp256},
};
#define TYPES (sizeof(types) / sizeof(types[0]))

// ---- the line ------------------------------------------------------------------------------------

static enum sshkey_verdict __attribute__((format(printf, 3, 4)))
refuse(enum sshkey_verdict verdict, char why[SSHKEY_WHY], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, SSHKEY_WHY, format, args);
	va_end(args);
	return verdict;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

// The next word of the line; moves `*at` behind it.
static size_t
take_word(const char **at, const char *end, const char **word)
{
	while (*at < end && is_blank(**at))
		++*at;
	*word = *at;
	while (*at < end && !is_blank(**at))
		++*at;
	return (size_t)(*at - *word);
}

static size_t
find_type(const char *word, size_t len)
{
	size_t i = 0;

	while (i < TYPES && (strlen(types[i].name) != len || memcmp(types[i].name, word, len) != 0))
		i++;
	return i;
}

bool
sshkey_has_type(const char *line, size_t len)
{
	const char *word, *at = line;
	size_t word_len = take_word(&at, line + len, &word);

	return find_type(word, word_len) < TYPES;
}

// What a line is that does not begin with a type and base64.
static enum sshkey_verdict
refuse_line(const char *line, size_t len, char why[SSHKEY_WHY])
{
	const char *at = line, *end = line + len, *word;
	size_t word_len;

	if (memmem(line, len, "PRIVATE KEY", 11))
		return refuse(
		    SSHKEY_BAD, why, "is of a private key: give the file that ends in .pub");
	if (len >= 4 && memcmp(line, "----", 4) == 0)
		return refuse(SSHKEY_BAD, why,
		    "is of another format: convert the key with `ssh-keygen -i -f FILE`");
	take_word(&at, end, &word);
	while ((word_len = take_word(&at, end, &word))) {
		if (find_type(word, word_len) < TYPES)
			return refuse(
			    SSHKEY_BAD, why, "has options in front of the key: give the key alone");
	}
	return refuse(SSHKEY_BAD, why, "is no public key of OpenSSH's (TYPE BASE64 [COMMENT])");
}

static void
keep_comment(struct sshkey *key, const char *comment, size_t len)
{
	size_t kept = len < SSHKEY_COMMENT - 1 ? len : SSHKEY_COMMENT - 1;

	for (size_t i = 0; i < kept; i++)
		key->comment[i] = comment[i] >= ' ' && comment[i] < 0x7f ? comment[i] : '?';
	key->comment[kept] = '\0';
}

static void
set_fingerprint(struct sshkey *key, const struct buf *blob)
{
	uint8_t digest[SHA256_BYTES];

	sha256(blob->data, blob->len, digest);
	strcpy(key->fingerprint, "SHA256:");
	base64_put(digest, sizeof(digest), key->fingerprint + 7);
}

// The blob must be of the type that the line names, and end where the key does.
static enum sshkey_verdict
check_blob(const struct buf *bytes, struct sshkey *key, char why[SSHKEY_WHY])
{
	struct blob blob = {.data = bytes->data, .len = bytes->len}, inner;
	size_t type = find_type(key->type, strlen(key->type));

	if (!take_string(&blob, &inner) || !equals(&inner, key->type))
		return refuse(
		    SSHKEY_BAD, why, "says %s, but its key is of another type", key->type);
	if (strstr(key->type, "-cert-"))
		return refuse(SSHKEY_REFUSED, why, "is a certificate: give the key that it is for");
	if (strcmp(key->type, "ssh-dss") == 0)
		return refuse(SSHKEY_REFUSED, why, "is of DSA, which sshd no longer takes");
	if (type == TYPES)
		return refuse(SSHKEY_REFUSED, why, "is of the unknown type %s", key->type);
	key->bits = types[type].read(&blob);
	if (!key->bits || blob.len)
		return refuse(SSHKEY_BAD, why, "has a malformed key of type %s", key->type);
	if (types[type].read == read_rsa && (key->bits < RSA_MIN || key->bits > RSA_MAX))
		return refuse(SSHKEY_REFUSED, why, "is of RSA with %u bits; %d to %d are taken",
		    key->bits, RSA_MIN, RSA_MAX);
	return SSHKEY_OK;
}

enum sshkey_verdict
sshkey_parse(const char *line, size_t len, struct sshkey *key, char why[SSHKEY_WHY])
{
	const char *at = line, *end, *word;
	enum sshkey_verdict verdict;
	struct buf blob = {0};
	size_t word_len;

	*key = (struct sshkey){0};
	while (len && (is_blank(line[len - 1]) || line[len - 1] == '\r'))
		len--;
	end = line + len;
	if (memchr(line, '\0', len) || memchr(line, '\n', len) || memchr(line, '\r', len))
		return refuse(SSHKEY_BAD, why, "has a control character in it");
	word_len = take_word(&at, end, &word);
	if (!word_len || word_len >= SSHKEY_TYPE)
		return refuse_line(line, len, why);
	memcpy(key->type, word, word_len);
	key->base64_len = take_word(&at, end, &key->base64);
	if (!key->base64_len || !base64_get(key->base64, key->base64_len, &blob) || blob.len < 4 ||
	    strspn(key->type, "abcdefghijklmnopqrstuvwxyz0123456789-@.") != word_len) {
		buf_fini(&blob);
		return find_type(word, word_len) < TYPES
			   ? refuse(SSHKEY_BAD, why, "has a key that is cut off, or no base64")
			   : refuse_line(line, len, why);
	}
	while (at < end && is_blank(*at))
		at++;
	keep_comment(key, at, (size_t)(end - at));
	set_fingerprint(key, &blob);
	verdict = check_blob(&blob, key, why);
	buf_fini(&blob);
	if (verdict == SSHKEY_OK && (size_t)(end - at) > SSHKEY_COMMENT_MAX)
		return refuse(SSHKEY_REFUSED, why, "has a comment of %zu bytes; %d are taken",
		    (size_t)(end - at), SSHKEY_COMMENT_MAX);
	return verdict;
}
