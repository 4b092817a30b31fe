# SPDX-License-Identifier: ISC
"""A page in Chromium, on a real gateway and a real session: what somebody with nothing but the link
sees and can do."""

import os
import signal
import struct
import time
import zlib

import pytest
import rig

browser = pytest.importorskip("browser", reason="no selenium")
from gateway import start, talk, word  # noqa: E402, F401  (fixtures)
from webpage import ACK, BYE, HELLO, JOINED, SESSIONS, START, STEP, WELCOME  # noqa: E402
from wire import text, varint  # noqa: E402

pytestmark = [
    pytest.mark.core,
    pytest.mark.skipif(rig.missing("chromium", "chromedriver"), reason="no chromium"),
    pytest.mark.skipif(rig.is_sanitized(rig.build_dir()), reason="test_web_*.py cover the sanitized gateway"),
]
FIRST_PAINT_MS = 300  # the aim, from the click, on loopback; --soak allows ten times that
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


# ---- coming in ----------------------------------------------------------------------------------


def test_whoever_opens_the_link_sees_the_session_and_each_change(start, talk, open_page):
    gateway = start()
    talk("it begins\r\n")
    page = open_page(gateway)
    page.wait_text("it begins")
    talk("\x1b]2;an upgrade\x07and goes on\r\n")
    page.wait_text("and goes on")
    page.wait("document.title.startsWith('an upgrade')")
    assert page.state() == "live"
    page.wait("document.getElementById('facts').textContent.includes(a[0])", f"host {rig.account()}")
    page.wait("/1 watching/.test(document.getElementById('facts').textContent)")
    page.wait("/ ms away/.test(document.getElementById('facts').textContent)")


def test_a_bell_is_seen_but_not_one_that_rang_before(mirrord, start, talk, open_page):
    gateway = start()
    talk("\x07it begins\r\n")
    page = open_page(gateway)
    page.wait_text("it begins")
    page.run("void (globalThis.rings = 0, new MutationObserver(() => "
             "rings += document.getElementById('view').classList.contains('rung'))"
             ".observe(document.getElementById('view'), {attributeFilter: ['class']}))")
    talk("quiet\r\n")
    page.wait_text("quiet")
    assert page.run("rings") == 0
    talk("\x07")
    page.wait("rings === 1 && !document.getElementById('view').classList.contains('rung')")
    mirrord.run("pause")
    page.wait("!document.querySelector('#screen').textContent.includes('quiet')")
    mirrord.run("resume")
    page.wait_text("quiet")
    assert page.run("rings") == 1


def test_the_first_screen_is_painted_soon_after_the_click_and_in_two_round_trips(start, talk, open_page, soak):
    gateway = start()
    talk("it begins\r\n")
    took = []
    for _ in range(3):
        page = open_page(gateway)
        page.wait_text("it begins")
        took.append(page.run("performance.getEntriesByName('mirrord.screen')[0].startTime"))
        weight = page.run("performance.getEntriesByType('resource').reduce((all, entry) => "
                          "all + entry.transferSize, performance.getEntriesByType('navigation')[0].transferSize)")
    print(f"from the click to the first screen: {[round(ms) for ms in took]} ms; {weight} bytes")
    assert min(took) < 10 * FIRST_PAINT_MS or not soak
    # The socket opened, one message went out, and its answers held the screen.
    first, second = page.run("sent")[:2]
    assert (first[0], first[2]) == (HELLO, [])
    assert (second[0], second[2][:4]) == (ACK, [WELCOME, SESSIONS, JOINED, START])


def test_screens_are_acknowledged_after_they_were_painted_and_ten_times_a_second_at_most(
        start, talk, open_page):
    gateway = start()
    page = open_page(gateway)
    page.wait("got.length >= 4")
    for number in range(3000):
        talk(f"line {number}\r\n")
        time.sleep(0.02)  # a program that prints fifty lines a second
        if number % 60 == 59 and page.run("sent.filter(([kind]) => kind === 2).length > 3"):
            break
    page.wait_text(f"line {number}")
    times = [at for kind, at, _ in page.run("sent") if kind == ACK]
    assert min(later - at for at, later in zip(times, times[1:])) > 95
    assert len(times) <= page.run("got.filter((kind) => kind === 1 || kind === 2).length")


def test_the_token_leaves_the_address_and_another_one_serves_to_come_back(start, talk, open_page):
    gateway = start()
    talk("it begins\r\n")
    once = gateway.invite("--uses=1")
    page = open_page(gateway, once)
    page.wait_text("it begins")
    assert page.driver.current_url == f"http://127.0.0.1:{gateway.port}/"
    kept = page.run("sessionStorage.getItem('mirrord.token')")
    assert kept and kept != once and page.run("document.cookie") == ""
    page.driver.refresh()
    page.wait_text("it begins")
    assert page.run("sessionStorage.getItem('mirrord.token')") not in (kept, once)
    again = open_page(gateway, once)
    again.wait_state("ended")
    again.wait("!document.getElementById('message').hidden")
    assert again.text() == ""


def test_without_a_token_the_page_says_what_is_missing(start, talk, open_page):
    gateway = start()
    talk("a secret\r\n")
    page = open_page(gateway, "x")
    page.wait_state("ended")
    assert "link" in page.run("document.getElementById('message').innerText")
    assert page.text() == ""


# ---- losing the link ----------------------------------------------------------------------------


@pytest.mark.parametrize("half", ("gateway", "porter"))
def test_a_page_comes_back_by_itself_whichever_half_is_killed(start, talk, open_page, half):
    gateway = start()
    talk("before\r\n")
    page = open_page(gateway)
    page.wait_text("before")
    page.run("void (globalThis.states = [], new MutationObserver(() => states.push(document.body.dataset.state))"
             ".observe(document.body, {attributeFilter: ['data-state']}))")
    os.kill(gateway.pid() if half == "gateway" else gateway.porter(), signal.SIGKILL)
    page.wait("states.includes('lost') && states.at(-1) === 'live'")
    talk("after\r\n")
    page.wait_text("after")
    assert "before" in page.text()


def test_a_page_greys_while_there_is_no_gateway_and_comes_back_by_itself(mirrord, start, talk, open_page):
    gateway = start(listen=f"127.0.0.1:{rig.free_port()}")
    talk("before\r\n")
    page = open_page(gateway)
    page.wait_text("before")
    gateway.process.kill()
    gateway.process.wait()
    page.wait("document.body.dataset.state !== 'live'")
    page.wait("getComputedStyle(document.getElementById('stage')).filter.includes('grayscale')")
    assert "before" in page.text()
    talk("after\r\n")
    mirrord.wait_row("s", "after")
    start(listen=f"127.0.0.1:{gateway.port}")
    page.wait_text("after")
    page.wait_state("live")
    page.wait("getComputedStyle(document.getElementById('stage')).filter === 'none'")


def test_a_gateway_that_is_silent_counts_as_lost(start, talk, open_page):
    gateway = start()
    talk("before\r\n")
    page = open_page(gateway)
    page.wait("/ ms away/.test(document.getElementById('facts').textContent)")
    os.kill(gateway.pid(), signal.SIGSTOP)
    try:
        page.show(False)
        page.show(True)  # then it asks at once
        page.wait("document.body.dataset.state !== 'live'")  # lost, or connecting again
    finally:
        os.kill(gateway.pid(), signal.SIGCONT)
    page.wait_state("live")
    page.wait_text("before")


def test_a_hidden_page_gets_nothing_and_is_current_when_it_is_looked_at(start, talk, open_page):
    gateway = start()
    talk("before\r\n")
    page = open_page(gateway)
    page.wait_text("before")
    page.show(False)
    page.wait("document.visibilityState === 'hidden'")
    page.wait("sent.some(([kind]) => kind === 3)")
    witness = gateway.page().wait_text("before")

    def hidden():  # the gateway has heard of it, too
        before, word = page.run("got"), f"probe {time.monotonic()}"
        talk(f"{word}\r\n")
        witness.wait_text(word)
        time.sleep(0.2)
        return page.run("got") == before

    rig.wait_until(hidden)
    before, worked = page.run("[got, sent.length]"), page.worked()
    for line in [word() for _ in range(50)]:
        talk(f"{line}\r\n")
        witness.wait_text(line)
    witness.close()
    assert page.run("[got, sent.length]") == before
    after = page.worked()
    assert after["LayoutCount"] == worked["LayoutCount"]
    print(f"hidden, while 50 lines were printed: {(after['TaskDuration'] - worked['TaskDuration']) * 1e3:.1f} ms "
          "of work, with what asks for it")
    page.show(True)
    page.wait_text(line)


# ---- a gateway that does wrong -------------------------------------------------------------------

TOKEN = "A" * 22
KEY_FRAME = bytes.fromhex("9d030c") + b"first"


def coming_in(epoch=7):
    """The messages before the first screen."""
    session = text("s") + text("alice") + varint(1_700_000_000) + varint(1)
    return [bytes([WELCOME]) + varint(1) + text("B" * 22) + text("bob") + varint(1_700_000_000_000),
            bytes([SESSIONS]) + varint(1) + session,
            bytes([JOINED]) + session + struct.pack("<Q", epoch) + varint(0)]


class Stream:
    """A deflate stream as the fan makes it, more or less: every piece ends at a whole byte."""

    def __init__(self):
        self.deflate = zlib.compressobj(6, zlib.DEFLATED, -15)

    def put(self, kind, data):
        return bytes([kind]) + self.deflate.compress(data) + self.deflate.flush(zlib.Z_SYNC_FLUSH)

    def start(self, frame, seq=1, base=0, window=b""):
        return self.put(START, varint(seq) + varint(base) + varint(len(frame)) + frame + window)


def good(*frames):
    stream = Stream()
    return [*coming_in(), stream.start(KEY_FRAME, window=b"first and second" * 100),
            *[stream.put(STEP, frame) for frame in frames]]


WRONG = {
    "a frame with an unknown operation": lambda: good(b"\x7f"),
    "a frame that leads out of the screen": lambda: good(b"\x03\x63\x63"),
    "a frame before a start": lambda: [*coming_in(), Stream().put(STEP, b"x")],
    "a start from a screen that is not there": lambda: [*coming_in(), Stream().start(b"x", 9, 8)],
    "a start that is cut off": lambda: [*coming_in(), Stream().put(START, b"\x01\x00\x40x")],
    "what does not inflate": lambda: [*coming_in(), bytes([START]) + b"\xff" * 40],
    "a message of an unknown kind": lambda: [*coming_in(), b"\x77"],
    "a message that is too long": lambda: [*coming_in(), coming_in()[0] + b"x"],
    "a control in a name": lambda: [bytes([WELCOME, 1, 1, 0x1b, 1, 0x41, 0])],
    "an enormous screen": lambda: [*coming_in(), Stream().start(b"\x9d\xff\xff\x03\xff\xff\x03")],
    "a bomb": lambda: [*coming_in(), Stream().start(b"\x00" * (65 << 20))],
}


@pytest.fixture
def scripted(open_page):
    gateways = []

    def gateway(*scripts):
        gateways.append(browser.ScriptedGateway(*scripts))
        return gateways[-1]

    yield gateway
    for one in gateways:
        one.close()


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_whatever_a_gateway_sends_the_page_starts_anew(scripted, open_page, wrong):
    gateway = scripted(wrong(), good(b"\x01second"))
    page = open_page(gateway, TOKEN)
    page.wait_text("second")
    page.wait_state("live")
    assert len(gateway.hellos) == 2
    # Nothing is kept of what was wrong: the second time it says that it has no screen.
    assert gateway.hellos[1].endswith(bytes(9))


def test_a_token_that_is_refused_is_not_tried_again(scripted, open_page):
    gateway = scripted([bytes([BYE, 1]) + text("no such link")])
    page = open_page(gateway, TOKEN)
    page.wait_state("ended")
    assert "no such link" in page.run("document.getElementById('message').innerText")
    assert page.run("sessionStorage.getItem('mirrord.token')") == ""
    assert len(gateway.hellos) == 1


def test_a_host_who_is_lost_is_found_again_from_what_the_page_has(scripted, open_page):
    """The link is lost; the next connection says which screen there is, and only what changed comes."""
    lost = good(b"\x01second") + [bytes([BYE, 5]) + text("the gateway stops")]
    again = [*coming_in(), Stream().start(b"\x01third", 5, 2)]
    gateway = scripted(lost, again)
    page = open_page(gateway, TOKEN)
    page.wait_text("third")
    assert page.text().split("\n") == ["first", "second", "third"]
    assert gateway.hellos[1].endswith(struct.pack("<Q", 7) + varint(2))
    assert ("B" * 22).encode() in gateway.hellos[1]


# ---- reading ------------------------------------------------------------------------------------


def test_copied_text_keeps_blank_lines_and_joins_wrapped_ones(start, talk, open_page):
    gateway = start()
    long = "0123456789" * 12
    talk(f"one\r\n\r\n\r\ntwo\r\n{long} end\r\n漢字 é\r\nlast\r\n")
    page = open_page(gateway)
    page.wait_text("last")
    page.select(0, 0, 7, 4)
    assert page.copied() == f"one\n\n\ntwo\n{long} end\n漢字 é\nlast"
    page.select(0, 1, 3, 2)
    assert page.copied() == "ne\n\n\ntw"
    page.select(5, 2, 6, 1)  # from within the wrapped line
    assert page.copied() == f"{long[82:]} end\n漢"


def test_links_lead_where_they_say_and_nowhere_else(start, talk, open_page):
    gateway = start()
    wrapped = "https://example.org/" + "a" * 90
    talk("see https://example.org/x?y=1, (http://[::1]:8080/p) or ftp://no.example javascript:alert(1)\r\n"
         f"{wrapped} rest\r\n"
         "\x1b]8;;https://target.example/t\x07words\x1b]8;;\x07 http://user@evil\r\n")
    page = open_page(gateway)
    page.wait_text("words")
    links = page.run(f"[...document.querySelectorAll('{ROWS} a')].map(a => "
                     "[a.textContent, a.href, a.title, a.target, a.rel])")
    assert {link[1] for link in links} == {
        "https://example.org/x?y=1", "http://[::1]:8080/p", wrapped, "https://target.example/t",
        "http://user@evil/"}
    assert all(link[2] == link[1] and link[3] == "_blank" for link in links)
    assert all(set(link[4].split()) == {"noopener", "noreferrer"} for link in links)
    parts = [link[0] for link in links if link[1] == wrapped]
    assert len(parts) == 2 and "".join(parts) == wrapped
    assert ["words", "https://target.example/t"] in [link[:2] for link in links]
    # Its target is shown to whoever gets there by keyboard.
    page.driver.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": True})
    page.run(f"document.querySelector('{ROWS} a').focus()")
    page.wait("document.getElementById('target').textContent === 'https://example.org/x?y=1'")


def test_what_scrolled_away_is_there_for_those_who_come_late(start, talk, open_page):
    gateway = start()
    talk("".join(f"line number {n}\r\n" for n in range(300)))
    page = open_page(gateway)
    page.wait_text("line number 299")
    assert page.run("document.querySelectorAll('#past .r').length") == 0
    page.press("h")
    page.wait("document.querySelectorAll('#past .r').length >= 200")
    page.run("document.getElementById('view').scrollTop = 0")
    page.wait("document.querySelector('#past .r')?.textContent === 'line number 0'")
    lines = page.run("[...document.querySelectorAll('.r')].map(r => r.textContent)")
    assert [line for line in lines if line] == [f"line number {n}" for n in range(300)]
    # What scrolls away while one looks is added.
    talk("".join(f"line number {n}\r\n" for n in range(300, 350)))
    page.wait("[...document.querySelectorAll('#past .r')].some(r => r.textContent === 'line number 310')")
    page.press("h")
    page.wait("document.querySelectorAll('#past .r').length === 0")


def test_search_finds_in_the_screen_and_in_what_scrolled_away(start, talk, open_page):
    gateway = start()
    talk("needle one\r\n" + "".join(f"hay {n}\r\n" for n in range(300)) + "a NEEDLE two\r\n")
    page = open_page(gateway)
    page.wait_text("NEEDLE two")
    page.press("/")
    page.wait("document.activeElement.id === 'needle'")
    page.wait("document.querySelectorAll('#past .r').length > 270")
    for key in "needle":
        page.press(key)
    page.wait("document.getElementById('found').textContent === '2 of 2'")
    assert page.run("[...CSS.highlights.get('found')].map(String)") == ["needle", "NEEDLE"]
    page.press("Enter")
    page.wait("document.getElementById('found').textContent === '1 of 2'")
    place = ("(() => {const r = [...CSS.highlights.get('current')][0].getBoundingClientRect(),"
             "v = document.getElementById('view').getBoundingClientRect();"
             "return r.top >= v.top - 1 && r.bottom <= v.bottom + 1;})()")
    page.wait(place)
    page.press("Escape")
    page.wait("document.getElementById('find').hidden")


def test_what_changes_is_said_to_screen_readers_until_that_is_switched_off(start, talk, open_page):
    gateway = start()
    talk("before\r\n")
    page = open_page(gateway)
    page.wait_text("before")
    said = "document.getElementById('spoken').textContent"
    talk("progress 80 %\r\n")
    page.wait(f"{said}.includes('progress 80 %')")
    assert page.run("document.getElementById('spoken').getAttribute('aria-live')") == "polite"
    page.press("a")
    page.wait(f"{said} === ''")
    talk("progress 90 %\r\n")
    page.wait_text("progress 90 %")
    time.sleep(2.5)  # longer than the page gathers what it says
    assert page.run(said) == ""


# ---- looks --------------------------------------------------------------------------------------


def test_the_screen_fits_the_window_and_a_phone(start, talk, open_page, chromium):
    gateway = start()
    talk("x" * 80 + "\x1b[24;1Hlast row")
    page = open_page(gateway)
    page.wait_text("last row")
    box = ("(() => {const s = document.getElementById('screen').getBoundingClientRect(),"
           "v = document.getElementById('view').getBoundingClientRect();"
           "return [s.width / v.width, s.height / v.height, s.right <= v.right + 1, s.bottom <= v.bottom + 1];})()")
    for width, height in ((1280, 800), (390, 844), (800, 300)):
        chromium.resize(width, height)
        page.wait(f"(b => b[2] && b[3] && Math.max(b[0], b[1]) > 0.93)({box})")
    chromium.resize(390, 844)
    size = "parseFloat(getComputedStyle(document.getElementById('screen')).fontSize)"
    page.wait(f"{size} < 9")
    small = page.run(size)
    touch = {"x": 150, "y": 400}, {"x": 200, "y": 400}
    for kind, points in (("touchStart", touch), ("touchMove", ({"x": 75, "y": 400}, {"x": 275, "y": 400})),
                         ("touchEnd", ())):
        page.driver.execute_cdp_cmd("Input.dispatchTouchEvent",
                                    {"type": kind, "touchPoints": list(points)})
    page.wait(f"{size} > a[0] * 2", small)
    assert page.run("(v => v.scrollWidth > v.clientWidth)(document.getElementById('view'))")
    page.press("f")
    page.wait(f"{size} < 9")


def test_on_a_phone_all_buttons_and_facts_are_there(start, talk, open_page, chromium):
    gateway = start()
    talk("\x1b]2;a title that is much too long for a phone, on which there is no room for it\x07text\r\n")
    page = open_page(gateway)
    page.wait_text("text")
    page.wait("/ ms away.*unchanged/.test(document.getElementById('facts').textContent)")
    chromium.resize(390, 844)
    page.wait("innerWidth === 390")
    cut = page.run("['facts', 'tools', 'bar'].map(id => document.getElementById(id))"
                   ".filter(e => e.scrollWidth > e.clientWidth).map(e => e.id)")
    assert cut == []
    outside = page.run("[...document.querySelectorAll('#tools button:not([hidden])')].filter(b => {"
                       "const r = b.getBoundingClientRect(); return r.left < 0 || r.right > innerWidth || r.height < 32;})"
                       ".map(b => b.textContent)")
    assert outside == []
    assert page.run("document.documentElement.scrollWidth") == 390


def test_what_the_host_says_hides_no_row(mirrord, start, talk, open_page):
    gateway = start()
    talk("\x1b[24;1Hlast row")
    page = open_page(gateway)
    page.wait_text("last row")
    mirrord.run("say", "the upgrade begins at ten")
    page.wait("document.getElementById('notice').textContent.includes('begins at ten')")
    page.wait("document.querySelector('#screen .r:last-child').getBoundingClientRect().bottom <= "
              "document.getElementById('notice').getBoundingClientRect().top + 1")


def test_all_that_buttons_do_keys_do(start, talk, open_page):
    gateway = start()
    talk("".join(f"line {n}\r\n" for n in range(40)) + "https://example.org/\r\n")
    page = open_page(gateway)
    page.wait_text("example.org")
    size = "parseFloat(getComputedStyle(document.getElementById('screen')).fontSize)"

    def changes(key, value):
        before = page.run(value)
        page.press(key)
        page.wait(f"({value}) !== a[0]", before)

    pressed = "document.querySelector('[data-do=%s]').ariaPressed"
    todo = {"+": size, "f": size, "-": size, "t": "document.documentElement.dataset.theme",
            "a": pressed % "speak", "h": pressed % "past", "c": "document.getElementById('notice').textContent",
            "?": "document.getElementById('help').open", "/": "document.getElementById('find').hidden",
            "s": "document.body.dataset.view"}
    titles = page.run("[...document.querySelectorAll('#tools button')].map(b => b.title)")
    assert {title[-2] for title in titles} == set(todo)
    for key, value in todo.items():
        changes(key, value)
        if key in "?/":
            changes("?" if key == "?" else "Escape", value)
    # What is on the page is reached by Tab: buttons, the screen, its links.
    page.driver.execute_cdp_cmd("Emulation.setFocusEmulationEnabled", {"enabled": True})
    assert page.run("[...document.querySelectorAll('button, a, input, #view')].every(e => e.tabIndex >= 0)")


def test_who_wants_less_motion_gets_none(start, talk, open_page):
    gateway = start()
    talk("\x1b[5mblinks\x1b[0m \x1b[1 q")
    page = open_page(gateway)
    page.wait_text("blinks")
    moving = "document.getAnimations().length"
    page.wait(f"{moving} > 0")
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
        "features": [{"name": "prefers-reduced-motion", "value": "reduce"}]})
    page.wait(f"{moving} === 0")
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_what_one_likes_is_remembered(start, talk, open_page):
    gateway = start()
    talk("text\r\n")
    page = open_page(gateway)
    page.wait_text("text")
    theme = page.run("document.documentElement.dataset.theme")
    page.press("t")
    page.press("+")
    page.press("+")
    size = "parseFloat(getComputedStyle(document.getElementById('screen')).fontSize)"
    after, large = page.run("document.documentElement.dataset.theme"), page.run(size)
    assert after != theme
    page.driver.refresh()
    page.wait_text("text")
    assert page.run("document.documentElement.dataset.theme") == after
    assert page.run(size) == pytest.approx(large, abs=0.1)


def test_several_sessions_are_listed_and_one_can_be_chosen(mirrord, start, talk, open_page):
    mirrord.detached("other", "sh", "-c", "echo the other one; exec sleep 1000")
    gateway = start()
    talk("the first one\r\n")
    page = open_page(gateway)
    page.wait("document.querySelectorAll('#list button').length === 2")
    assert page.text() == "" and not page.run("document.getElementById('list').hidden")
    page.run("[...document.querySelectorAll('#list button')].find(b => b.textContent === 'other').click()")
    page.wait_text("the other one")
    page.press("s")
    page.wait("!document.getElementById('list').hidden")
    page.run("[...document.querySelectorAll('#list button')].find(b => b.textContent === 's').click()")
    page.wait_text("the first one")
    mirrord.run("stop", "s")
    page.wait("document.getElementById('notice').textContent !== ''")
    page.wait_state("ended")
    assert "the first one" in page.text()
    mirrord.detached("s", "sh", "-c", "echo begun anew; exec sleep 1000")
    page.wait_text("begun anew")
    page.wait_state("live")
