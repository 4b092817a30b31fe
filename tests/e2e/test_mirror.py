# SPDX-License-Identifier: ISC
"""The mirror alone: the test plays the keeper on fd 3, and viewers on the socket of fd 4."""

import os
import socket
import subprocess
import time

import pytest
import rig
import wire


SYNC_S = 0.12  # an update that takes longer may be shown unfinished, a moment later


class Mirror:
    """A mirror whose keeper is the test."""

    def __init__(self, mirrord, folder, restore=b"", offset=0, orders=wire.orders()):
        self.path = folder / "m.view"
        listener = socket.socket(socket.AF_UNIX)
        self.path.unlink(missing_ok=True)
        listener.bind(str(self.path))
        listener.listen(64)
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            try:
                fds = [os.dup(theirs.fileno()), os.dup(listener.fileno())]
                fds = [os.dup2(fd, 200 + i) for i, fd in enumerate(fds)]
                os.dup2(200, 3)
                os.dup2(201, 4)
                os.closerange(5, 256)
                os.execve(mirrord.binary, mirrord.argv("mirror", "m", "1700000000"), mirrord.env)
            finally:
                os._exit(127)
        theirs.close()
        listener.close()
        self.pid = pid
        self.keeper = wire.Peer(ours)
        self.fed = offset
        assert self.keeper.next() == (wire.READY, b"")
        self.keeper.send(wire.message(wire.RESTORE, wire.varint(offset) + restore) + orders)

    def feed(self, data):
        self.keeper.send(wire.message(wire.BYTES, data))
        self.fed += len(data)

    def resize(self, rows, cols):
        self.keeper.send(wire.message(wire.RESIZE, wire.varint(rows) + wire.varint(cols)))

    def settle(self):
        """Waits until all bytes are in the model; returns what was said but acks."""
        said = []
        while True:
            kind, payload = self.keeper.next()
            if kind != wire.ACK:
                said.append((kind, payload))
            elif wire.Reader(payload).varint() == self.fed:
                return said

    def dump(self):
        self.keeper.send(wire.message(wire.ASK_DUMP))
        reader = wire.Reader(self.keeper.wait(wire.MIRROR_DUMP))
        return reader.varint(), reader.rest()

    def view(self, **options):
        """A viewer that has been welcomed; its first frame is a key frame."""
        peer = wire.Peer.connect(self.path)
        peer.send(wire.hello(**options))
        assert peer.next()[0] == wire.WELCOME
        kind, payload = peer.next()
        assert kind == wire.FRAME and payload[0] == 1
        return peer

    def exit_status(self):
        done = rig.wait_until(
            lambda: (lambda ended: ended if ended[0] else None)(os.waitpid(self.pid, os.WNOHANG)))
        return os.waitstatus_to_exitcode(done[1])

    def close(self):
        self.keeper.close()
        try:
            os.waitpid(self.pid, 0)
        except ChildProcessError:
            pass


@pytest.fixture
def start(mirrord, folder):
    started = []

    def make(**options):
        started.append(Mirror(mirrord, folder, **options))
        return started[-1]

    yield make
    for mirror in started:
        mirror.close()


def test_all_bytes_are_acknowledged(start):
    mirror = start()
    for size in (1, 100, 65536, 3):
        mirror.feed(b"x" * size)
    mirror.settle()


def test_a_reply_names_the_byte_that_completed_the_query(start):
    mirror = start()
    mirror.feed(b"12345\x1b[6")
    mirror.settle()
    mirror.feed(b"nabc\x1b[c")
    replies = [wire.Reader(payload) for kind, payload in mirror.settle() if kind == wire.REPLY]
    numbers = [[reader.varint() for _ in range(4)] for reader in replies]
    assert numbers == [[9, 1, 1, 6], [15, 3, 0, 0]]


def test_offsets_go_on_from_a_restored_dump(start):
    first = start()
    first.feed(b"\x1b[31mhello")
    first.settle()
    offset, dump = first.dump()
    assert offset == 10
    first.close()
    second = start(restore=dump, offset=offset)
    second.feed(b" world\x1b[5n")
    reply = wire.Reader(dict(second.settle())[wire.REPLY])
    assert [reply.varint() for _ in range(4)] == [20, 0, 0, 0]
    assert second.dump()[1] != dump


def test_a_dump_that_is_none_ends_the_mirror(start):
    mirror = start(restore=b"no dump at all")
    assert mirror.exit_status() != 0


def test_a_message_that_the_keeper_never_sends_ends_the_mirror(start):
    mirror = start()
    mirror.keeper.send(wire.message(0x7F, b"?"))
    assert mirror.exit_status() != 0


def test_a_viewer_gets_a_key_frame_and_then_what_changes(start):
    mirror = start()
    mirror.feed(b"hello")
    mirror.settle()
    viewer = mirror.view()
    mirror.feed(b"!")
    kind, payload = viewer.next()
    assert kind == wire.FRAME and payload[0] == 0


def test_output_that_changes_nothing_sends_nothing(start):
    mirror = start()
    mirror.feed(b"hello\x1b[H")
    viewer = mirror.view()
    mirror.settle()
    mirror.feed(b"hello\x1b[H\x1b[m")
    mirror.settle()
    assert viewer.silent(0.5)


def test_viewers_are_counted(start):
    mirror = start()
    viewer = mirror.view()
    assert wire.Reader(mirror.keeper.wait(wire.VIEWERS)).varint() == 1
    viewer.close()
    assert wire.Reader(mirror.keeper.wait(wire.VIEWERS)).varint() == 0


def test_a_synchronized_update_is_shown_whole(start):
    mirror = start()
    viewer = mirror.view()

    def shown_whole():
        began = time.monotonic()
        mirror.feed(b"\x1b[H\x1b[2J%f" % began)
        viewer.wait(wire.FRAME)
        began = time.monotonic()
        mirror.feed(b"\x1b[?2026hhalf")
        mirror.settle()
        held = viewer.silent(0.05)
        mirror.feed(b" and half\x1b[?2026l")
        mirror.settle()
        in_time = time.monotonic() - began < SYNC_S
        viewer.wait(wire.FRAME)
        alone = viewer.silent(0.3)
        while not alone and not viewer.silent(0.3):
            viewer.next()
        assert held and alone or not in_time
        return in_time

    rig.wait_until(shown_whole, what="an update that was sent before it was taken for endless")


def test_a_synchronized_update_that_never_ends_is_shown(start):
    mirror = start()
    viewer = mirror.view()
    mirror.feed(b"\x1b[?2026hhalf")
    assert viewer.next()[0] == wire.FRAME
    mirror.feed(b"more")
    assert viewer.next()[0] == wire.FRAME


def test_the_end_reaches_viewers_after_the_last_frame(start):
    mirror = start()
    viewer = mirror.view()
    mirror.feed(b"last words")
    mirror.keeper.send(wire.message(wire.ENDED, wire.varint(0)))
    said = viewer.wait_closed()
    assert [kind for kind, _ in said] == [wire.FRAME, wire.BYE]
    bye = wire.Reader(said[-1][1])
    assert (bye.varint(), bye.text()) == (0, "the session has ended")
    assert mirror.exit_status() == 0


def test_a_viewer_that_does_not_read_does_not_delay_the_end(start):
    mirror = start()
    viewer = mirror.view()
    for number in range(200):
        mirror.feed(b"\x1b[H" + b"".join(b"%d %d\r\n" % (number, row) * 9 for row in range(23)))
        mirror.settle()
    mirror.keeper.send(wire.message(wire.ENDED, wire.varint(0)))
    assert mirror.exit_status() == 0
    viewer.close()


def test_without_its_keeper_the_mirror_ends(start):
    mirror = start()
    mirror.view()
    mirror.keeper.close()
    assert mirror.exit_status() == 0


# ---- peers that mean no good --------------------------------------------------------------------


def test_a_slow_viewer_gets_one_key_frame_and_nothing_old(start):
    mirror = start()
    slow, quick = mirror.view(), mirror.view()
    seen = 0
    for number in range(2500):
        mirror.feed(b"\x1b[H" + b"".join(
            b"%d %d %d\r\n" % (number, row, number * row * 7919) for row in range(23)))
        mirror.settle()
        seen += quick.next()[0] == wire.FRAME  # is never kept waiting
    assert seen == 2500
    kinds = []
    while 1 not in kinds:
        assert len(kinds) < 2500, "the socket held it all: make the flood larger"
        kind, payload = slow.next()
        assert kind == wire.FRAME
        kinds.append(payload[0])
    assert slow.silent(0.3)
    mirror.feed(b"again in step")
    assert slow.next()[1][0] == 0


def test_garbage_http_silence_and_trickle_are_dropped_and_others_unaffected(start):
    mirror = start()
    viewer = mirror.view()
    bad = {
        "silence": b"",
        "http": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "garbage": bytes(range(256)) * 4,
        "zeros": bytes(64),
        "endless length": b"\xff" * 9,
        "huge": wire.varint(1 << 30) + b"\x01",
        "no hello": wire.message(wire.KEY),
        "wrong magic": wire.message(wire.HELLO, b"mirrorx" + bytes(20)),
        "short hello": wire.message(wire.HELLO, b"mirrord\x01"),
        "half a hello": wire.hello()[:-3],
    }
    bad.update({f"byte {byte:#x}": bytes([byte]) for byte in range(256)})
    peers = {}
    began = time.monotonic()
    for name, data in bad.items():
        peers[name] = wire.Peer.connect(mirror.path)
        peers[name].send(data)
    trickle, trickled = wire.Peer.connect(mirror.path), wire.hello()
    while peers and time.monotonic() < began + wire.DEADLINE_S:
        mirror.feed(b"%f\r" % time.monotonic())
        assert viewer.next()[0] == wire.FRAME
        if trickled and int(time.monotonic() - began) >= len(wire.hello()) - len(trickled):
            try:
                trickle.send(trickled[:1])
            except (BrokenPipeError, ConnectionResetError):
                pass
            trickled = trickled[1:]
        ready = wire.readable([peer.sock for peer in peers.values()], 0.05)
        for name in [name for name, peer in peers.items() if peer.sock in ready]:
            assert peers.pop(name).wait_closed() == []
    assert not peers
    assert trickle.wait_closed() == []


def test_who_talks_too_much_is_dropped(start):
    mirror = start()
    for kind in (wire.KEY, wire.STATUS, 0x33):
        talker, other = mirror.view(), mirror.view()
        payload = b"\x18\x50\0\0\0\0" if kind == wire.STATUS else b""
        try:
            for _ in range(100000):
                talker.send(wire.message(kind, payload))
        except (BrokenPipeError, ConnectionResetError):
            pass
        talker.wait_closed()
        mirror.feed(b"x")
        assert other.next()[0] == wire.FRAME
        other.close()


def test_another_version_gets_one_line_on_both_sides(mirrord, folder, start, capfd):
    mirror = start()
    for _ in range(3):
        peer = wire.Peer.connect(mirror.path)
        peer.send(wire.message(wire.HELLO, wire.MAGIC + b"\x02 something new"))
        said = peer.wait_closed()
        assert len(said) == 1 and said[0][0] == wire.BYE
        bye = wire.Reader(said[0][1])
        assert bye.varint() == 76
        assert "version 2" in bye.text()
    assert capfd.readouterr().err.count("version 2") == 1


def test_a_full_house_refuses_one_more(start):
    mirror = start()
    subprocess.run(["prlimit", f"--pid={os.getpid()}", "--nofile=4096:"], check=False)
    limit = 1024
    peers = [wire.Peer.connect(mirror.path) for _ in range(limit)]
    for peer in peers:
        peer.send(wire.hello())
    for peer in peers:
        assert peer.next()[0] == wire.WELCOME
    extra = wire.Peer.connect(mirror.path)
    extra.send(wire.hello())
    said = extra.wait_closed()
    assert wire.Reader(said[0][1]).varint() == 69
    peers.pop().close()
    for count in (*range(1, limit + 1), limit - 1):
        assert wire.Reader(mirror.keeper.wait(wire.VIEWERS)).varint() == count
    mirror.view()
    for peer in peers:
        peer.close()


GUEST = """
import resource, sys, time
sys.path.insert(0, sys.argv[1])
import wire
resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
def peer(role, *messages):
    peer = wire.Peer.connect(sys.argv[2])
    peer.send(wire.hello(role=role) + b"".join(messages))
    return peer
"""


@pytest.fixture
def guest(folder):
    """Runs a script as another user."""
    if os.getuid() != 0 or rig.missing("setpriv"):
        pytest.skip("needs root, to be other users")
    folder.chmod(0o711)
    here = folder / "wire"
    here.mkdir()
    (here / "wire.py").write_text((rig.PROJECT / "tests/e2e/wire.py").read_text())
    started = []

    def run(mirror, uid, script):
        mirror.path.chmod(0o666)
        started.append(subprocess.Popen(
            ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups", "--",
             "/usr/bin/python3", "-B", "-c", GUEST + script, here, mirror.path],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def test_one_account_does_not_take_every_place(start, guest):
    mirror = start()
    crowd = guest(mirror, 65534, """
peers = [peer(wire.ROLE_VIEW) for _ in range(256)]
for one in peers:
    one.wait(wire.FRAME)
print(peer(wire.ROLE_VIEW).wait(wire.BYE)[2:].decode(), flush=True)
sys.stdin.read()
""")
    assert crowd.stdout.readline() == b"the session has as many viewers as it takes\n"
    other = guest(mirror, 65533, "print(peer(wire.ROLE_VIEW).next()[0], flush=True)")
    assert int(other.stdout.readline()) == wire.WELCOME


def test_a_query_that_asks_nothing_is_let_go(start):
    mirror = start()
    silent, stuck = wire.Peer.connect(mirror.path), wire.Peer.connect(mirror.path)
    began = time.monotonic()
    silent.send(wire.hello(role=wire.ROLE_QUERY))
    stuck.send(wire.hello(role=wire.ROLE_QUERY) + wire.message(wire.KEY))
    assert [kind for kind, _ in silent.wait_closed()] == [wire.WELCOME]
    assert [kind for kind, _ in stuck.wait_closed()] == [wire.WELCOME, wire.FRAME]
    assert time.monotonic() - began > 4


def test_more_connections_are_no_way_to_ask_more(start, guest):
    mirror = start()
    asker = guest(mirror, 65534, """
peers = [peer(wire.ROLE_QUERY, wire.message(wire.KEY) * 20) for _ in range(100)]
print(sum(kind == wire.FRAME for one in peers for kind, _ in one.wait_closed()), flush=True)
""")
    assert 0 < int(asker.stdout.readline()) < 1000  # of 2000
    mirror.view()


def test_without_fds_the_mirror_waits_and_does_not_spin(mirrord, folder, start):
    few = folder / "few"
    few.write_text(f"#!/bin/sh\nulimit -n 40\nexec {mirrord.binary} \"$@\"\n")
    few.chmod(0o755)
    real, mirrord.binary = mirrord.binary, few
    try:
        mirror = start()
    finally:
        mirrord.binary = real
    peers = [wire.Peer.connect(mirror.path) for _ in range(60)]
    for peer in peers:
        peer.send(wire.hello())
    assert peers[0].next()[0] == wire.WELCOME
    rig.wait_asleep([mirror.pid], 2, most=50)
    for peer in peers[:40]:
        peer.close()
    for peer in peers[40:]:
        assert peer.next()[0] == wire.WELCOME


@pytest.mark.core
def test_viewers_who_come_and_go_leave_nothing_behind(start, soak):
    mirror = start()
    before = rig.open_fds(mirror.pid)
    for _ in range(20 if soak else 2):
        peers = [wire.Peer.connect(mirror.path) for _ in range(100)]
        for count, peer in enumerate(peers):
            peer.send(wire.hello(role=count % 3)[:None if count % 5 else 9])
            if count % 7 == 0:
                peer.close()
        mirror.feed(b"x")
        for peer in peers:
            peer.close()
    mirror.settle()
    rig.wait_until(lambda: rig.open_fds(mirror.pid) == before,
                   what=lambda: rig.open_fds(mirror.pid))
