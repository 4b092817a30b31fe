// SPDX-License-Identifier: ISC
// Runs a fuzz target over files and folders of inputs, where there is no libFuzzer.

#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	if (file == NULL) {
		perror(path);
		return -1;
	}
	uint8_t *data = NULL;
	size_t len = 0, cap = 0, got;
	do {
		if (len == cap) {
			cap = cap ? cap * 2 : 4096;
			data = realloc(data, cap);
			if (data == NULL)
				abort();
		}
		got = fread(data + len, 1, cap - len, file);
		len += got;
	} while (got > 0);
	fclose(file);
	// An exact copy: AddressSanitizer then sees a read past the end.
	uint8_t *exact = malloc(len ? len : 1);
	if (exact == NULL)
		abort();
	memcpy(exact, data, len);
	free(data);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	return 1;
}

// The number of inputs run, or -1.
static int
replay_path(const char *path)
{
	struct stat st;
	if (stat(path, &st) != 0) {
		perror(path);
		return -1;
	}
	if (!S_ISDIR(st.st_mode))
		return replay_file(path);
	DIR *dir = opendir(path);
	if (dir == NULL) {
		perror(path);
		return -1;
	}
	int count = 0;
	for (struct dirent *entry; count >= 0 && (entry = readdir(dir)) != NULL;) {
		if (entry->d_name[0] == '.')
			continue;
		char child[PATH_MAX];
		snprintf(child, sizeof(child), "%s/%s", path, entry->d_name);
		int got = replay_path(child);
		count = got < 0 ? -1 : count + got;
	}
	closedir(dir);
	return count;
}

int
main(int argc, char **argv)
{
	int total = 0;
	for (int i = 1; i < argc; i++) {
		if (argv[i][0] == '-') // an option of libFuzzer's: nothing to do here
			continue;
		int count = replay_path(argv[i]);
		if (count < 0)
			return 1;
		total += count;
	}
	printf("%d inputs\n", total);
	return total > 0 ? 0 : 1;
}
