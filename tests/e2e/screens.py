# SPDX-License-Identifier: ISC
"""Screens as three tools describe them, brought to one form so that they can be compared.

A grid is a list of rows of cells; a cell is (text, width, fg, bg, attributes). Colours are None,
0..255 or "#rrggbb". The right half of a wide character has width 0 and no text.
"""

import re
import unicodedata

# What both witnesses can express.
ATTRIBUTES = {"bold", "italic", "blink", "reverse", "strike", "underline"}
UNDERLINES = {"underline", "double", "curly", "dotted", "dashed"}


def cell(text, width, fg, bg, attrs):
    """In a form where only what can be seen counts: the colour of no ink does not."""
    text = text.replace("\ufe0f", "")  # which both witnesses drop
    attrs = {"underline" if name in UNDERLINES else name for name in attrs} & ATTRIBUTES
    if text in ("", " ") and width == 1:
        text = " "
        attrs &= {"reverse", "strike", "underline"}
        if not attrs:
            fg = None
    if width == 0:
        return ("", 0, None, None, frozenset())
    return (text, width, fg, bg, frozenset(attrs))


def glyphs_of(run):
    """The glyphs of a run of `mirrord dump --format=json`: many, or one with its marks."""
    return [run["text"]] if "marks" in run else list(run["text"])


def from_host(screen):
    """Of `mirrord dump --format=json`."""
    blank = cell(" ", 1, None, None, ())
    grid = []
    for described in screen["screen"]:
        row = [blank] * screen["cols"]
        for run in described["runs"]:
            col = run["col"]
            for glyph in glyphs_of(run):
                row[col] = cell(glyph, run["width"], run.get("fg"), run.get("bg"),
                                run.get("attrs", ()))
                if run["width"] == 2:
                    row[col + 1] = cell("", 0, None, None, ())
                col += run["width"]
        grid.append(row)
    return grid


def from_witness(screen):
    """Of witness_main's JSON."""
    return [[cell(c["text"], c["width"], c["fg"], c["bg"], c["attrs"]) for c in row]
            for row in screen["screen"]]


# ---- tmux capture-pane -e -----------------------------------------------------------------------

SGR_ON = {1: "bold", 3: "italic", 4: "underline", 5: "blink", 7: "reverse", 9: "strike"}
SGR_OFF = {22: "bold", 23: "italic", 24: "underline", 25: "blink", 27: "reverse", 29: "strike"}


UNSAID = ("", 1, None, None, frozenset())


class Pen:
    def __init__(self):
        self.fg = self.bg = None
        self.attrs = set()

    def _colour(self, params):
        kind = params.pop(0)
        if kind == "5":
            return int(params.pop(0))
        red, green, blue = (int(params.pop(0)) for _ in range(3))
        return f"#{red:02x}{green:02x}{blue:02x}"

    def sgr(self, text):
        params = [word for word in text.split(";")] if text else ["0"]
        while params:
            word = params.pop(0)
            if ":" in word:  # 4:3 and the like
                name, value = word.split(":")[:2]
                if name == "4":
                    (self.attrs.discard if value == "0" else self.attrs.add)("underline")
                continue
            code = int(word or "0")
            if code == 0:
                self.__init__()
            elif code in SGR_ON:
                self.attrs.add(SGR_ON[code])
            elif code in SGR_OFF:
                self.attrs.discard(SGR_OFF[code])
            elif code in (38, 48, 58):
                colour = self._colour(params)
                if code != 58:
                    setattr(self, "fg" if code == 38 else "bg", colour)
            elif code in (39, 49):
                setattr(self, "fg" if code == 39 else "bg", None)
            elif 30 <= code <= 37 or 90 <= code <= 97:
                self.fg = code - 30 if code < 90 else code - 82
            elif 40 <= code <= 47 or 100 <= code <= 107:
                self.bg = code - 40 if code < 100 else code - 92


def width_of(char):
    if unicodedata.combining(char) or char in "\u200d\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def from_tmux(lines, cols):
    """Of `capture-pane -e -N -p`, whose pen runs on from line to line. tmux leaves out the cells to
    the right of the last one written, erased with a colour or not: blank, of an UNSAID colour."""
    pen = Pen()
    grid = []
    for line in lines:
        row = []
        for part in re.findall(r"\x1b\[[0-9;:]*m|[\x0e\x0f]|[^\x1b]", line):
            if part.startswith("\x1b["):
                pen.sgr(part[2:-1])
            elif part in "\x0e\x0f":
                continue
            elif width_of(part) == 0 and row:
                at = -2 if row[-1][1] == 0 else -1
                text, *rest = row[at]
                row[at] = (text + part, *rest)
            else:
                row.append(cell(part, width_of(part), pen.fg, pen.bg, pen.attrs))
                if width_of(part) == 2:
                    row.append(cell("", 0, None, None, ()))
        row += [UNSAID] * (cols - len(row))
        grid.append(row)
    return grid


def same(a, b):
    if UNSAID in (a, b):
        text, _, _, _, attrs = b if a == UNSAID else a
        return text == " " and not attrs
    return a == b


def difference(host, shown, name="guest"):
    """The first difference of the host's grid and what `name` shows, in words, or None."""
    if len(host) != len(shown) or any(len(a) != len(b) for a, b in zip(host, shown)):
        return f"sizes: {len(host)} rows of {len(host[0])}, {len(shown)} rows of {len(shown[0])}"
    for row, (host_row, shown_row) in enumerate(zip(host, shown)):
        for col, (ours, theirs) in enumerate(zip(host_row, shown_row)):
            if not same(ours, theirs):
                return f"row {row} col {col}: host {ours}, {name} {theirs}"
    return None


LEVELS = (0, 95, 135, 175, 215, 255)


def rgb_of(colour):
    """Of "#rrggbb" or of one of xterm's 240 fixed colours."""
    if isinstance(colour, str):
        return tuple(int(colour[i:i + 2], 16) for i in (1, 3, 5))
    if colour >= 232:
        return (8 + 10 * (colour - 232),) * 3
    return LEVELS[(colour - 16) // 36], LEVELS[(colour - 16) // 6 % 6], LEVELS[(colour - 16) % 6]


def distance(a, b):
    return sum((x - y) ** 2 for x, y in zip(rgb_of(a), rgb_of(b))) ** 0.5


def nearest(host, guest):
    """Both grids, where a guest's palette colour that is about the nearest there is to the host's RGB
    counts as that RGB."""
    def settle(theirs, ours):
        if not isinstance(theirs, str) or not isinstance(ours, int) or ours < 16:
            return ours
        best = min(distance(theirs, index) for index in range(16, 256))
        return theirs if distance(theirs, ours) <= best * 1.5 + 2 else ours

    return host, [[(text, width, settle(h[2], fg), settle(h[3], bg), attrs)
                   for h, (text, width, fg, bg, attrs) in zip(host_row, row)]
                  for host_row, row in zip(host, guest)]


def rows_of(grid):
    """The grid's text, trailing blanks removed."""
    return ["".join(c[0] for c in row).rstrip(" ") for row in grid]
