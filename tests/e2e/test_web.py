# SPDX-License-Identifier: ISC
"""`mirrord web`: who is let in, what they get, and what they cannot do. The browser's side is webpage.py."""

import contextlib
import itertools
import json
import os
import re
import signal
import subprocess
import time

import pytest
import rig
import webpage
from webpage import JOINED, LEFT, SESSIONS, START, STEP, WELCOME, Page, Socket, get

LINK = re.compile(r"^(https?)://(\S+):(\d+)/#(\S+)$", re.M)


class Gateway:
    """`mirrord web` in the foreground; `token` is that of the link it printed."""

    def __init__(self, mirrord, *args):
        self.mirrord = mirrord
        self.output = mirrord.folder / "gateway"
        with open(self.output, "wb") as out:
            self.process = subprocess.Popen(
                mirrord.argv("web", *args), env=mirrord.env, stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, start_new_session=True)
        rig.wait_until(lambda: "More links" in self.said() or self.process.poll() is not None,
                       what=self.said)
        assert self.process.poll() is None, self.said()
        scheme, self.host, port, self.token = LINK.search(self.said()).groups()
        self.port, self.tls = int(port), scheme == "https"

    def said(self):
        return self.output.read_text()

    def porter(self):
        """The half that knows links and sessions."""
        return rig.wait_until(lambda: next((pid for pid in rig.children_of(self.process.pid)
                                            if not rig.is_zombie(pid)), None), what="a porter")

    def pid(self):
        """The half that browsers talk to, once it has locked itself down."""
        def locked():
            for pid in rig.children_of(self.porter()):
                with contextlib.suppress(OSError), open(f"/proc/{pid}/status") as file:
                    if not rig.is_zombie(pid) and "Seccomp:\t2" in file.read():
                        return pid
            return None
        return rig.wait_until(locked, what="a gateway that is locked down")

    def invite(self, *args):
        """The token of a new link."""
        return LINK.search(self.mirrord.run("web", "invite", *args).stdout.decode())[4]

    def page(self, token=None, **options):
        return Page(self.port, token or self.token, tls=self.tls, **options)

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(rig.END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def start(mirrord):
    """Starts gateways: start(...) with the arguments of `mirrord web`, on a free port."""
    started = []

    def gateway(*args, listen="127.0.0.1:0"):
        started.append(Gateway(mirrord, f"--listen={listen}", *args))
        return started[-1]

    yield gateway
    for one in started:
        one.close()
        assert "Sanitizer" not in one.said() and "runtime error" not in one.said(), one.said()


@pytest.fixture
def talk(mirrord):
    """A session whose program prints what it is told to: talk(text), through a fifo."""
    fifo = mirrord.folder / "fifo"
    os.mkfifo(fifo)
    mirrord.detached("s", "sh", "-c", f"stty raw; exec cat {fifo} 9<>{fifo}")
    pipe = open(fifo, "wb", buffering=0)
    yield lambda text: pipe.write(text.encode())
    pipe.close()


LETTERS = itertools.count(0x4E00)


def word():
    """Characters that no frame finds elsewhere on a screen, so that it has to write them."""
    return "".join(chr(next(LETTERS)) for _ in range(3))


def refused(gateway, token):
    """The reason that a token is refused for."""
    page = gateway.page(token)
    reason = page.bye()
    page.close()
    assert not page.frames
    return reason


# ---- watching -----------------------------------------------------------------------------------


@pytest.mark.core
def test_whoever_has_the_link_sees_the_screen_and_each_change(start, talk):
    gateway = start()
    talk("first")
    page = gateway.page().wait_text("first")
    assert (page.name, page.session, page.host) == ("auditor", "s", rig.account())
    talk("second")
    page.wait_text("second")
    assert page.frames[-1][1] == page.frames[-2][0]
    page.close()


def test_the_screen_is_there_one_round_trip_after_the_socket_opens(start, talk):
    page = start().page()
    kinds = [page.next()[0] for _ in range(4)]
    assert kinds == [WELCOME, SESSIONS, JOINED, START]
    page.close()


def test_steps_lead_from_what_was_acknowledged_and_go_on_in_one_stream(start, talk):
    page = start().page()
    page.wait(START)
    for line in [word() for _ in range(30)]:
        talk(f"{line}\r\n")
        page.wait_text(line)
    assert [base for _, base, _ in page.frames[1:]] == [seq for seq, _, _ in page.frames[:-1]]
    page.close()


def test_who_comes_back_gets_only_what_changed(start, talk):
    gateway = start()
    talk("\r\n".join(f"a row with some text in it {row}" for row in range(20)))
    page = gateway.page().wait_text("in it 19")
    seq = page.seq
    page.close()
    talk("more")
    page.open().wait_text("more")
    assert page.frames[-1][1] == seq
    assert len(page.frames[-1][2]) < 20
    page.epoch += 1  # as after another gateway was started
    page.open().wait(START)
    assert page.frames[-1][1] == 0
    page.close()


def test_a_hidden_page_costs_nothing_and_is_current_when_it_is_shown(mirrord, start, talk):
    page = start().page()
    page.wait(START)
    page.socket.send(bytes([webpage.VISIBLE, 0]))
    page.socket.send(bytes([webpage.PING, 7]))
    assert page.wait(webpage.PONG)[1][0] == 7
    talk("".join(f"unseen {number}\r\n" for number in range(20)))
    mirrord.wait_row("s", "unseen 19")
    page.socket.send(bytes([webpage.PING, 8]))
    assert page.next()[0] == webpage.PONG
    talk("shown")
    page.socket.send(bytes([webpage.VISIBLE, 1]))
    page.wait_text("shown")
    page.close()


def history(page, first, count):
    """(from, end, oldest, the frame) of rows that scrolled away."""
    page.socket.send(bytes([webpage.HISTORY]) + webpage.varint(first) + webpage.varint(count))
    reader = webpage.Reader(page.wait(webpage.HISTORY_IS)[1])
    numbers = reader.varint(), reader.varint(), reader.varint()
    rest = reader.rest()
    return *numbers, webpage.zlib.decompressobj(-15).decompress(rest) if rest else b""


def test_rows_that_scrolled_away_are_given_by_number(start, talk):
    talk("".join(f"row {number};\r\n" for number in range(300)))
    page = start().page().wait_text("row 299;")
    first, end, oldest, frame = history(page, 100, 3)
    assert (first, end, oldest) == (100, 277, 0)
    assert b"row 100;" in frame and b"102;" in frame and b"103;" not in frame
    assert history(page, 276, 50)[0] == 276
    assert b"row 275;" not in history(page, 276, 50)[3]
    assert history(page, 277, 50)[3] == b""
    page.close()


# ---- several sessions, several people -----------------------------------------------------------


def test_one_page_lists_what_its_link_shows_and_hears_of_changes(mirrord, start):
    for name in ("one", "two"):
        mirrord.detached(name, "sh", "-c", f"echo this is {name}; exec cat")
    gateway = start()

    def sees_both():  # once each has told the gateway who it is
        page = gateway.page()
        page.wait(SESSIONS)
        if [session[0] for session in page.sessions] == ["one", "two"]:
            return page
        return page.close()

    page = rig.wait_until(sees_both)
    assert not page.session  # it has to choose
    page.socket.send(bytes([webpage.JOIN]) + webpage.text("two"))
    page.wait(JOINED)
    page.wait_text("this is two")
    mirrord.run("stop", "two")
    page.wait(LEFT)
    while [session[0] for session in page.sessions] != ["one"]:
        page.wait(SESSIONS)
    mirrord.detached("three", "cat")
    while [session[0] for session in page.sessions] != ["one", "three"]:
        page.wait(SESSIONS)
    page.socket.send(bytes([webpage.JOIN]) + webpage.text("two"))
    page.wait(LEFT)
    page.socket.send(bytes([webpage.JOIN]) + webpage.text("one"))
    page.wait_text("this is one")
    page.close()


def test_a_link_to_one_session_shows_no_other(mirrord, start):
    for name in ("one", "two"):
        mirrord.detached(name, "sh", "-c", f"echo this is {name}; exec cat")
    gateway = start()
    page = gateway.page(gateway.invite("--session=two"))
    page.wait(JOINED)
    assert [session[0] for session in page.sessions] == ["two"] and page.session == "two"
    page.socket.send(bytes([webpage.JOIN]) + webpage.text("one"))
    page.wait(LEFT)
    page.close()


def test_the_host_sees_by_name_who_watches_and_everybody_how_many(mirrord, start, talk):
    gateway = start()
    bob, eve = (gateway.page(gateway.invite(f"--name={name}")) for name in ("bob", "eve \u00e9"))
    for page in (bob, eve):
        page.wait(START)

    def people():
        listed = json.loads(mirrord.run("who", "--json").stdout)
        return sorted((one["name"], one["via"], one["from"]) for one in listed
                      if one["via"] == "web" and one["name"] != "web gateway")

    both = [("bob", "web", "127.0.0.1"), ("eve \u00e9", "web", "127.0.0.1")]
    rig.wait_until(lambda: people() == both, what=people)
    while bob.watching != 2:
        bob.wait(webpage.WATCHING)
    eve.close()
    rig.wait_until(lambda: people() == both[:1], what=people)
    bob.close()


def test_whom_the_host_sends_away_is_gone_and_a_ban_lasts(mirrord, start, talk):
    gateway = start()
    bob, eve = (gateway.page(gateway.invite(f"--name={name}")) for name in ("bob", "eve"))
    for page in (bob, eve):
        page.wait(START)
    rig.wait_until(lambda: b"bob" in mirrord.run("who").stdout)
    mirrord.run("kick", "bob")
    assert bob.bye() == webpage.SENT_AWAY
    bob.open().wait(JOINED)  # not by itself, but when a person loads the page again
    rig.wait_until(lambda: b"bob" in mirrord.run("who").stdout)
    mirrord.run("kick", "--ban", "bob")
    assert bob.bye() == webpage.SENT_AWAY
    assert bob.open().bye() == webpage.SENT_AWAY
    talk("still here")
    eve.wait_text("still here")
    eve.close()


def test_a_crowd_that_comes_at_once_is_told_to_the_session_in_few_messages(mirrord, start, talk):
    gateway = start()
    pages = [gateway.page() for _ in range(100)]
    for page in pages:
        page.wait(START)

    def count():
        return sum(one["via"] == "web" and one["name"] == "auditor"
                   for one in json.loads(mirrord.run("who", "--json").stdout))

    rig.wait_until(lambda: count() == 100, what=count)
    talk("all of you")
    for page in pages:
        page.wait_text("all of you")
        page.close()
    rig.wait_until(lambda: count() == 0, what=count)


# ---- who is let in ------------------------------------------------------------------------------


@pytest.mark.core
def test_host_and_origin_and_token_all_have_to_be_right(start, talk):
    gateway = start("--host=mirror.example")
    port = gateway.port
    hosts = {f"127.0.0.1:{port}": True, "localhost:9999": True, "LOCALHOST": True, "[::1]:80": True,
             "mirror.example:443": True, "evil.example": False, f"evil.example:{port}": False,
             "127.0.0.1.evil.example": False, "mirror.example:": False, "localhost:x": False,
             "": False}
    for host, good in hosts.items():
        assert (get(port, host=host)[0].status == 200) == good, host
    origins = {webpage.SAME: True, None: False, "null": False, "http://evil.example": False,
               "https://HOST": False, "http://HOST.evil.example": False, "http://HOST/": False,
               "http://localhost:1": False}
    tokens = {gateway.token: True, gateway.token[:-1]: False, "": False, "A" * 22: False,
              gateway.token + "A": False}
    for (host, known), (origin, own) in itertools.product(hosts.items(), origins.items()):
        if isinstance(origin, str):
            origin = origin.replace("HOST", host)
        socket = Socket(port, host, origin)
        assert socket.opened == (known and own), (host, origin)
        socket.close()
        if not socket.opened:
            assert socket.answer.status in (400, 403)
    for token, good in tokens.items():
        page = Page(port, token, host="localhost:9999")
        if good:
            page.wait(START)
        else:
            assert page.bye() == webpage.REFUSED and not page.frames, token
        page.close()


def test_every_answer_forbids_what_the_page_does_not_need(start):
    gateway = start()
    index, body = get(gateway.port)
    file = re.search(rb'src="(/[0-9a-f]{16}/[^"]+\.js)"', body)[1].decode()
    script = get(gateway.port, file)[0]
    for answer in (index, script, get(gateway.port, "/none")[0], get(gateway.port, host="evil")[0]):
        headers = answer.headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        for part in ("frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'",
                     "require-trusted-types-for 'script'", "script-src 'self'"):
            assert part in policy.split("; "), policy
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers and "set-cookie" not in headers
    assert "immutable" in script.headers["cache-control"]
    assert index.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("line", (
    "FOO / HTTP/1.1", "GET http://evil/ HTTP/1.1", "OPTIONS * HTTP/1.1", "GET /x%2 HTTP/1.1", "\0\0\0\0\0"))
def test_what_the_library_answers_by_itself_forbids_everything(start, line):
    with webpage.connect(start().port) as sock:
        sock.sendall(f"{line}\r\nHost: localhost\r\n\r\n".encode())
        answer = webpage.Answer(sock)
    assert answer.status == 403
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_link_is_good_as_often_and_as_long_as_it_says(start, talk):
    gateway = start()
    once = gateway.invite("--name=once")
    page = gateway.page(once)
    page.wait(START)
    page.ping()
    first = page.token
    page.close()
    assert refused(gateway, once) == webpage.REFUSED  # used up
    again = gateway.page(first)
    again.wait(START)
    again.ping()
    again.close()
    assert refused(gateway, first) == webpage.REFUSED  # replayed
    again.open().wait(JOINED)  # and, with the screen it has, no frame
    again.close()
    twice = gateway.invite("--name=twice", "--uses=2")
    for _ in range(2):
        gateway.page(twice).ping()
    assert refused(gateway, twice) == webpage.REFUSED


def test_an_answer_that_was_lost_on_its_way_locks_nobody_out(start, talk):
    gateway = start()
    once = gateway.invite("--name=once")
    for _ in range(3):  # the page never gets to keep the new token
        page = gateway.page(once, acks=False)
        page.wait(START)
        page.close()
    kept = page.token
    for _ in range(3):
        page.token = kept
        page.open().wait(JOINED)
        page.close()
    page.open().ping()
    page.close()
    assert refused(gateway, kept) == refused(gateway, once) == webpage.REFUSED


def test_who_watches_is_cut_when_the_link_expires_or_is_revoked(mirrord, start, talk):
    gateway = start()
    brief, bob = gateway.invite("--name=brief", "--expires=6s"), gateway.invite("--name=bob")
    pages = [gateway.page(token) for token in (brief, bob)]
    for page in pages:
        page.wait(START)
    mirrord.run("web", "revoke", "bob")
    for page, why in zip(pages, ("expired", "revoked")):
        assert page.bye() == webpage.REVOKED and why in page.why
        assert refused(gateway, page.token) == webpage.REFUSED
    assert refused(gateway, brief) == refused(gateway, bob) == webpage.REFUSED
    listed = json.loads(mirrord.run("web", "invites", "--json").stdout)
    assert {one["name"]: one["good"] for one in listed} == {"auditor": True, "brief": False}


def test_a_token_is_nowhere_on_disk(mirrord, start, talk):
    gateway = start()
    page = gateway.page(gateway.invite("--name=bob"))
    page.wait(START)
    path = mirrord.rundir / "mirrord" / ".web"
    assert path.stat().st_mode & 0o777 == 0o600
    kept = path.read_text()
    assert "bob" in kept and page.token not in kept and gateway.token not in kept
    page.close()


def test_a_page_that_is_opened_again_elsewhere_ends_the_one_before(start, talk):
    gateway = start()
    page = gateway.page()
    page.wait(START)
    copy = gateway.page(page.token)
    copy.wait(START)
    assert page.bye() == webpage.REFUSED
    copy.close()


# ---- what browsers cannot do --------------------------------------------------------------------


def test_messages_that_are_none_end_their_sender_and_nobody_else(start, talk):
    gateway = start()
    honest = gateway.page()
    honest.wait(START)
    pid = gateway.pid()
    bad = {
        "before HELLO": [webpage.ack(1)],
        "another HELLO": [webpage.hello(gateway.token), webpage.hello(gateway.token)],
        "empty": [b""],
        "unknown": [webpage.hello(gateway.token), b"\x7f"],
        "too long": [b"\x01" + bytes(300)],
        "trailing": [webpage.hello(gateway.token) + b"x"],
        "ack of the future": [webpage.hello(gateway.token), webpage.ack(1 << 40)],
        "varint without end": [b"\x01" + b"\xff" * 40],
        "controls in a name": [webpage.hello("\x1b[31m")],
        "count of none": [webpage.hello(gateway.token), bytes([webpage.HISTORY, 0, 0])],
        "too many": [webpage.hello(gateway.token)] + [bytes([webpage.PING, 1])] * 200,
    }
    for what, messages in bad.items():
        page = Page.__new__(Page)
        page.frames, page.acks, page.unacked = [], False, 0
        page.socket = Socket(gateway.port)
        for message in messages:
            try:
                page.socket.send(message)
            except OSError:
                break
        assert page.bye() in (webpage.BROKEN, webpage.REFUSED), what
        page.close()
    page.socket = Socket(gateway.port)
    page.socket.send(webpage.hello(gateway.token, version=2))
    assert page.bye() == webpage.OTHER_VERSION
    page.socket = Socket(gateway.port)
    page.socket.send(b"text", opcode=1)
    assert page.bye() == webpage.BROKEN
    assert gateway.pid() == pid
    talk("honest")
    honest.wait_text("honest")
    honest.close()


RAW = [
    b"\r\n\r\n", b"GET", b"\0" * 100, b"GET / HTTP/9.9\r\n\r\n", b"G" * 5000,
    b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 8192 + b"\r\n\r\n",
    b"GET /" + b"a" * 8000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\nx",
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n\r\nxxx",
    b"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
    b"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET /%00%2e%2e/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"GET http://evil/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"CONNECT evil:1 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 64,
    b"GET /watch HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\r\n",
    b"GET /watch HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Origin: http://localhost\r\nSec-WebSocket-Version: 99\r\nSec-WebSocket-Key: x\r\n"
    b"Sec-WebSocket-Protocol: mirrord.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" * 50,
    b"GET / HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-,0-,0-\r\n\r\n",
    b"GET /watch HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n"
    b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
]
# what may follow an upgrade, as bytes on the wire
FRAMES = [
    b"\x82\x05hello", b"\x82\xff" + b"\xff" * 8 + b"mask" + b"x" * 100, b"\x82\xfe\xff\xffmask",
    b"\xf2\x80mask", b"\x80\x80mask", b"\x83\x80mask", b"\x09\x80mask", b"\x89\xfe\x01\x00mask",
    b"\x88\x81maskx", b"\x88\x82mask\x00\x00", b"\x02\x81maskx\x02\x81maskx", b"\x00\x81maskx",
    b"\x8a\x80mask" * 500, b"\x89\x84mask1234" * 500, b"\x02\x80mask" * 500,
]


def test_malformed_requests_and_frames_never_end_the_gateway(start, talk):
    gateway = start()
    honest = gateway.page()
    honest.wait(START)
    pid = gateway.pid()
    for data in RAW:
        with webpage.connect(gateway.port) as sock:
            try:
                sock.sendall(data)
                sock.settimeout(0.2)
                while sock.recv(65536):
                    pass
            except OSError:
                pass
    for data in FRAMES:
        socket = Socket(gateway.port)
        try:
            socket.sock.sendall(data)
            socket.sock.settimeout(0.2)
            while socket.sock.recv(65536):
                pass
        except OSError:
            pass
        socket.close()
    assert gateway.pid() == pid
    talk("honest")
    honest.wait_text("honest")
    honest.close()


class SlowHeaders:
    """Connections that say a byte of their headers now and then, and come again when they are dropped."""

    def __init__(self, port, count):
        self.port, self.count = port, count
        self.socks, self.at, self.dropped = [], 0, 0

    def go_on(self, count):
        """So many of them come, or say a byte more."""
        for _ in range(count):
            if len(self.socks) < self.count:
                self.socks.append(webpage.connect(self.port))
                self.socks[-1].sendall(b"GET / HTTP/1.1\r\nX:")
            self.at = (self.at + 1) % len(self.socks)
            try:
                self.socks[self.at].sendall(b"x")
            except OSError:
                self.dropped += 1
                self.socks[self.at].close()
                self.socks[self.at] = webpage.connect(self.port)

    def close(self):
        for sock in self.socks:
            sock.close()


def shown_after(talk, pages):
    """Seconds until a line that the program prints has come to all of them."""
    line = word()
    began = time.monotonic()
    talk(line + "\r\n")
    for page in pages:
        page.wait_text(line)
    return time.monotonic() - began


@pytest.mark.core
def test_slow_headers_and_silent_sockets_do_not_touch_who_watches(start, talk, soak):
    seconds = 60 if soak else 7
    gateway = start()
    pages = [gateway.page() for _ in range(5)]
    for page in pages:
        page.wait(START)
    before = sorted(shown_after(talk, pages) for _ in range(20))
    slow, times = SlowHeaders(gateway.port, 500), []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        slow.go_on(50)
        times.append(shown_after(talk, pages))
    late = gateway.page()  # and who comes gets in
    late.wait(START)
    times.sort()
    print(f"a line was there after {times[len(times) // 2] * 1e3:.1f} ms (before: {before[10] * 1e3:.1f}), "
          f"{times[-1] * 1e3:.0f} ms at most; {slow.dropped} connections were dropped")
    assert slow.dropped > 100 and len(slow.socks) == 500
    assert not soak or times[-1] < 1.0
    assert not soak or times[len(times) // 2] < before[10] + 0.1
    slow.close()
    for page in (*pages, late):
        page.close()


def test_a_socket_without_a_token_is_closed_after_five_seconds(start):
    gateway = start()
    began = time.monotonic()
    opened = [Socket(gateway.port).sock, webpage.connect(gateway.port)]
    for sock in opened:
        sock.settimeout(rig.DEADLINE_S)
        with contextlib.suppress(ConnectionError):
            while sock.recv(4096):
                pass
        assert time.monotonic() - began > 4.9
        sock.close()


def test_the_gateway_can_open_nothing_and_has_nothing_open_but_sockets(start, talk):
    gateway = start()
    page = gateway.page()
    page.wait(START)
    status = open(f"/proc/{gateway.pid()}/status").read()
    assert "NoNewPrivs:\t1" in status and "Seccomp:\t2" in status
    for fd, path in rig.open_fds(gateway.pid()).items():
        if fd == 2:  # where it may leave a line
            continue
        assert path.startswith(("socket:", "pipe:", "anon_inode:")) or path in (
            "/dev/null", "/dev/urandom"), (fd, path)
    page.close()


# ---- the gateway's life -------------------------------------------------------------------------


@pytest.mark.core
def test_a_gateway_that_is_killed_is_started_again_and_nobody_else_notices(
        mirrord, start, talk, terminals):
    gateway = start()
    guest = terminals(mirrord.terminal("view", "s"))
    talk("before")
    guest.wait_for("before")
    page = gateway.page().wait_text("before")
    pid = gateway.pid()
    os.kill(pid, signal.SIGKILL)
    assert page.bye() is None  # a lost link, so it tries again
    rig.wait_until(lambda: gateway.pid() != pid)
    page.open().wait_text("before")
    talk("after")
    page.wait_text("after")
    guest.wait_for("after")
    assert guest.process.poll() is None
    page.close()


@pytest.mark.core
def test_a_porter_that_is_killed_is_started_again_and_links_go_on(mirrord, start, talk, terminals):
    gateway = start()
    guest = terminals(mirrord.terminal("view", "s"))
    talk("before")
    guest.wait_for("before")
    bob = gateway.invite("--name=bob", "--uses=2")
    page = gateway.page(bob).wait_text("before")
    page.ping()
    pids = gateway.porter(), gateway.pid()
    os.kill(pids[0], signal.SIGKILL)
    assert page.bye() is None  # a lost link, so it tries again
    page.open().wait_text("before")
    assert gateway.porter() != pids[0] and gateway.pid() != pids[1]
    talk("after")
    page.wait_text("after")
    guest.wait_for("after")
    gateway.page(bob).ping()  # the link is good for one more
    assert refused(gateway, bob) == webpage.REFUSED
    mirrord.run("web", "revoke", "bob")
    assert page.bye() == webpage.REVOKED
    assert guest.process.poll() is None
    page.close()


def test_a_porter_that_is_killed_again_and_again_is_started_again(start, talk):
    gateway = start()
    talk("alive")
    for _ in range(4):
        pid = gateway.porter()
        os.kill(pid, signal.SIGKILL)
        rig.wait_until(lambda pid=pid: gateway.porter() != pid)
    gateway.page().wait_text("alive")
    assert gateway.said().count("starting it again") == 4


def test_who_ends_the_parent_ends_all_of_it_and_tokens_outlive_that(mirrord, start, talk):
    gateway = start(listen=f"127.0.0.1:{rig.free_port()}")
    page = gateway.page()
    page.wait(START)
    pids = gateway.porter(), gateway.pid()
    gateway.process.kill()
    gateway.process.wait()
    assert page.bye() is None
    rig.wait_until(lambda: not any(rig.is_alive(pid) for pid in pids))
    start(listen=f"127.0.0.1:{gateway.port}")
    page.open().wait(START)
    talk("alive")
    page.wait_text("alive")
    page.close()


def test_a_mirror_that_is_replaced_is_no_end_for_a_page(mirrord, start, talk):
    page = start().page()
    page.wait(START)
    os.kill(mirrord.mirror_pid(mirrord.info("s")), signal.SIGKILL)
    talk("again")
    page.wait_text("again")
    page.close()


def test_stopping_says_goodbye_and_to_try_again(start, talk):
    gateway = start()
    page = gateway.page()
    page.wait(START)
    gateway.process.terminate()
    assert page.bye() == webpage.STOPPING
    assert gateway.process.wait(rig.DEADLINE_S) == 0


def test_web_with_a_session_prints_a_link_to_it_and_ends_with_it(mirrord):
    run = mirrord.run("--detach", "--web=127.0.0.1:0", "-n", "s", "--", "sh", "-c",
                      "echo hello; exec cat")
    _, _, port, token = LINK.search(run.stdout.decode()).groups()
    page = Page(int(port), token).wait_text("hello")
    assert page.session == "s"
    mirrord.run("stop", "s")
    page.bye()

    def is_closed():
        try:
            webpage.connect(int(port)).close()
            return False
        except OSError:
            return True

    rig.wait_until(is_closed, what="the gateway ending")


def test_a_foreground_session_prints_its_link_before_it_takes_the_terminal(mirrord, terminals):
    host = terminals(mirrord.terminal("--web=127.0.0.1:0", "-n", "s", "--", "sh", "-c",
                                      "echo hello; exec cat"))
    host.wait_for("hello")
    output = host.bytes().decode()
    _, _, port, token = LINK.search(output.replace("\r\n", "\n")).groups()
    assert output.index(token) < output.index("\x1b[H\x1b[J") < output.index("hello")
    page = Page(int(port), token).wait_text("hello")
    host.type("typed\r")
    page.wait(STEP)
    page.close()
    mirrord.run("stop", "s")
    assert host.wait_exit() == 129


def test_nobody_gets_into_a_locked_session_through_the_gateway(mirrord, start, talk):
    gateway = start()
    bob = gateway.page(gateway.invite("--name=bob"))
    bob.wait(START)
    rig.wait_until(lambda: b"bob" in mirrord.run("who").stdout)
    mirrord.run("lock")
    eve = gateway.page(gateway.invite("--name=eve"))
    assert eve.bye() == webpage.SENT_AWAY
    talk("bob stays")
    bob.wait_text("bob stays")
    bob.close()


def test_a_gateway_sleeps_while_nothing_happens(start, talk):
    gateway = start()
    page = gateway.page()
    page.wait(START)
    page.ping()
    rig.wait_asleep([gateway.pid(), gateway.porter(), gateway.process.pid], 2, most=2)
    page.close()


def test_a_second_gateway_for_the_same_sessions_is_refused(mirrord, start):
    start()
    run = mirrord.run("web", "--listen=127.0.0.1:0", check=False)
    assert run.returncode == 73 and b"runs for these sessions already" in run.stderr


def test_with_a_certificate_all_of_it_is_encrypted(mirrord, start, talk):
    key, cert = mirrord.folder / "key.pem", mirrord.folder / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert,
                    "-days", "1", "-subj", "/CN=localhost"], check=True, capture_output=True)
    gateway = start(f"--cert={cert}", f"--key={key}")
    assert gateway.tls
    talk("secret")
    page = gateway.page().wait_text("secret")
    assert get(gateway.port, tls=True)[0].status == 200
    for _ in range(50):  # what is no TLS, there before the connection is looked at or after it
        with webpage.connect(gateway.port) as sock:
            webpage.request(sock)
            with pytest.raises((ConnectionError, ValueError, IndexError)):
                assert webpage.Answer(sock).status != 200
    assert get(gateway.port, tls=True)[0].status == 200
    assert not Socket(gateway.port, origin=f"http://127.0.0.1:{gateway.port}", tls=True).opened
    context = webpage.trusting()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with context.wrap_socket(webpage.connect(gateway.port)) as sock:
        assert sock.selected_alpn_protocol() == "http/1.1"
    page.close()


def test_arguments_that_make_no_sense_are_refused(mirrord):
    for args in (["--cert=x"], ["--listen=nowhere:x"], ["a", "b"], ["--host=a b"],
                 ["invite", "--uses=0"], ["invite", "--expires=2"], ["invite", "--session=a/b"],
                 ["revoke"], ["invites", "x"]):
        run = mirrord.run("web", *args, check=False)
        assert run.returncode in (64, 69) and run.stderr.startswith(b"mirrord: "), args
    assert mirrord.run("web", "revoke", "nobody", check=False).returncode == 69
    assert mirrord.run("web", "invite", check=False).returncode == 69  # no gateway yet


def test_the_whole_page_weighs_no_more_than_forty_kilobytes(start):
    gateway = start()
    _, body = get(gateway.port)
    seen, todo, weight = set(), ["/"], 0
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        answer, body = get(gateway.port, path)
        assert answer.status == 200, path
        weight += int(answer.headers["content-length"])
        folder = path.rsplit("/", 1)[0]
        todo += [name.decode() for name in re.findall(rb'(?:src|href)="(/[^"#]+)"', body)]
        todo += [f"{folder}/{name.decode()}" for name in
                 re.findall(rb'from\s*"\./([^"]+)"', body)]
    assert len(seen) >= 3
    assert weight <= 40 * 1024, weight
