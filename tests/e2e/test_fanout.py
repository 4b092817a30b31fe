# SPDX-License-Identifier: ISC
"""Many viewers: what each takes, and that those who stand still cost the others nothing."""

import re
from pathlib import Path

import pytest
import rig

# Colours and glyphs that change all over, 20 times a second.
COLOURS = """
import sys, time
n = 0
while True:
    n += 1
    print("\\x1b[H" + "\\r\\n".join("".join(
        f"\\x1b[38;5;{(row * 7 + col * 3 + n) % 256}m{'aé日x'[(row + col + n) % 4]}" for col in range(26))
        for row in range(23)) + f"\\x1b[m\\r\\nframe {n:06d}", end="", flush=True)
    time.sleep(0.05)
"""


def kib_of(pid, field):
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(rf"^{field}: +(\d+) kB", text, re.MULTILINE)[1])


@pytest.mark.core
def test_a_view_takes_less_than_a_mebibyte(build, mirrord, terminals):
    if rig.is_sanitized(build):
        pytest.skip("a sanitizer's shadow memory is no measure")
    mirrord.detached("s", "/usr/bin/python3", "-c", COLOURS)
    views = [terminals(mirrord.terminal("view", "s", answers=[(b"\x1b[5n", b"\x1b[0n")]))
             for _ in range(8)]
    for view in views:
        rig.wait_until(lambda view=view: len(view.bytes()) > 300_000, 30)
    # above this: docs/decisions/programs.md
    assert max(kib_of(view.pid, "Pss") for view in views) <= 1024
    assert max(kib_of(view.pid, "Private_Dirty") for view in views) <= 640
