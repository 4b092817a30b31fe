// SPDX-License-Identifier: ISC
// Reads asciicast v2 recordings (docs.asciinema.org/manual/asciicast/v2).
#pragma once

#include "vt/buf.h"

struct cast_event {
	double time;         // seconds since the beginning
	char kind;           // 'o': output, 'r': resize; others are skipped
	size_t at, len;      // 'o': bytes in cast->bytes
	uint16_t rows, cols; // 'r'
};

struct cast {
	uint16_t rows, cols;
	struct buf bytes;          // owned: all output
	struct cast_event *events; // owned
	size_t count;
};

// False if the file cannot be read or is not a recording; `why` then says what is wrong, with file
// and line.
bool cast_load(struct cast *cast, const char *path, char *why, size_t why_len);
void cast_fini(struct cast *cast);

// The recordings of the corpus, in order; NULL if it is not there. `paths` ends with NULL.
char **cast_corpus(void);
void cast_corpus_free(char **paths);
