# SPDX-License-Identifier: ISC
"""`mirrord web`: what browsers, and whatever else connects, cannot do to it and to those who watch."""

import contextlib
import time

import pytest
import rig
import webpage
from gateway import start, talk, word  # noqa: F401  (some are fixtures)
from webpage import START, Page, Socket


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
