# SPDX-License-Identifier: ISC
"""Pages of other origins, in the browser of somebody who watches: what they can get of the gateway's."""

import http.server
import json
import re
import threading

import pytest
import rig

browser = pytest.importorskip("browser", reason="no selenium")
from gateway import start, talk  # noqa: E402, F401  (fixtures)
from webpage import get  # noqa: E402

pytestmark = [
    pytest.mark.core,
    pytest.mark.skipif(rig.missing("chromium", "chromedriver"), reason="no chromium"),
    pytest.mark.skipif(rig.is_sanitized(rig.build_dir()), reason="test_web_*.py cover the sanitized gateway"),
]

# What a page can try on an address: each says what came of it. `open` is a socket's.
TRIES = """globalThis.said = (promise) => promise.then((value) => value, (error) => `refused: ${error.name}`);
globalThis.loaded = (element, key, url) => new Promise((resolve) => {
	element.onload = () => resolve("loaded");
	element.onerror = () => resolve("refused");
	element[key] = url;
	document.body.append(element);
});
globalThis.socket = (url) => new Promise((resolve) => {
	const opened = new WebSocket(url, "mirrord.1");
	opened.onopen = () => resolve("open");
	opened.onerror = () => resolve("refused");
});
globalThis.text = async (url, options) => (await fetch(url, options)).text();
globalThis.tag = (name, more) => Object.assign(document.createElement(name), more);
globalThis.messages = [];
addEventListener("message", ({data}) => messages.push(data));
"""


class Hostile(http.server.ThreadingHTTPServer):
    """Somebody else's site, on a port of its own."""

    daemon_threads = True

    def __init__(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = f"<!doctype html><title>hostile</title><body><script>{TRIES}</script>".encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args):
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()


@pytest.fixture(scope="module")
def chromium():
    """evil.example leads to this machine, as its owner may have it."""
    opened = browser.Chromium(args=("--host-resolver-rules=MAP evil.example 127.0.0.1",), hostile=True)
    yield opened
    opened.close()


@pytest.fixture
def hostile():
    server = Hostile()
    yield server
    server.close()


def pages(mirrord):
    return sum(one["via"] == "web" and one["name"] == "auditor"
               for one in json.loads(mirrord.run("who", "--json").stdout))


@pytest.mark.parametrize("host", ("127.0.0.1", "evil.example"))
def test_a_page_of_another_origin_reads_nothing(mirrord, start, talk, chromium, hostile, host):
    """On another port of the same host, which is the same site, and on another host."""
    gateway = start()
    talk("a secret\r\n")
    at = f"127.0.0.1:{gateway.port}"
    files = dict(re.findall(r'/([0-9a-f]{16}/[\w]+\.(js|css|svg))"', get(gateway.port)[1].decode()))
    files = {kind: f"http://{at}/{name}" for name, kind in files.items()}
    assert set(files) == {"js", "css", "svg"}
    chromium.driver.get(f"http://{host}:{hostile.port}/")

    assert chromium.run("socket(a[0])", f"ws://{at}/watch") == "refused"
    for path in ("/", "/watch", "/none"):
        assert chromium.run("said(text(a[0]))", f"http://{at}{path}").startswith("refused")
        body = chromium.run("said(text(a[0], {mode: 'no-cors'}))", f"http://{at}{path}")
        assert body == "" or body.startswith("refused")
    # Its files are not secret, but nobody else has to have them run among their own.
    for tag, more, key, kind in (("script", "{type: 'module'}", "src", "js"), ("script", "{}", "src", "js"),
                                 ("link", "{rel: 'stylesheet'}", "href", "css"), ("img", "{}", "src", "svg")):
        assert chromium.run(f"loaded(tag('{tag}', {more}), '{key}', a[0])", files[kind]) == "refused", tag

    # In a frame it does not come up, not even for somebody who has a link; so nobody is led to click in it.
    link = f"http://{at}/#{gateway.token}"
    chromium.run("loaded(tag('iframe', {}), 'src', a[0])", link)
    chromium.run("loaded(tag('object', {}), 'data', a[0])", link)
    for at_frame in range(chromium.run("frames.length")):
        reads = chromium.run("said((async () => frames[a[0]].document.body.innerText)())", at_frame)
        assert "secret" not in reads and (reads == "" or reads.startswith("refused")), reads
    # A window that it opens is one that it knows nothing of.
    chromium.run("void (globalThis.opened = open(a[0]))", link)
    rig.wait_until(lambda: pages(mirrord) == 1, what="the window")
    chromium.wait("opened.closed")
    chromium.run("opened.postMessage('hello', '*')")
    assert chromium.run("said((async () => opened.document.body.innerText)())").startswith("refused")
    assert chromium.run("messages") == []
    assert pages(mirrord) == 1  # the window, and no frame
    own = chromium.driver.current_window_handle
    for handle in chromium.driver.window_handles:
        if handle != own:
            chromium.driver.switch_to.window(handle)
            chromium.wait("document.querySelector('#screen').textContent.includes('a secret')")
            assert chromium.run("opener") is None
            chromium.driver.close()
    chromium.driver.switch_to.window(own)


def test_what_is_tried_there_works_where_it_may(chromium, hostile):
    """The control: the same page, browser and machine, with a gateway that looks at nothing."""
    careless = browser.ScriptedGateway([])
    try:
        chromium.driver.get(f"http://evil.example:{hostile.port}/")
        at = f"127.0.0.1:{careless.port}"
        assert chromium.run("socket(a[0])", f"ws://{at}/watch") == "open"
        assert chromium.run("loaded(tag('script', {}), 'src', a[0])", f"http://{at}/wire.js") == "loaded"
        chromium.run("void (globalThis.opened = open(a[0]))", f"http://127.0.0.1:{hostile.port}/")
        assert not chromium.run("opened.closed")
    finally:
        careless.close()
        for handle in chromium.driver.window_handles[1:]:
            chromium.driver.switch_to.window(handle)
            chromium.driver.close()
        chromium.driver.switch_to.window(chromium.driver.window_handles[0])


def test_a_name_that_is_made_to_lead_here_shows_nothing(mirrord, start, talk, chromium):
    """DNS rebinding: the gateway's own address under another name, where other pages are of the same origin."""
    gateway = start()
    talk("a secret\r\n")
    chromium.driver.get(f"http://evil.example:{gateway.port}/#{gateway.token}")
    assert "--host" in chromium.run("document.body.innerText")
    assert chromium.run("(async () => (await fetch('/')).status)()") == 403
    assert chromium.run(
        "new Promise((resolve) => {const socket = new WebSocket(`ws://${location.host}/watch`, 'mirrord.1');"
        "socket.onopen = () => resolve('open'); socket.onerror = () => resolve('refused');})") == "refused"
    assert pages(mirrord) == 0
    gateway.close()
    known = start("--host=evil.example")
    chromium.driver.get(f"http://evil.example:{known.port}/#{known.token}")
    chromium.wait("document.querySelector('#screen').textContent.includes('a secret')")
