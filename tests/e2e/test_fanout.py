# SPDX-License-Identifier: ISC
"""Many viewers: what each takes, and that those who stand still cost the others nothing."""

import re
import time
from pathlib import Path

import pytest
import rig
from gateway import start as gateway  # noqa: F401  (a fixture)
from swarm import Swarm

FAN_KIB = 3 << 10  # what server/link/fan.c keeps for all together: the last screens, two streams

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
        rig.wait_until(lambda view=view: len(view.bytes()) > 300_000)
    # above this: docs/decisions/programs.md
    assert max(kib_of(view.pid, "Pss") for view in views) <= 1024
    assert max(kib_of(view.pid, "Private_Dirty") for view in views) <= 640


@pytest.mark.core
def test_a_swarm_of_pages_is_served_at_once(build, mirrord, gateway, soak):  # noqa: F811
    """All of them get each screen (with --soak, within a second), also while a tenth of them read nothing."""
    count, span_s = (500, 30) if soak else (50, 3)
    mirrord.detached("s", "/usr/bin/python3", "-c", COLOURS)
    mirrord.wait_row("s", "frame")
    web = gateway("s")
    words = [str(web.port), web.token]
    page = Swarm(build / "bench" / "swarm", words, 1)
    page.all_current()
    alone = kib_of(web.pid(), "Pss")
    pages = Swarm(build / "bench" / "swarm", words, count)
    try:
        pages.all_current()
        found = []
        for stopped in (0, count // 10):
            pages.say(f"stop {stopped}")
            pages.say("begin")
            time.sleep(span_s)  # a span to be measured
            found.append(pages.ask("report"))
            assert found[-1]["readers"] == count - stopped
            print(f"{found[-1]['readers']} pages: {found[-1]['late_ms_max']} ms late at most")
            assert found[-1]["late_ms_max"] <= 1000 or not soak or rig.is_sanitized(build)
            assert pages.ask("screen")  # those who decode agree
        each = [one["messages"] / one["readers"] for one in found]
        assert min(each) > 0
        assert (each[0] > span_s * 5 and each[1] > 0.5 * each[0]) or not soak
        if not rig.is_sanitized(build):
            assert kib_of(web.pid(), "Pss") - alone < FAN_KIB + 32 * count
    finally:
        pages.close()
        page.close()
