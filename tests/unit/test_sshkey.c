// SPDX-License-Identifier: ISC
// Public keys: those that `ssh-keygen` made, and what hostile hands may give instead.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/guest/base64.h"
#include "server/guest/sha256.h"
#include "server/guest/sshkey.h"

#define ED25519 "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF/dtCCnZN/HVqLFdEGKvTZkXx6IiHorL0V7wFt3ABMg"

static void
sha256_gives_the_digests_of_fips_180_4(void **state)
{
	static const struct {
		const char *text, *hex;
	} cases[] = {
	    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
	    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
	    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
	    {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmno"
	     "pqrlmnopqrsmnopqrstnopqrstu",
		"cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t digest[SHA256_BYTES];
		char hex[2 * SHA256_BYTES + 1];

		sha256(cases[i].text, strlen(cases[i].text), digest);
		for (size_t k = 0; k < SHA256_BYTES; k++)
			snprintf(hex + 2 * k, 3, "%02x", digest[k]);
		assert_string_equal(hex, cases[i].hex);
	}
}

static void
base64_is_taken_in_its_one_right_form(void **state)
{
	static const char *const wrong[] = {"Zg",
	    "Zg=", "Z===", "====", "Zh==", "Zm9=", "Zg==Zg==", "Zm 9", "Zm9\n", "Zm9v\n", "Zm9_",
	    "=Zg="};
	struct buf out = {0};
	char text[BASE64_SIZE(5)];

	(void)state;
	assert_true(base64_get("Zm9vYg==", 8, &out));
	assert_true(out.len == 4 && memcmp(out.data, "foob", 4) == 0);
	buf_fini(&out);
	assert_true(base64_get("", 0, &out));
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_false(base64_get(wrong[i], strlen(wrong[i]), &out));
		buf_fini(&out);
	}
	base64_put((const uint8_t *)"fooba", 5, text);
	assert_string_equal(text, "Zm9vYmE");
	base64_put((const uint8_t *)"foob", 4, text);
	assert_string_equal(text, "Zm9vYg");
}

static void
keys_of_ssh_keygen_have_its_fingerprints(void **state)
{
	FILE *file = fopen("tests/golden/keys.txt", "r");
	char line[4096], verdict[16], fingerprint[SSHKEY_FINGERPRINT], why[SSHKEY_WHY];
	unsigned bits;
	int at, count = 0;

	(void)state;
	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		struct sshkey key;

		if (*line == '#')
			continue;
		line[strcspn(line, "\n")] = '\0';
		assert_int_equal(
		    sscanf(line, "%15s %u %50s %n", verdict, &bits, fingerprint, &at), 3);
		assert_int_equal(sshkey_parse(line + at, strlen(line + at), &key, why),
		    strcmp(verdict, "ok") == 0 ? SSHKEY_OK : SSHKEY_REFUSED);
		assert_string_equal(key.fingerprint, fingerprint);
		assert_int_equal(key.bits, bits);
		assert_memory_equal(key.base64, strchr(line + at, ' ') + 1, key.base64_len);
		count++;
	}
	assert_true(count > 10);
	fclose(file);
}

static void
what_is_no_key_is_named(void **state)
{
	static const struct {
		const char *line, *why;
	} cases[] = {
	    {"", "no public key"},
	    {"hello", "no public key"},
	    {"ssh-ed25519", "cut off"},
	    {"ssh-ed25519 AAAA", "cut off"},
	    {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF/dtCCnZN", "cut off"},
	    {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF/dtCCnZN/H", "malformed key"},
	    {"ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIF/dtCCnZN/HVqLFdEGKvTZkXx6IiHorL0V7wFt3ABMg",
		"another type"},
	    {"restrict " ED25519, "options in front"},
	    {"command=\"/bin/sh\",pty " ED25519, "options in front"},
	    {"from=\"a b\" " ED25519, "options in front"},
	    {"-----BEGIN OPENSSH PRIVATE KEY-----", "private key"},
	    {"---- BEGIN SSH2 PUBLIC KEY ----", "another format"},
	    {ED25519 "\n" ED25519, "control character"},
	    {ED25519 " a\rb", "control character"},
	    {"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5\nAAAAIF/dtCCnZN/HVqLFdEGKvTZkXx6IiHorL0V7wFt3ABMg",
		"control character"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct sshkey key;
		char why[SSHKEY_WHY] = "";

		assert_int_equal(
		    sshkey_parse(cases[i].line, strlen(cases[i].line), &key, why), SSHKEY_BAD);
		if (!strstr(why, cases[i].why))
			fail_msg("\"%s\": \"%s\", expected: %s", cases[i].line, why, cases[i].why);
	}
}

static void
every_prefix_of_a_key_is_refused(void **state)
{
	struct sshkey key;
	char why[SSHKEY_WHY];

	(void)state;
	for (size_t len = 0; len < strlen(ED25519); len++) {
		char *line = malloc(len + 1); // so that a sanitizer sees what is read past its end

		memcpy(line, ED25519, len);
		assert_int_equal(sshkey_parse(line, len, &key, why), SSHKEY_BAD);
		free(line);
	}
	assert_int_equal(sshkey_parse(ED25519, strlen(ED25519), &key, why), SSHKEY_OK);
}

static void
a_comment_is_cut_and_cleaned_and_a_huge_one_refused(void **state)
{
	struct sshkey key;
	char why[SSHKEY_WHY], *huge = malloc(17000);
	char dirty[] = ED25519 " \x1b[2J\xc3\xa9 \"x\" $(id)";

	(void)state;
	assert_int_equal(sshkey_parse(dirty, sizeof(dirty) - 1, &key, why), SSHKEY_OK);
	assert_string_equal(key.comment, "?[2J?? \"x\" $(id)");
	memset(huge, 'c', 17000);
	memcpy(huge, ED25519 " ", sizeof(ED25519));
	assert_int_equal(sshkey_parse(huge, sizeof(ED25519) + 16384, &key, why), SSHKEY_REFUSED);
	assert_string_equal(why, "has a comment of 16384 bytes; 512 are taken");
	assert_int_equal(strlen(key.fingerprint), SSHKEY_FINGERPRINT - 1);
	assert_int_equal(sshkey_parse(huge, sizeof(ED25519) + 512, &key, why), SSHKEY_OK);
	assert_int_equal(strlen(key.comment), SSHKEY_COMMENT - 1);
	free(huge);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sha256_gives_the_digests_of_fips_180_4),
	    cmocka_unit_test(base64_is_taken_in_its_one_right_form),
	    cmocka_unit_test(keys_of_ssh_keygen_have_its_fingerprints),
	    cmocka_unit_test(what_is_no_key_is_named),
	    cmocka_unit_test(every_prefix_of_a_key_is_refused),
	    cmocka_unit_test(a_comment_is_cut_and_cleaned_and_a_huge_one_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
