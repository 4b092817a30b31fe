// SPDX-License-Identifier: ISC
// A terminal's name says what kind it is, terminfo what that kind can do. Many say "xterm" and are
// something else, so only what they all can do is taken from that entry: not REP.
#include "server/base/caps.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <term.h>

#define TERM_NAME_MAX 64 // bytes

#define TRUECOLOUR (1u << 24)

// Names of terminals, or their beginnings. The first that fits counts.
static const struct {
	const char *prefix;
	uint32_t colours;
	bool rep; // the terminal's own name, and it has REP if its entry says so
} kinds[] = {
    {"dumb", 0, false},
    {"unknown", 0, false},
    {"vt52", 0, false},
    {"vte", TRUECOLOUR, false},
    {"vt", 0, false},
    {"ansi", 8, false},
    {"cons25", 8, false},
    {"linux", 8, false},
    {"screen", 256, false},
    {"rxvt", 256, false},
    {"putty", 256, false},
    {"Eterm", 256, false},
    {"nsterm", 256, false},
    {"foot", TRUECOLOUR, true},
    {"kitty", TRUECOLOUR, true},
    {"xterm-kitty", TRUECOLOUR, true},
    {"alacritty", TRUECOLOUR, true},
    {"wezterm", TRUECOLOUR, true},
    {"ghostty", TRUECOLOUR, true},
    {"xterm-ghostty", TRUECOLOUR, true},
    {"contour", TRUECOLOUR, true},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

// The characters of terminfo's names; no slash, and no dot at the beginning.
static bool
name_is_safe(const char *name)
{
	size_t len = strnlen(name, TERM_NAME_MAX + 1);

	if (len == 0 || len > TERM_NAME_MAX || !isalnum((unsigned char)name[0]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && strchr("-_.+", name[i]) == NULL)
			return false;
	return true;
}

static size_t
find_kind(const char *term)
{
	for (size_t i = 0; i < KINDS; i++)
		if (strncmp(term, kinds[i].prefix, strlen(kinds[i].prefix)) == 0)
			return i;
	return KINDS;
}

static bool
has_suffix(const char *text, const char *suffix)
{
	size_t len = strlen(text), suffix_len = strlen(suffix);

	return len >= suffix_len && strcmp(text + len - suffix_len, suffix) == 0;
}

// Nothing set: what everybody has today.
static bool
is_utf8(const char *locale)
{
	const char *charset;

	if (locale == NULL || locale[0] == '\0')
		return true;
	charset = strchr(locale, '.');
	if (charset == NULL)
		return false;
	return strncasecmp(charset + 1, "utf-8", 5) == 0 ||
	       strncasecmp(charset + 1, "utf8", 4) == 0;
}

// Cursor addressing and erasing, which is what we cannot do without.
static struct ansi_caps
dumb(void)
{
	return (struct ansi_caps){.el = true};
}

// Attributes and margins, but no colours.
static struct ansi_caps
vt100(void)
{
	return (struct ansi_caps){
	    .attrs = true, .el = true, .scroll = true, .autowrap = true, .answers = true};
}

// The Linux console: no alternate screen, no italics, and DECSCUSR is not for it.
static struct ansi_caps
console(void)
{
	struct ansi_caps caps = vt100();

	caps.colours = 8;
	caps.ech = caps.bce = caps.cursor_hide = true;
	return caps;
}

static bool
has_string(const char *name)
{
	const char *value = tigetstr(name);

	return value != NULL && value != (const char *)-1;
}

// What an entry leaves out is not used. One that is not there says nothing.
static void
ask_terminfo(const char *term, bool rep, struct ansi_caps *caps)
{
	int status;

	caps->bce = false; // erasing with a colour must be promised
	if (setupterm(term, STDERR_FILENO, &status) != 0)
		return;
	caps->bce = tigetflag("bce") > 0;
	caps->el = has_string("el");
	caps->ech = has_string("ech");
	caps->rep = rep && has_string("rep");
	caps->scroll = has_string("csr") && has_string("ri");
	caps->alt_screen = has_string("smcup");
	caps->cursor_hide = has_string("civis");
	caps->italic = has_string("sitm"); // GNU screen takes it for standout
	caps->faint = has_string("dim");
	del_curterm(cur_term);
}

// 256 colours came with xterm's extensions, truecolour with the rest of them.
static void
limit_colours(struct ansi_caps *caps, uint32_t colours)
{
	caps->colours = colours;
	if (colours >= TRUECOLOUR)
		return;
	caps->overline = caps->underline_style = caps->underline_colour = false;
	caps->sync = false;
}

static uint32_t
find_colours(const char *term, const char *colorterm, size_t kind)
{
	uint32_t colours = kind < KINDS ? kinds[kind].colours : TRUECOLOUR;

	if (has_suffix(term, "-direct"))
		return TRUECOLOUR;
	if (colours == 256 && colorterm != NULL &&
	    (strcmp(colorterm, "truecolor") == 0 || strcmp(colorterm, "24bit") == 0))
		return TRUECOLOUR;
	if (has_suffix(term, "-mono") || has_suffix(term, "-m"))
		return 0;
	if (has_suffix(term, "-16color"))
		return 16;
	return colours;
}

struct ansi_caps
caps_of(const char *term, const char *colorterm, const char *locale)
{
	struct ansi_caps caps = ansi_caps_modern();
	size_t kind;

	if (term == NULL || term[0] == '\0')
		term = "dumb";
	if (!name_is_safe(term))
		term = "xterm-unnamed"; // as any other unknown name
	kind = find_kind(term);
	if (kind < KINDS && kinds[kind].colours == 0) {
		caps =
		    strncmp(term, "vt", 2) == 0 && strncmp(term, "vt52", 4) != 0 ? vt100() : dumb();
	} else if (kind < KINDS && kinds[kind].colours == 8) {
		caps = console();
	} else {
		ask_terminfo(term, kind < KINDS && kinds[kind].rep, &caps);
		limit_colours(&caps, find_colours(term, colorterm, kind));
	}
	caps.utf8 = is_utf8(locale);
	return caps;
}

struct ansi_caps
caps_from_environment(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
	const char *locale = NULL;

	for (size_t i = 0; i < 3 && (locale == NULL || locale[0] == '\0'); i++)
		locale = getenv(names[i]);
	return caps_of(getenv("TERM"), getenv("COLORTERM"), locale);
}
