# SPDX-License-Identifier: ISC
"""The keyboard, lent to a viewer: what gets through, from when on, until when."""

import os
import signal
import subprocess
import time

import pytest
import rig
import wire
from rig import wait_until
from test_hand import events, people  # noqa: F401  (a fixture)
from test_readonly import SEQUENCES, random_messages, start_recorder, wait_view_socket
from test_view import assert_restored, view

WINDOW_S = 0.1  # from an order to revoke until nothing gets through any more
PAIR = ("--role=pair", "--as", "bob")
GRANT, KEYBOARD_INPUT = 0x4B, 2
ROLE_PAIR = 16


def held(mirrord, name="shared"):
    """Who has the keyboard, as the host is told."""
    return [who["name"] for who in people(mirrord, name) if who["keyboard"]]


class Holder:
    """A viewer of the test's own that can be lent the keyboard."""

    def __init__(self, mirrord, name="bob"):
        self.view = wire.Peer.connect(wait_view_socket(mirrord))
        self.view.send(wire.hello(ROLE_PAIR, name=name))
        self.view.wait(wire.FRAME)
        self.path = mirrord.rundir / "mirrord" / "shared.keyboard"
        self.keyboard = None

    def take(self):
        """The token, and the keyboard's socket on which it has been shown."""
        self.token = wire.Reader(self.view.wait(GRANT)).data[1:33]
        self.keyboard = self.open(self.token)

    def open(self, token):
        peer = wire.Peer.connect(self.path)
        peer.send(wire.message(1, wire.MAGIC + b"\1" + token))
        return peer

    def type(self, data, peer=None):
        (peer or self.keyboard).send(wire.message(KEYBOARD_INPUT, data))

    def close(self):
        self.view.close()
        if self.keyboard:
            self.keyboard.close()


@pytest.fixture
def session(mirrord, terminals):
    """A host whose program writes down what is typed: the host's terminal and that file."""
    host, entry, typed, sizes = start_recorder(mirrord, terminals)
    return host, typed


def expect_typed(typed, data):
    wait_until(lambda: typed.read_bytes() == data, what=lambda: typed.read_bytes()[-200:])


@pytest.mark.core
def test_a_guest_types_while_the_host_lends_the_keyboard(mirrord, terminals, sshd, session):
    host, typed = session
    identity = sshd.guest(
        "bob", 'restrict,pty,command="mirrord view --role=pair --as bob shared"')
    env = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    guest = terminals(rig.Terminal(sshd.ssh(identity, "-e", "none"), 24, 80, env,
                                   answers=[(b"\x1b[5n", b"\x1b[0n")]))
    guest.wait_for("recorder ready")
    other = view(mirrord, terminals, "--as", "eve", "shared", wait_for="recorder ready")
    guest.type(b"not yet\x1b[5~")  # and Page Up, which shows that all of it has been read
    guest.wait_for("history")
    mirrord.run("grant", "-n", "shared", "bob")
    other.wait_for("bob has the keyboard")
    guest.wait_for("\x1b[?2004h")
    assert b"\x1b[?1000h" in guest.bytes() and b"\x1b[?1006h" in guest.bytes()
    assert held(mirrord) == ["bob"]
    data = b"ls -l\r\x1b[A\x1bq\x03\x1b[200~pasted q\x1b[201~" + "漢字".encode()
    guest.type(data)
    expect_typed(typed, data)
    mirrord.run("revoke", "shared")
    guest.wait_for("\x1b[?2004l", start=guest.bytes().rindex(b"\x1b[?2004h"))
    assert not list(mirrord.rundir.rglob("*.keyboard"))
    guest.type("too late q")  # not even to leave
    other.settled()
    assert held(mirrord) == [] and guest.process.poll() is None
    time.sleep(1)  # from now on the keys are the guest's own again
    guest.type("q")
    assert guest.wait_exit() == 0
    assert typed.read_bytes() == data
    assert b"\x1b[?2004l" in guest.bytes()


def test_only_keys_for_pairing_can_be_lent_it(mirrord, terminals, session):
    view(mirrord, terminals, "--as", "eve", "shared", wait_for="recorder ready")
    run = mirrord.run("grant", "eve", check=False)
    assert run.returncode == 77 and b"--role=pair" in run.stderr
    assert mirrord.run("grant", "nobody-here", check=False).returncode == 67
    assert not list(mirrord.rundir.rglob("*.keyboard"))


@pytest.mark.core
def test_after_revoke_nothing_gets_through_within_a_moment(mirrord, session, build, soak):
    _, typed = session
    holder = Holder(mirrord)
    best = 60.0
    for number in range(3):
        mirrord.run("grant", "bob")
        holder.take()
        holder.type(b"a")
        expect_typed(typed, b"a" * (number + 1))
        began = time.monotonic()
        mirrord.run("revoke", "shared")
        holder.keyboard.wait_closed()
        best = min(best, time.monotonic() - began)
        with pytest.raises(OSError):
            for _ in range(10):
                holder.type(b"b")
        assert wire.Reader(holder.view.wait(GRANT)).data == b"\0"
    print(f"{best * 1000:.0f} ms from an order to revoke to its effect")
    assert best < WINDOW_S or not soak or rig.is_sanitized(build)
    assert typed.read_bytes() == b"aaa"
    holder.close()


def test_typing_goes_on_after_a_program_that_took_none(mirrord, session):
    """In messages that fill what the keeper keeps of them to the byte."""
    _, typed = session
    holder = Holder(mirrord)
    mirrord.run("grant", "bob")
    holder.take()
    piece = b"x" * 1197
    assert len(wire.message(KEYBOARD_INPUT, piece)) == 1200  # LIMIT_KEYBOARD_BYTES; it keeps two
    child = mirrord.info("shared")["child"]
    os.kill(child, signal.SIGSTOP)
    count, rest = rig.send_until_full(holder.keyboard.sock, wire.message(KEYBOARD_INPUT, piece))
    os.kill(child, signal.SIGCONT)
    holder.keyboard.send(rest + wire.message(KEYBOARD_INPUT, b"still"))
    expect_typed(typed, piece * count + b"still")
    holder.close()


def test_typing_arrives_once_and_in_order(mirrord, session):
    _, typed = session
    holder = Holder(mirrord)
    mirrord.run("grant", "bob")
    holder.take()
    data = b"".join(b"%06d " % number for number in range(20000))
    for at in range(0, len(data), 1000):
        holder.type(data[at:at + 1000])
    expect_typed(typed, data)
    holder.close()


def test_a_viewer_that_forges_messages_gets_nothing_through(mirrord, session, events):  # noqa: F811
    host, typed = session
    holder, eve = Holder(mirrord), Holder(mirrord, "eve")
    stream = events("shared")
    mirrord.run("grant", "bob")
    token = wire.Reader(holder.view.wait(GRANT)).data[1:33]
    assert eve.view.silent(0.2) or all(kind != GRANT for kind, _ in drained(eve.view))
    # On the keyboard's socket: no token, another one, a part of it, input at once.
    hello = wire.MAGIC + b"\1"
    for first in (wire.message(KEYBOARD_INPUT, b"x"), wire.message(1, hello + b"\0" * 32),
                  wire.message(1, hello + token[:31]), wire.message(1, hello + token + b"x"),
                  wire.message(1, hello + token[:-1] + bytes([token[-1] ^ 1])),
                  b"".join(SEQUENCES), random_messages(1)):
        peer = wire.Peer.connect(holder.path)
        try:
            peer.send(first + wire.message(KEYBOARD_INPUT, b"forged"))
        except OSError:
            pass
        peer.wait_closed()
    # On the view socket, by the holder and by another.
    for peer in (eve.view,):
        for data in (b"".join(SEQUENCES), random_messages(2), wire.message(GRANT, b"x" * 40)):
            try:
                peer.send(data)
            except OSError:
                break
    holder.keyboard = holder.open(token)
    holder.type(b"mine")
    expect_typed(typed, b"mine")
    with pytest.raises(OSError):  # who has shown it is the last to come
        holder.open(token)
    holder.keyboard.send(wire.message(3, b"forged"))  # no such message: the end of it
    stream.wait("revoked", why="given-back")
    assert typed.read_bytes() == b"mine"
    holder.close()
    eve.close()


def drained(peer):
    found = []
    while peer.data or wire.readable([peer.sock], 0.1):
        found.append(peer.next())
    return found


ENDS = ["time", "host-typed", "given-back", "left", "unused"]


@pytest.mark.parametrize("why", ENDS)
def test_a_grant_ends(mirrord, terminals, session, events, why):  # noqa: F811
    host, typed = session
    stream = events("shared")
    if why == "unused":
        holder = Holder(mirrord)
        mirrord.run("grant", "bob")
        stream.wait("revoked", why=why)
        assert not list(mirrord.rundir.rglob("*.keyboard"))
        holder.close()
        return
    guest = view(mirrord, terminals, *PAIR, "shared", wait_for="recorder ready")
    mirrord.run("grant", *(["--for=1s"] if why == "time" else []), "bob")
    guest.wait_for("\x1b[?2004h")
    guest.type("a")
    expect_typed(typed, b"a")
    host.type(b"\x1b[5;7R\x1b[I\x1b[<0;1;1M")  # the host's terminal says something: no typing
    expect_typed(typed, b"a\x1b[5;7R\x1b[I\x1b[<0;1;1M")
    if why == "host-typed":
        host.type("h")
    elif why == "given-back":
        guest.type(b"\x1cd")
    elif why == "left":
        guest.process.send_signal(signal.SIGTERM)
        guest.wait_exit()
        assert_restored(guest)
    # Who leaves closes two connections, and either may be seen first.
    stream.wait("revoked", **({} if why == "left" else {"why": why}))
    if why != "left":
        guest.wait_for("\x1b[?2004l", start=guest.bytes().rindex(b"\x1b[?2004h"))
        guest.type("b")
    time.sleep(0.2)
    assert b"b" not in typed.read_bytes() and held(mirrord) == []


def test_who_does_not_see_the_session_does_not_type_into_it(mirrord, terminals, events):  # noqa: F811
    typed = mirrord.folder / "typed"
    mirrord.detached("shared", "sh", "-c",
                     f"stty raw -echo; (while :; do seq 1000; done) & exec cat >{typed}")
    stream = events("shared")
    guest = view(mirrord, terminals, *PAIR, "shared", wait_for="999")
    mirrord.run("grant", "bob")
    guest.wait_for("\x1b[?1l")
    guest.type("a")
    expect_typed(typed, b"a")
    guest.reading.clear()  # its terminal takes no more, once the kernel has not either
    seen = [-1, 0.0]

    def stale():
        frames = people(mirrord, "shared")[0]["frames"]
        if frames != seen[0]:
            seen[:] = [frames, time.monotonic()]
        return time.monotonic() - seen[1] > 3.5  # `who` may be a second old

    wait_until(stale)
    guest.type("b")
    stream.wait("revoked", why="given-back")
    guest.reading.set()
    assert typed.read_bytes() == b"a"


def test_a_new_mirror_does_not_take_the_keyboard_away(mirrord, terminals, session):
    host, typed = session
    guest = view(mirrord, terminals, *PAIR, "shared", wait_for="recorder ready")
    mirrord.run("grant", "bob")
    guest.wait_for("\x1b[?2004h")
    os.kill(mirrord.mirror_pid(mirrord.info("shared")), signal.SIGKILL)
    wait_until(lambda: held(mirrord) == ["bob"])
    guest.type("still")
    expect_typed(typed, b"still")
    mirrord.run("revoke", "shared")
    guest.type("b")
    time.sleep(0.2)
    assert typed.read_bytes() == b"still"


def test_another_account_cannot_come_to_the_keyboard(mirrord, session):
    if os.getuid() != 0 or rig.missing("setpriv"):
        pytest.skip("needs root, to be another user")
    _, typed = session
    holder = Holder(mirrord)
    mirrord.run("grant", "bob")
    token = wire.Reader(holder.view.wait(GRANT)).data[1:33]
    for path in (mirrord.folder, mirrord.rundir, holder.path.parent):
        path.chmod(0o755)
    assert holder.path.stat().st_mode & 0o077 == 0
    holder.path.chmod(0o666)
    code = ("import socket, sys\nsock = socket.socket(socket.AF_UNIX); sock.connect(sys.argv[1])\n"
            "try:\n  sock.sendall(bytes.fromhex(sys.argv[2])); print(len(sock.recv(9)))\n"
            "except OSError: print(0)\n")
    data = wire.message(1, wire.MAGIC + b"\1" + token) + wire.message(KEYBOARD_INPUT, b"x")
    run = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--",
                          "/usr/bin/python3", "-c", code, holder.path, data.hex()],
                         capture_output=True, text=True, timeout=rig.DEADLINE_S)
    assert run.stdout == "0\n", run
    holder.keyboard = holder.open(token)
    holder.type(b"mine")
    expect_typed(typed, b"mine")
    holder.close()
