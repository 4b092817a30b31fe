# SPDX-License-Identifier: ISC
"""The protocols of docs/protocol.md, written down a second time: peers for tests."""

import select
import socket
import time

DEADLINE_S = 60.0  # as rig.py has it: this file also runs by itself, as another user
MAGIC = b"mirrord"
VERSION = 1

# view
HELLO, STATUS, KEY, WHO, DUMP, HISTORY = 1, 2, 3, 4, 5, 7
WELCOME, FRAME, WHO_IS, DUMP_IS, BYE, NOTICE = 0x41, 0x42, 0x44, 0x45, 0x46, 0x47
HISTORY_IS = 0x49
ROLE_VIEW, ROLE_QUERY = 0, 1
# keeper and mirror
RESTORE, BYTES, RESIZE, ASK_DUMP, ENDED, ORDERS = 1, 2, 3, 4, 5, 6
READY, ACK, MIRROR_DUMP, REPLY, VIEWERS, EVENT = 0x41, 0x42, 0x43, 0x44, 0x45, 0x46


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def text(value):
    data = value.encode()
    return varint(len(data)) + data


def message(kind, payload=b""):
    return varint(len(payload) + 1) + bytes([kind]) + payload


def hello(role=ROLE_VIEW, rows=24, cols=80, name="", via="local", version=VERSION):
    return message(HELLO, MAGIC + varint(version) + bytes([role]) + varint(rows) + varint(cols)
                   + text(name) + text("") + text(via) + text(""))


PAUSED, LOCKED, ASK, HIDDEN = 1, 2, 4, 8  # flags of ORDERS


def orders(number=1, flags=0, resumed_at=0, say="", rules=()):
    """KEEPER_ORDERS; a rule is (admit, key, name, uid)."""
    return message(ORDERS, varint(number) + bytes([flags]) + varint(resumed_at) + text(say) +
                   varint(len(rules)) + b"".join(
                       bytes([admit]) + text(key) + text(name) + varint(uid)
                       for admit, key, name, uid in rules))


class Reader:
    """Takes numbers and strings from a payload."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def varint(self):
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value

    def text(self):
        length = self.varint()
        self.at += length
        return self.data[self.at - length:self.at].decode()

    def rest(self):
        return self.data[self.at:]


def readable(socks, seconds):
    """Those of the sockets that have something within so long."""
    poll = select.poll()
    for sock in socks:
        poll.register(sock, select.POLLIN)
    ready = {fd for fd, _ in poll.poll(max(0, seconds) * 1000)}
    return [sock for sock in socks if sock.fileno() in ready]


class Peer:
    """One end of a stream of messages."""

    def __init__(self, sock):
        self.sock, self.data, self.closed = sock, b"", False

    @classmethod
    def connect(cls, path):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(path))
        return cls(sock)

    def send(self, data):
        self.sock.sendall(data)

    def _whole(self):
        length = shift = 0
        for at, byte in enumerate(self.data[:5]):
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte & 0x80:
                continue
            end = at + 1 + length
            if len(self.data) < end:
                return None
            found = self.data[at + 1], self.data[at + 2:end]
            self.data = self.data[end:]
            return found
        return None

    def next(self, deadline_s=DEADLINE_S):
        """The next message as (type, payload), or None once the other side has closed."""
        end = time.monotonic() + deadline_s
        while True:
            found = self._whole()
            if found or self.closed:
                return found
            left = end - time.monotonic()
            if left <= 0 or not readable([self.sock], left):
                raise AssertionError(f"no message within {deadline_s} s")
            try:
                data = self.sock.recv(1 << 16)
            except ConnectionResetError:
                data = b""
            self.closed = not data
            self.data += data

    def wait(self, kind, deadline_s=DEADLINE_S):
        """The payload of the next message of a type; others are passed over."""
        while True:
            found = self.next(deadline_s)
            if found is None:
                raise AssertionError(f"closed before a message of type {kind:#x}")
            if found[0] == kind:
                return found[1]

    def wait_closed(self, deadline_s=DEADLINE_S):
        """All messages until the other side closes."""
        got = []
        while (found := self.next(deadline_s)) is not None:
            got.append(found)
        return got

    def silent(self, seconds):
        """Whether nothing comes for so long."""
        return not self.data and not readable([self.sock], seconds)

    def close(self):
        self.sock.close()


def canonical_dump(path):
    """All that the model of a session holds: screens, history, modes, as canonical bytes."""
    peer = Peer.connect(path)
    try:
        peer.send(hello(ROLE_QUERY, 0, 0) + message(DUMP))
        return peer.wait(DUMP_IS)
    finally:
        peer.close()
