// SPDX-License-Identifier: ISC
// The record of what a set-up made: what is put into it is there the next time.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "server/setup/record.h"

static char dir[64], path[96];

static int
enter(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/mirrord-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/state/record", dir);
	return 0;
}

static int
leave(void **state)
{
	(void)state;
	unlink(path);
	*strrchr(path, '/') = 0;
	rmdir(path);
	return rmdir(dir);
}

static void
what_is_put_in_is_there_the_next_time_and_goes_with_the_last(void **state)
{
	struct record record;
	char why[SESSION_WHY];

	(void)state;
	assert_true(record_load(&record, path, why));
	assert_int_equal(record.count, 0);
	assert_true(record_put(&record, RECORD_DIR, "/a dir/with blanks", 0));
	assert_true(record_put(&record, RECORD_FILE, "/a/file", 7));
	assert_true(record_put(&record, RECORD_USER, "guest", 0));
	assert_true(record_put(&record, RECORD_FILE, "/a/file", 0xfedcba98));
	record_fini(&record);

	assert_true(record_load(&record, path, why));
	assert_int_equal(record.count, 3);
	assert_string_equal(record.entry[0].name, "/a dir/with blanks");
	assert_null(record_find(&record, RECORD_DIR, "guest"));
	assert_ptr_equal(record_find(&record, RECORD_USER, "guest"), &record.entry[2]);
	assert_int_equal(record_find(&record, RECORD_FILE, "/a/file")->sum, 0xfedcba98);
	while (record.count)
		assert_true(record_drop(&record, &record.entry[0]));
	record_fini(&record);
	assert_int_equal(access(path, F_OK), -1);
	*strrchr(path, '/') = 0;
	assert_int_equal(access(path, F_OK), -1); // its directory was its own
	path[strlen(path)] = '/';
}

static void
a_record_that_is_damaged_is_not_believed(void **state)
{
	static const char *const texts[] = {"", "something", "mirrord made, 2\nuser 0 guest\n",
	    "mirrord made, 1\nuser 0 guest", "mirrord made, 1\nking 0 guest\n",
	    "mirrord made, 1\nuser guest\n", "mirrord made, 1\n\n"};
	struct record record;
	char why[SESSION_WHY];

	(void)state;
	*strrchr(path, '/') = 0;
	assert_int_equal(mkdir(path, 0700), 0);
	path[strlen(path)] = '/';
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_true(record_write_file(path, texts[i], strlen(texts[i])));
		assert_false(record_load(&record, path, why));
		assert_non_null(strstr(why, "damaged"));
	}
	assert_true(record_write_file(path, "mirrord made, 1\nuser 0\0 guest\n", 30));
	assert_false(record_load(&record, path, why));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		what_is_put_in_is_there_the_next_time_and_goes_with_the_last, enter, leave),
	    cmocka_unit_test_setup_teardown(a_record_that_is_damaged_is_not_believed, enter, leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
