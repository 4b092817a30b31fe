// SPDX-License-Identifier: ISC
// Part of the build: `web_pack OUT.c FILE...` gzips the page's files and writes them as C, under paths
// with a digest of all of them; says what the page weighs.
//
// index.html names the others as "@ASSETS@/FILE"; they name each other relatively. A digest over the
// whole is enough: all of it is a few packets.
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define FILES_MAX 64
#define FILE_MAX (1u << 20)
#define PLACEHOLDER "@ASSETS@"
#define DIGEST_LEN 17         // "/" and 16 hexadecimal digits
#define GZIP_WINDOW (15 + 16) // zlib's way to ask for gzip's format
#define INDEX "index.html"

struct file {
	const char *name; // without folders
	char *data;
	size_t len;
};

static const struct {
	const char *suffix, *type;
} types[] = {{".html", "text/html; charset=utf-8"}, {".js", "text/javascript; charset=utf-8"},
    {".css", "text/css; charset=utf-8"}, {".svg", "image/svg+xml"}, {".woff2", "font/woff2"}};

static _Noreturn void
fail(const char *what, const char *name)
{
	fprintf(stderr, "web_pack: %s: %s\n", name, what);
	exit(1);
}

static const char *
type_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	for (size_t i = 0; dot && i < sizeof(types) / sizeof(types[0]); i++) {
		if (strcmp(dot, types[i].suffix) == 0)
			return types[i].type;
	}
	fail("no type is known for this suffix", name);
}

static struct file
read_file(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct file file = {.name = slash ? slash + 1 : path, .data = malloc(FILE_MAX)};
	FILE *in = fopen(path, "rb");

	if (!in || !file.data)
		fail("cannot be read", path);
	file.len = fread(file.data, 1, FILE_MAX, in);
	if (file.len == FILE_MAX || ferror(in))
		fail("cannot be read, or is too long", path);
	file.data[file.len] = '\0';
	fclose(in);
	return file;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(((const struct file *)a)->name, ((const struct file *)b)->name);
}

// FNV-1a: files that change get another name; nobody is to be fooled here.
static uint64_t
digest(const struct file *files, size_t count)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < count; i++) {
		for (const char *at = files[i].name; *at; at++)
			hash = (hash ^ (uint8_t)*at) * UINT64_C(1099511628211);
		for (size_t at = 0; at < files[i].len; at++)
			hash = (hash ^ (uint8_t)files[i].data[at]) * UINT64_C(1099511628211);
	}
	return hash;
}

static bool
has_suffix(const struct file *file, const char *suffix)
{
	const char *dot = strrchr(file->name, '.');

	return dot && strcmp(dot, suffix) == 0;
}

// Drops indentation, empty lines, and comments that are lines of their own: a fifth of what the page
// weighs. Its files have no string that runs over lines.
static void
strip(struct file *file)
{
	bool script = has_suffix(file, ".js"), style = has_suffix(file, ".css"), comment = false;
	char *out = file->data, *line = file->data, *end = file->data + file->len, *next;

	for (; (script || style) && line < end; line = next) {
		char *newline = memchr(line, '\n', (size_t)(end - line));
		size_t len;

		next = newline ? newline + 1 : end;
		line += strspn(line, "\t");
		len = (size_t)(next - line);
		comment = comment || (style && len > 2 && memcmp(line, "/*", 2) == 0);
		if (!comment && len > 1 && !(script && memcmp(line, "//", 2) == 0)) {
			memmove(out, line, len);
			out += len;
		}
		comment = comment && !memmem(line, len, "*/", 2);
	}
	if (script || style)
		file->len = (size_t)(out - file->data);
}

// The file with `dir` for each placeholder.
static void
substitute(struct file *file, const char *dir)
{
	char *to = malloc(file->len * 3 + 1), *out = to;
	size_t at = 0;

	while (at < file->len) {
		if (file->len - at >= strlen(PLACEHOLDER) &&
		    memcmp(file->data + at, PLACEHOLDER, strlen(PLACEHOLDER)) == 0) {
			memcpy(out, dir, DIGEST_LEN);
			out += DIGEST_LEN;
			at += strlen(PLACEHOLDER);
		} else {
			*out++ = file->data[at++];
		}
	}
	free(file->data);
	file->data = to;
	file->len = (size_t)(out - to);
}

static size_t
put_packed(FILE *out, size_t number, const struct file *file)
{
	uLong bound = compressBound((uLong)file->len) + 64;
	uint8_t *packed = malloc(bound);
	z_stream z = {.next_in = (uint8_t *)file->data,
	    .avail_in = (uInt)file->len,
	    .next_out = packed,
	    .avail_out = (uInt)bound};

	if (!packed ||
	    deflateInit2(&z, 9, Z_DEFLATED, GZIP_WINDOW, 9, Z_DEFAULT_STRATEGY) != Z_OK ||
	    deflate(&z, Z_FINISH) != Z_STREAM_END)
		fail("cannot be compressed", file->name);
	fprintf(out, "static const uint8_t file%zu[] = {", number);
	for (size_t i = 0; i < z.total_out; i++)
		fprintf(out, "%s%u,", i % 20 ? "" : "\n", packed[i]);
	fprintf(out, "};\n");
	deflateEnd(&z);
	free(packed);
	return z.total_out;
}

int
main(int argc, char **argv)
{
	struct file files[FILES_MAX];
	size_t count = (size_t)(argc > 2 ? argc - 2 : 0), packed[FILES_MAX], all = 0;
	char dir[DIGEST_LEN + 1];
	FILE *out;

	if (count == 0 || count > FILES_MAX || !(out = fopen(argv[1], "w")))
		fail("usage: web_pack OUT.c FILE...", argv[0]);
	for (size_t i = 0; i < count; i++)
		files[i] = read_file(argv[i + 2]);
	for (size_t i = 0; i < count; i++)
		strip(&files[i]);
	qsort(files, count, sizeof(files[0]), compare_names);
	snprintf(dir, sizeof(dir), "/%016" PRIx64, digest(files, count));
	fprintf(out, "// Made by web_pack from web/page.\n#include \"web/assets.h\"\n\n");
	for (size_t i = 0; i < count; i++) {
		if (strcmp(files[i].name, INDEX) == 0)
			substitute(&files[i], dir);
		packed[i] = put_packed(out, i, &files[i]);
		all += packed[i];
	}
	fprintf(out, "\nconst struct asset assets[] = {\n");
	for (size_t i = 0; i < count; i++) {
		bool is_index = strcmp(files[i].name, INDEX) == 0;

		fprintf(out, "\t{\"%s/%s\", \"%s\", file%zu, %zu},\n", is_index ? "" : dir,
		    is_index ? "" : files[i].name, type_of(files[i].name), i, packed[i]);
		free(files[i].data);
	}
	fprintf(out, "};\nconst size_t assets_len = %zu;\n", count);
	if (fclose(out) != 0)
		fail("cannot be written", argv[1]);
	printf("the page weighs %zu bytes, compressed\n", all);
	return 0;
}
