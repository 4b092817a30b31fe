# SPDX-License-Identifier: ISC
"""The browser's side of `mirrord web`, written down a second time: HTTP, WebSocket and the messages of
docs/protocol.md, "Web", from the standard library."""

import base64
import hashlib
import os
import socket
import ssl
import struct
import time
import zlib

from wire import DEADLINE_S, Reader, text, varint

HELLO, ACK, VISIBLE, JOIN, HISTORY, PING = 1, 2, 3, 4, 5, 6
STEP, START = 1, 2
WELCOME, SESSIONS, JOINED, WATCHING, NOTICE, PONG, HISTORY_IS, LEFT, BYE = range(0x41, 0x4A)
REFUSED, REVOKED, OTHER_VERSION, BROKEN, STOPPING, NO_ROOM, SENT_AWAY = 1, 2, 3, 4, 5, 6, 7
PROTOCOL = "mirrord.1"
ACK_S = 0.1  # no more than one ACK in so long


def hello(token, session="", epoch=0, seq=0, version=1):
    return (bytes([HELLO]) + varint(version) + text(token) + text(session)
            + struct.pack("<Q", epoch) + varint(seq))


def ack(seq, held_ms=0):
    return bytes([ACK]) + varint(seq) + varint(held_ms)


def trusting():
    """A TLS context for a certificate made for the test."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def connect(port, tls=False, deadline_s=DEADLINE_S):
    sock = socket.create_connection(("127.0.0.1", port), deadline_s)
    return trusting().wrap_socket(sock) if tls else sock


class Answer:
    """An HTTP answer, read to its end; headers by their names in small letters."""

    def __init__(self, sock):
        data = b""
        while b"\r\n\r\n" not in data:
            more = sock.recv(65536)
            if not more:
                raise ConnectionError(f"closed after {data!r}")
            data += more
        head, self.rest = data.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            self.headers[name.lower()] = value.strip()

    def body(self, sock):
        want = int(self.headers.get("content-length", 0))
        while len(self.rest) < want:
            more = sock.recv(65536)
            if not more:
                raise ConnectionError("closed in the body")
            self.rest += more
        data = self.rest[:want]
        if self.headers.get("content-encoding") == "gzip":
            return zlib.decompress(data, 31)
        return data


def request(sock, path="/", host=None, method="GET", headers=()):
    port = sock.getpeername()[1]
    lines = [f"{method} {path} HTTP/1.1"]
    if host != "":
        lines.append(f"Host: {host or f'127.0.0.1:{port}'}")
    lines += [f"{name}: {value}" for name, value in headers]
    sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))


def get(port, path="/", tls=False, **options):
    """(answer, body) of one request."""
    with connect(port, tls) as sock:
        request(sock, path, **options)
        answer = Answer(sock)
        return answer, answer.body(sock)


SAME = object()


class Socket:
    """A WebSocket to the gateway."""

    def __init__(self, port, host=None, origin=SAME, path="/watch", protocol=PROTOCOL, tls=False,
                 version="13"):
        self.sock = connect(port, tls)
        self.data = b""
        host = f"127.0.0.1:{port}" if host is None else host
        key = base64.b64encode(os.urandom(16)).decode()
        headers = [("Upgrade", "websocket"), ("Connection", "Upgrade"),
                   ("Sec-WebSocket-Key", key), ("Sec-WebSocket-Version", version)]
        if protocol is not None:
            headers.append(("Sec-WebSocket-Protocol", protocol))
        if origin is not None:
            origin = f"http{'s' if tls else ''}://{host}" if origin is SAME else origin
            headers.append(("Origin", origin))
        request(self.sock, path, host, headers=headers)
        self.answer = Answer(self.sock)
        self.data = self.answer.rest
        if self.answer.status == 101:
            magic = key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            accept = base64.b64encode(hashlib.sha1(magic.encode()).digest()).decode()
            assert self.answer.headers["sec-websocket-accept"] == accept

    @property
    def opened(self):
        return self.answer.status == 101

    def send(self, payload, opcode=2, final=True, masked=True):
        mask = os.urandom(4)
        head = bytes([opcode | (0x80 if final else 0)])
        bit = 0x80 if masked else 0
        if len(payload) < 126:
            head += bytes([bit | len(payload)])
        else:
            head += bytes([bit | 126]) + struct.pack(">H", len(payload))
        if masked:
            payload = mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
        self.sock.sendall(head + payload)

    def _whole(self):
        """The frame at the front of what has come, or None if that is not all of it."""
        if len(self.data) < 2:
            return None
        first, length = self.data[:2]
        assert first & 0x80, "the gateway does not cut messages"
        assert not length & 0x80, "a server does not mask"
        at = 2
        for code, form in ((126, ">H"), (127, ">Q")):
            if length == code:
                at = 2 + struct.calcsize(form)
                if len(self.data) < at:
                    return None
                length = struct.unpack(form, self.data[2:at])[0]
                break
        if len(self.data) < at + length:
            return None
        payload, self.data = self.data[at:at + length], self.data[at + length:]
        return first & 15, payload

    def next_frame(self):
        """(opcode, payload) of the next WebSocket frame."""
        while (found := self._whole()) is None:
            more = self.sock.recv(65536)
            if not more:
                raise ConnectionError("the gateway closed")
            self.data += more
        return found

    def next(self, deadline_s=DEADLINE_S):
        """(kind, payload) of the next message, or None once the gateway has closed."""
        end = time.monotonic() + deadline_s
        while True:
            self.sock.settimeout(max(0.001, end - time.monotonic()))
            try:
                opcode, payload = self.next_frame()
            except (ConnectionError, ssl.SSLError) as error:
                if isinstance(error, TimeoutError):
                    raise
                return None
            if opcode == 2:
                return payload[0], payload[1:]
            if opcode == 8:
                return None
            if opcode == 9:
                self.send(payload, 10)

    def wait(self, *kinds, deadline_s=DEADLINE_S):
        """The next message of these kinds; others are passed over."""
        while True:
            found = self.next(deadline_s)
            if found is None:
                raise AssertionError(f"closed before one of {[hex(kind) for kind in kinds]}")
            if found[0] in kinds:
                return found

    def close(self):
        self.sock.close()


class Page:
    """A page: a token, a socket, and the frames that it was given. `acks`: it acknowledges them."""

    def __init__(self, port, token, session="", acks=True, **options):
        self.port, self.acks, self.options = port, acks, options
        self.token, self.session = token, session
        self.epoch = self.seq = 0
        self.frames = []  # (seq, base or None, frame)
        self.inflater = None
        self.open()

    def open(self):
        self.unacked = self.ack_at = 0  # when the newest frame came, and when it may be acknowledged
        self.socket = Socket(self.port, **self.options)
        assert self.socket.opened, self.socket.answer.status
        self.socket.send(hello(self.token, self.session, self.epoch, self.seq))
        return self

    def next(self, deadline_s=DEADLINE_S):
        end = time.monotonic() + deadline_s
        while True:
            now = time.monotonic()
            if self.unacked and now >= self.ack_at:
                self.socket.send(ack(self.seq, int((now - self.unacked) * 1000)))
                self.unacked, self.ack_at = 0, now + ACK_S
            try:
                found = self.socket.next(max(0.001, min(end, self.ack_at if self.unacked else end)
                                             - now))
            except TimeoutError:
                if now >= end:
                    raise
                continue
            if found is not None:
                self.take(*found)
                if self.acks and found[0] in (STEP, START):
                    self.unacked = time.monotonic()
            return found

    def take(self, kind, payload):
        reader = Reader(payload)
        if kind == WELCOME:
            assert reader.varint() == 1
            self.token, self.name = reader.text(), reader.text()
        elif kind == SESSIONS:
            self.sessions = [(reader.text(), reader.text(), reader.varint(), reader.varint())
                             for _ in range(reader.varint())]
        elif kind == JOINED:
            self.session, self.host = reader.text(), reader.text()
            reader.varint()
            self.watching = reader.varint()
            self.epoch = struct.unpack("<Q", reader.data[reader.at:reader.at + 8])[0]
        elif kind == WATCHING:
            self.watching = reader.varint()
        elif kind == START:
            self.inflater = zlib.decompressobj(-15)
            inner = Reader(self.inflater.decompress(payload))
            self.seq, base, length = inner.varint(), inner.varint(), inner.varint()
            self.frames.append((self.seq, base, inner.rest()[:length]))
        elif kind == STEP:
            self.seq += 1
            self.frames.append((self.seq, self.seq - 1, self.inflater.decompress(payload)))
        elif kind == BYE:
            self.reason, self.why = payload[0], Reader(payload[1:]).text()

    def wait(self, *kinds, deadline_s=DEADLINE_S):
        """Takes messages until one of these kinds has come; (kind, payload)."""
        while True:
            found = self.next(deadline_s)
            if found is None:
                raise AssertionError(f"closed before one of {[hex(kind) for kind in kinds]}: "
                                     f"{getattr(self, 'why', '')}")
            if found[0] in kinds:
                return found

    def wait_text(self, needle, deadline_s=DEADLINE_S):
        """Takes frames until one writes `needle`."""
        end = time.monotonic() + deadline_s
        while True:
            self.wait(STEP, START, deadline_s=max(0.001, end - time.monotonic()))
            if needle.encode() in self.frames[-1][2]:
                return self

    def ping(self):
        """Says something, which shows that this page got its newest token, and waits for the answer."""
        self.socket.send(bytes([PING, 1]))
        self.wait(PONG)

    def bye(self):
        """Reads to the end: the reason of BYE, or None if there was none."""
        self.reason = None
        while self.next() is not None:
            pass
        return self.reason

    def close(self):
        self.socket.close()
