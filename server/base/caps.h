// SPDX-License-Identifier: ISC
// What a guest's terminal can do, from what its environment says.
#pragma once

#include "vt/ansi.h"

// From TERM, COLORTERM, LC_ALL, LC_CTYPE and LANG of the environment. TERM comes raw from a guest:
// it is held to a few characters and a length before terminfo sees it, and terminfo's answers only
// choose among sequences that we wrote ourselves.
struct ansi_caps caps_from_environment(void);
// Likewise, from these (NULL: not set). `locale` is the first of LC_ALL, LC_CTYPE and LANG that is
// set and not empty.
struct ansi_caps caps_of(const char *term, const char *colorterm, const char *locale);
