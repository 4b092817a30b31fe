# SPDX-License-Identifier: ISC
"""A page in Chromium, on a gateway: what it shows, and what somebody does with it."""

import browser
import pytest

ROWS = "#screen .r"


@pytest.fixture(scope="module")
def chromium():
    opened = browser.Chromium()
    yield opened
    opened.close()


# The kinds of the messages that a page gets; and the kinds it sends, with when, and what it had got then.
WATCHING_THE_WIRE = """globalThis.got = [];
globalThis.sent = [];
globalThis.WebSocket = class extends WebSocket {
	constructor(...args) {
		super(...args);
		this.addEventListener("message", ({data}) => got.push(new Uint8Array(data)[0]));
	}

	send(data) {
		sent.push([data[0], performance.now(), got.slice()]);
		super.send(data);
	}
};"""


class Tab:
    """A page of its own in the browser; `text` and the like are what it shows."""

    def __init__(self, chromium, gateway, token=None):
        self.chromium, self.driver, self.gateway = chromium, chromium.driver, gateway
        chromium.resize(1280, 800)
        self.driver.switch_to.new_window("tab")
        self.handle = self.driver.current_window_handle
        self.driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCHING_THE_WIRE})
        self.open(token or gateway.token)

    def open(self, token):
        self.driver.get(f"http://127.0.0.1:{self.gateway.port}/#{token}")

    def run(self, script, *args):
        return self.chromium.run(script, *args)

    def wait(self, script, *args):
        return self.chromium.wait(script, *args, what=lambda: f"{script}: {self.text()!r} "
                                  f"{self.state()} {self.notice()!r}")

    def text(self):
        return self.run(f"[...document.querySelectorAll('{ROWS}')].map(r => r.textContent).join('\\n')")

    def wait_text(self, needle):
        self.wait(f"[...document.querySelectorAll('{ROWS}')].some(r => r.textContent.includes(a[0]))",
                  needle)

    def state(self):
        return self.run("document.body.dataset.state")

    def wait_state(self, state):
        self.wait("document.body.dataset.state === a[0]", state)

    def notice(self):
        return self.run("document.getElementById('notice').textContent")

    def do(self, name):
        self.run("document.querySelector(`[data-do=${a[0]}]`).click()", name)

    def press(self, key):
        self.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {
            "type": "keyDown", "key": key, **({"text": key} if len(key) == 1 else {})})
        self.driver.execute_cdp_cmd("Input.dispatchKeyEvent", {"type": "keyUp", "key": key})

    def show(self, shown):
        """Minimizes the browser's window, or brings it back."""
        window = self.driver.execute_cdp_cmd("Browser.getWindowForTarget", {})["windowId"]
        self.driver.execute_cdp_cmd("Browser.setWindowBounds", {
            "windowId": window, "bounds": {"windowState": "normal" if shown else "minimized"}})

    def worked(self):
        """How often and how long the page has worked so far."""
        self.driver.execute_cdp_cmd("Performance.enable", {})
        found = self.driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
        return {one["name"]: one["value"] for one in found}

    def copied(self):
        """What a copy of the selection puts on the clipboard."""
        return self.run("(() => {const data = new DataTransfer();"
                        "document.getElementById('view').dispatchEvent(new ClipboardEvent('copy',"
                        "{clipboardData: data, bubbles: true, cancelable: true}));"
                        "return data.getData('text/plain');})()")

    def select(self, first, from_, last, to):
        """Selects from a place in a row's text to one in another's."""
        self.run("(() => {const rows = document.querySelectorAll('#screen .r');"
                 "const point = (row, at) => {const walk = document.createTreeWalker(rows[row], 4);"
                 "for (let n; n = walk.nextNode(); at -= n.data.length)"
                 " if (at <= n.data.length) return [n, at]; return [rows[row], 0];};"
                 "const range = document.createRange(); range.setStart(...point(a[0], a[1]));"
                 "range.setEnd(...point(a[2], a[3])); getSelection().removeAllRanges();"
                 "getSelection().addRange(range);})()", first, from_, last, to)

    def close(self):
        if self.handle not in self.driver.window_handles:
            return
        self.driver.switch_to.window(self.handle)
        self.driver.close()
        self.driver.switch_to.window(self.driver.window_handles[0])


@pytest.fixture
def open_page(chromium, request):
    tabs = []
    before = len(chromium.driver.window_handles)

    def opened(gateway, token=None):
        tabs.append(Tab(chromium, gateway, token))
        return tabs[-1]

    yield opened
    for tab in tabs:
        tab.close()
    assert chromium.violations() == []
    assert len(chromium.driver.window_handles) == before
