// SPDX-License-Identifier: ISC
// What a set-up has made of the system's, so that it can be taken back.
#include "server/setup/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define RECORD_MAGIC "mirrord made, 1\n" // the first line: format 1
#define RECORD_FILE_MAX (1u << 20)       // bytes of a file that is read

static const char *const kinds[] = {
    [RECORD_USER] = "user", [RECORD_DIR] = "dir", [RECORD_FILE] = "file"};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

char *
record_read_file(const char *path, size_t *len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char *text = fd < 0 ? NULL : malloc(RECORD_FILE_MAX + 1);
	ssize_t got = 1;

	*len = 0;
	while (text && got > 0 && *len <= RECORD_FILE_MAX) {
		got = read(fd, text + *len, RECORD_FILE_MAX + 1 - *len);
		if (got > 0)
			*len += (size_t)got;
	}
	if (fd >= 0)
		close(fd);
	if (text && got == 0) {
		text[*len] = 0;
		return text;
	}
	if (text && got > 0)
		errno = EFBIG;
	free(text);
	return NULL;
}

uint32_t
record_sum(const char *text, size_t len)
{
	return (uint32_t)crc32(0, (const Bytef *)text, (uInt)len);
}

static bool
write_all(int fd, const char *text, size_t len)
{
	while (len) {
		ssize_t put = write(fd, text, len);

		if (put < 0 && errno != EINTR)
			return false;
		if (put > 0) {
			text += put;
			len -= (size_t)put;
		}
	}
	return true;
}

// Read by none of those who look for *.conf in that directory.
static void
name_new(const char *path, char temp[PATH_MAX])
{
	snprintf(temp, PATH_MAX, "%s.new", path);
}

void
record_remove_new(const char *path)
{
	char temp[PATH_MAX];

	name_new(path, temp);
	unlink(temp);
}

bool
record_write_file(const char *path, const char *text, size_t len)
{
	char temp[PATH_MAX];
	int fd, error;

	name_new(path, temp);
	unlink(temp);
	fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return false;
	if (write_all(fd, text, len) && fchmod(fd, 0644) == 0 && fsync(fd) == 0 &&
	    rename(temp, path) == 0) {
		close(fd);
		return true;
	}
	error = errno;
	close(fd);
	unlink(temp);
	errno = error;
	return false;
}

static bool
append(struct record *record, enum record_kind kind, const char *name, uint32_t sum)
{
	struct record_entry *grown =
	    realloc(record->entry, (record->count + 1) * sizeof(*record->entry));
	char *copy = strdup(name);

	if (grown)
		record->entry = grown;
	if (!grown || !copy) {
		free(copy);
		return false;
	}
	record->entry[record->count++] =
	    (struct record_entry){.kind = kind, .name = copy, .sum = sum};
	return true;
}

// "kind sum name"
static bool
parse_line(struct record *record, char *line)
{
	char *kind = strtok(line, " "), *sum = strtok(NULL, " "), *name = strtok(NULL, "");

	for (size_t i = 0; name && i < KINDS; i++) {
		if (strcmp(kind, kinds[i]) == 0)
			return append(
			    record, (enum record_kind)i, name, (uint32_t)strtoul(sum, NULL, 16));
	}
	return false;
}

static bool
parse(struct record *record, char *text)
{
	char *line = text + strlen(RECORD_MAGIC), *end;

	if (strncmp(text, RECORD_MAGIC, strlen(RECORD_MAGIC)) != 0)
		return false;
	for (; *line; line = end + 1) {
		end = strchr(line, '\n');
		if (!end)
			return false;
		*end = 0;
		if (!parse_line(record, line))
			return false;
	}
	return true;
}

bool
record_load(struct record *record, const char *path, char why[SESSION_WHY])
{
	size_t len;
	char *text = record_read_file(path, &len);
	bool ok;

	*record = (struct record){.path = path};
	if (!text && errno == ENOENT)
		return true;
	if (!text) {
		snprintf(why, SESSION_WHY, "cannot read %s: %s", path, strerror(errno));
		return false;
	}
	ok = strlen(text) == len && parse(record, text);
	free(text);
	if (!ok) {
		snprintf(why, SESSION_WHY, "%s is damaged: what was made cannot be told", path);
		record_fini(record);
	}
	return ok;
}

void
record_fini(struct record *record)
{
	for (size_t i = 0; i < record->count; i++)
		free(record->entry[i].name);
	free(record->entry);
	record->entry = NULL;
	record->count = 0;
}

struct record_entry *
record_find(const struct record *record, enum record_kind kind, const char *name)
{
	for (size_t i = 0; i < record->count; i++) {
		if (record->entry[i].kind == kind && strcmp(record->entry[i].name, name) == 0)
			return &record->entry[i];
	}
	return NULL;
}

static void
parent_of(const char *path, char parent[PATH_MAX])
{
	snprintf(parent, PATH_MAX, "%.*s", (int)(strrchr(path, '/') - path), path);
}

bool
record_remove(const struct record *record)
{
	char parent[PATH_MAX];
	bool ok = unlink(record->path) == 0 || errno == ENOENT;

	record_remove_new(record->path);
	parent_of(record->path, parent);
	rmdir(parent); // not while others have something in it
	return ok;
}

static bool
save(const struct record *record)
{
	char parent[PATH_MAX], *text = NULL;
	size_t len = 0;
	FILE *file;
	bool ok;

	if (!record->count)
		return record_remove(record);
	parent_of(record->path, parent);
	if (mkdir(parent, 0755) < 0 && errno != EEXIST)
		return false;
	file = open_memstream(&text, &len);
	if (!file)
		return false;
	fputs(RECORD_MAGIC, file);
	for (size_t i = 0; i < record->count; i++)
		fprintf(file, "%s %08" PRIx32 " %s\n", kinds[record->entry[i].kind],
		    record->entry[i].sum, record->entry[i].name);
	ok = fclose(file) == 0 && record_write_file(record->path, text, len);
	free(text);
	return ok;
}

bool
record_put(struct record *record, enum record_kind kind, const char *name, uint32_t sum)
{
	struct record_entry *entry = record_find(record, kind, name);

	if (entry)
		entry->sum = sum;
	else if (!append(record, kind, name, sum))
		return false;
	return save(record);
}

bool
record_drop(struct record *record, struct record_entry *entry)
{
	size_t at = (size_t)(entry - record->entry);

	free(entry->name);
	memmove(entry, entry + 1, (--record->count - at) * sizeof(*entry));
	return save(record);
}
