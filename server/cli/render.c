// SPDX-License-Identifier: ISC
// `mirrord render`: the final screen of a stream of terminal bytes, without a session.
#include "server/base/option.h"
#include "server/base/tty.h"
#include "server/cli/show.h"
#include "server/commands.h"
#include "vt/model.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#define READ_BYTES (64u << 10)

struct options {
	uint16_t rows, cols;
	show_format *format;
	const char *file; // NULL or "-": standard input
};

static int
fail(int status, const char *what, const char *why)
{
	fprintf(stderr, MIRRORD_NAME ": %s%s%s\n", what, *why ? ": " : "", why);
	return status;
}

static int
parse(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {{"size", required_argument, NULL, 's'},
	    {"format", required_argument, NULL, 'f'}, {NULL, 0, NULL, 0}};
	int option;

	*options = (struct options){
	    .rows = TTY_ROWS_DEFAULT, .cols = TTY_COLS_DEFAULT, .format = show_format_of("text")};
	optind = 1;
	opterr = 0;
	while ((option = getopt_long(argc, argv, ":", longs, NULL)) != -1) {
		switch (option) {
		case 's':
			if (!option_size(optarg, &options->rows, &options->cols))
				return EX_USAGE;
			break;
		case 'f':
			options->format = show_format_of(optarg);
			if (!options->format)
				return fail(EX_USAGE,
				    "render knows the formats text, json, ansi and html", "");
			break;
		default: return option_bad("render", option, argv);
		}
	}
	if (argc - optind > 1)
		return fail(EX_USAGE, "render takes one file", "");
	options->file = argv[optind];
	return EX_OK;
}

static int
feed(struct model *model, int fd)
{
	static char data[READ_BYTES];

	for (;;) {
		ssize_t got = read(fd, data, sizeof(data));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got == 0 ? EX_OK : EX_IOERR;
		model_feed(model, data, (size_t)got);
	}
}

static int
render(const struct options *options, int fd)
{
	struct model *model = model_new(options->rows, options->cols, NULL);
	struct screen *screen;
	int status = feed(model, fd);

	if (status != EX_OK) {
		fail(status, options->file ? options->file : "standard input", strerror(errno));
	} else {
		model_sync_end(model); // what an update that never ended drew is on the screen too
		screen = model_screen(model);
		status = show_screen(screen, options->format);
		screen_unref(screen);
	}
	model_free(model);
	return status;
}

int
cmd_render(int argc, char **argv)
{
	struct options options;
	int fd = STDIN_FILENO, status = parse(argc, argv, &options);

	if (status != EX_OK)
		return status;
	if (options.file && strcmp(options.file, "-") != 0) {
		fd = open(options.file, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return fail(EX_NOINPUT, options.file, strerror(errno));
	}
	status = render(&options, fd);
	if (fd != STDIN_FILENO)
		close(fd);
	return status;
}
