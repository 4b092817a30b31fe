#!/usr/bin/python3
# SPDX-License-Identifier: ISC
"""Makes docs/screenshots/ anew: recordings of ../shared/corpus as the page shows them in Chromium.

usage: MIRRORD_BUILD=build/release tests/e2e/page/screenshots.py [NAME...]
"""

import base64
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import browser  # noqa: E402
import rig  # noqa: E402

STOPS = 20
# Which stop shows something, in which theme, and how wide the window is: so that files stay small.
SHOTS = {
    "agent-claude-code-nyx": (15, "dark", 760),
    "anim-nyancat-160x40": (10, "dark", 760),
    "editor-helix-demo": (12, "dark", 760),
    "install-os-installer-tui": (10, "dark", 760),
    "monitor-htop": (10, "dark", 500),
    "monitor-llamastash-host-gauges": (19, "dark", 520),
    "mux-zellij-leap": (12, "dark", 640),
    "shell-jikkou-zsh-truecolor": (19, "light", 760),
    "tui-clashtui-cjk": (10, "dark", 760),
    "unicode-telegram-tui-emoji": (14, "contrast", 760),
}
HEIGHT = 460
BYTES_MAX = 60 << 10


def main(names):
    server = browser.Server(rig.build_dir())
    chromium = browser.Chromium()
    chromium.driver.get(server.url + "harness.html")
    chromium.wait("!!globalThis.harness")
    for name in names or SHOTS:
        stop, theme, width = SHOTS[name]
        chromium.resize(width, HEIGHT)
        chromium.run("harness.showStop(a[0], a[1], a[2])", f"samples/{name}.cast/{STOPS}", stop, theme)
        box = chromium.run("(({width, height}) => ({x: 0, y: 0, width, height, scale: 1}))"
                           "(document.querySelector('.lines').getBoundingClientRect())")
        shot = chromium.driver.execute_cdp_cmd("Page.captureScreenshot", {"clip": box})
        path = rig.PROJECT / f"docs/screenshots/{name}.png"
        path.write_bytes(base64.b64decode(shot["data"]))
        print(f"{path.name}: {path.stat().st_size} bytes")
        assert path.stat().st_size <= BYTES_MAX
    chromium.close()
    server.close()


if __name__ == "__main__":
    main(sys.argv[1:])
