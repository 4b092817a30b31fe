# SPDX-License-Identifier: ISC
"""The bytes of frames for five kinds of output, made here from a seed. A change that makes one larger
fails; one that makes them smaller may lower the limits."""

import json
import random
import subprocess

import pytest
from rig import build_dir

pytestmark = pytest.mark.core

ROWS, COLS = 30, 100
WORDS = (
    "build cache check client close commit config count decode diff edge encode error fetch file flush "
    "frame grid host index input keeper length limit line link list load match merge message mirror move "
    "name next open parse patch path peer print queue read record relay reply row scan screen scroll send "
    "session size socket sort start state stop stream style table test text time token tree value view wait"
).split()


class Cast:
    """Output with times, as asciicast v2."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.time = 0.0
        self.events = []

    def wait(self, seconds):
        self.time += seconds

    def put(self, text):
        self.events.append([round(self.time, 4), "o", text])

    def words(self, count):
        return " ".join(self.random.choice(WORDS) for _ in range(count))

    def write(self, path):
        head = {"version": 2, "width": COLS, "height": ROWS}
        path.write_text("".join(json.dumps(line) + "\n" for line in [head, *self.events]))
        return path


def scroll(cast):
    """A build: lines in bursts, some of them long, some coloured."""
    for number in range(900):
        cast.wait(cast.random.choice((0.001, 0.004, 0.02, 0.2)))
        colour = cast.random.choice(("", "", "\x1b[1;32m", "\x1b[33m"))
        words = cast.words(cast.random.choice((3, 5, 8, 20)))
        cast.put(f"{colour}[{number:4}/900]\x1b[m {words}\r\n")


def fixed_top_line(cast):
    """A clock in the first line, and a region that scrolls below it."""
    cast.put("\x1b[2J\x1b[2;30r\x1b[30;1H")
    for number in range(500):
        cast.wait(cast.random.choice((0.01, 0.05, 0.1)))
        clock = f"{int(cast.time) // 60:02}:{int(cast.time) % 60:02}"
        cast.put(f"\x1b7\x1b[1;1H\x1b[7m{clock} {number:4} lines {' ' * 60}\x1b[m\x1b8")
        cast.put(f"\r\n{number:05} {cast.words(6)}")


def progress_bars(cast):
    """Four downloads at once, redrawn by moving up, and a spinner."""
    done = [0.0] * 4
    names = [cast.words(1) for _ in done]
    cast.put("\r\n" * len(done))
    for step in range(600):
        cast.wait(0.03)
        cast.put(f"\x1b[{len(done)}A")
        for i, name in enumerate(names):
            done[i] = min(1.0, done[i] + cast.random.random() * 0.006 * (i + 1))
            bar = "█" * int(done[i] * 40)
            spin = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"[step % 10]
            cast.put(f"\r{spin} {name:10}\x1b[32m{bar:40}\x1b[m {done[i] * 100:5.1f}% "
                     f"{done[i] * 83:6.2f} MB\x1b[K\n")


def editor(cast):
    """A file with colours: paging, scrolling by one line, typing, a status line, a selection."""
    lines = []
    for number in range(400):
        indent = "    " * cast.random.randrange(3)
        lines.append(f"\x1b[34m{number + 1:4} \x1b[m{indent}\x1b[35m{cast.words(1)}\x1b[m "
                     f"{cast.words(3)} = \x1b[36m\"{cast.words(2)}\"\x1b[m;")
    top = 0

    def status(column):
        return (f"\x1b[30;1H\x1b[7m main.c  line {top + 10:4}, column {column:3}  "
                f"{top * 100 // 400:3}%\x1b[K\x1b[m\x1b[10;{column}H")

    def paint():
        body = "".join(f"\x1b[{row + 1};1H{lines[top + row]}\x1b[K" for row in range(29))
        return f"\x1b[?25l{body}{status(6)}\x1b[?25h"

    cast.put("\x1b[?1049h" + paint())
    for _ in range(250):
        cast.wait(cast.random.choice((0.06, 0.1, 0.3)))
        action = cast.random.randrange(6)
        if action == 0:
            top = cast.random.randrange(360)
            cast.put(paint())
        elif action in (1, 2) and top < 360:
            top += 1
            cast.put(f"\x1b[1;29r\x1b[29;1H\n\x1b[r\x1b[29;1H{lines[top + 28]}" + status(6))
        elif action == 3:
            row = cast.random.randrange(29)
            plain = f"{top + row + 1:4} selected {cast.words(3)}"
            cast.put(f"\x1b[{row + 1};1H\x1b[7m{plain}\x1b[m" + status(6))
        else:
            for column, char in enumerate(cast.words(2), 20):
                cast.wait(0.07)
                cast.put(f"\x1b[10;{column}H{char}" + status(column + 1))


def agent(cast):
    """Text that streams above a box, which is redrawn with a spinner and counters each time."""
    box = ["╭" + "─" * 96 + "╮", "│ > " + " " * 93 + "│", "╰" + "─" * 96 + "╯"]

    def bottom(step):
        dots = "✶✻✽✢"[step % 4]
        state = f"\x1b[38;2;215;119;87m{dots} Thinking… ({step // 10}s · ↓ {step * 7} tokens)\x1b[m\x1b[K"
        return "\r\n".join([state, *box])

    cast.put(bottom(0))
    line = ""
    for step in range(1, 700):
        cast.wait(cast.random.choice((0.02, 0.05, 0.08)))
        up = "\x1b[?2026h\x1b[3A\r"
        line += cast.words(1) + " "
        if len(line) > 80:
            up += f"\x1b[J\x1b[38;5;252m● {line}\x1b[m\r\n"
            line = ""
        cast.put(up + bottom(step) + "\x1b[?2026l")


# Bytes after deflate, with the lengths of messages: what was seen, and 1 % for another zlib.
LIMITS = {scroll: 22400, fixed_top_line: 9600, progress_bars: 4950, editor: 22600, agent: 6480}


# Lines that come in at the bottom are painted as the program printed them: nothing beside the text.
MORE = {scroll: 1.06}


@pytest.mark.parametrize("kind", LIMITS, ids=lambda kind: kind.__name__)
def test_frames_are_no_larger_than_recorded(kind, tmp_path):
    cast = Cast(7)
    kind(cast)
    program = build_dir() / "bench" / "frames"
    made = subprocess.run([program, "--json", cast.write(tmp_path / "made.cast")],
                          check=True, capture_output=True, text=True)
    figures = json.loads(made.stdout)["recordings"][0]
    assert figures["frames_zlib"] <= LIMITS[kind], figures
    assert figures["frames_zlib"] < figures["ansi_zlib"] * MORE.get(kind, 1), figures


HEADER = '{"version": 2, "width": 80, "height": 24}\n'


@pytest.mark.parametrize("text, line, expected", [
    ("", 1, "header"), ("hello\n", 1, "header"), ('{"version": 1}\n[1, "o", "x"]\n', 1, "header"),
    (HEADER + '[0.1, "o", "x"]\n[oops\n', 3, "an event"), (HEADER + '[1, 2, 3]\n', 2, "an event")])
def test_what_is_no_recording_is_refused_with_file_and_line(tmp_path, text, line, expected):
    path = tmp_path / "bad.cast"
    path.write_text(text)
    done = subprocess.run([build_dir() / "bench" / "frames", path], check=False, capture_output=True, text=True)
    assert done.returncode == 65
    assert done.stderr.startswith(f"frames: {path}:{line}: expected") and expected in done.stderr
