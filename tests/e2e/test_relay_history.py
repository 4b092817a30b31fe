# SPDX-License-Identifier: ISC
"""What has scrolled away from a published session, read by guests of the relay: the host is asked."""

import os
import signal
import zlib

import pytest
import rig
import wire
from test_history import LATEST, read_back, request, rows_in, take, wait_row
from test_relay import HOST_LOST, Relay, live_link, publish, relay, same, way  # noqa: F401
from test_view import cat, rows_of

LOST = "the host's link is lost"


@pytest.fixture
def lines(mirrord, relay, way):  # noqa: F811
    """A published session in which a hundred lines have been printed. Returns what prints more."""
    say, _ = cat(mirrord)
    for number in range(100):
        say(f"line {number}\n")
    mirrord.wait_row("s", "line 99")
    publish(mirrord, way)
    return say


@pytest.mark.core
@pytest.mark.parametrize("command", ["view", "watch"])
def test_a_guest_of_a_relay_reads_back(mirrord, relay, way, lines, terminals, command):  # noqa: F811
    if command == "view":
        guest = terminals(relay.terminal("view", "s"))
    else:
        guest = terminals(mirrord.terminal("watch", f"--ssh={way}", "me@relay", "s"))
    guest.wait_for("line 99")
    read_back(mirrord, guest, lines)


def test_a_guest_reads_back_through_two_relays(mirrord, relay, way, lines, build, folder,  # noqa: F811
                                               terminals):
    last = Relay(build, folder / "last")
    try:
        over = f"OVER=MIRRORD_DIR={last.env['MIRRORD_DIR']}"
        relay.run("publish", f"--ssh=env {over} {way}", "me@last", "s")
        guest = terminals(last.terminal("view", "s"))
        guest.wait_for("line 99")
        read_back(mirrord, guest, lines)
    finally:
        last.close()


@pytest.mark.core
def test_while_the_host_is_away_a_guest_is_told_so(mirrord, relay, way, lines, terminals):  # noqa: F811
    guest = terminals(relay.terminal("view", "s"))
    guest.wait_for("line 99")
    guest.type("b")
    wait_row(mirrord, guest, 0, "line 54")
    (mirrord.folder / "down").touch()
    os.kill(live_link(mirrord.folder), signal.SIGKILL)
    other = terminals(relay.terminal("view", "s"))
    other.wait_for(HOST_LOST)
    guest.type("b")
    wait_row(mirrord, guest, 23, LOST)
    wait_row(mirrord, guest, 0, "line 54")  # what is shown stays
    other.type("b")  # it has no page to stand below
    rig.wait_until(lambda: any(LOST in row for row in rows_of(mirrord, other)), what=other.bytes)
    (mirrord.folder / "down").unlink()
    rig.wait_until(lambda: relay.info("s")["attached"])
    guest.type("b")
    wait_row(mirrord, guest, 0, "line 31")
    other.type("b")
    wait_row(mirrord, other, 0, "line 54")


def test_lines_that_are_much_for_a_link_come_in_pieces(mirrord, relay, way, lines,  # noqa: F811
                                                       terminals):
    """A page of this is 30 KiB; what is not known to be a fast link gets 8 at once."""
    for row in range(60):
        lines("".join(f"\x1b[38;2;{row};{col};{row * col % 256};{col % 9 + 1}m{(row + col) % 10}"
                      for col in range(79)) + "\n")
    here, there = terminals(mirrord.terminal("view", "s")), terminals(relay.terminal("view", "s"))
    same(mirrord, relay)
    for guest in (here, there):
        guest.type("b")
        wait_row(mirrord, guest, 23, "history, 23 lines back")
        guest.type("b")
        wait_row(mirrord, guest, 23, "history, 46 lines back")
    assert rows_of(mirrord, here) == rows_of(mirrord, there)


def test_many_who_ask_are_answered_in_turn_beside_frames(mirrord, relay, lines):  # noqa: F811
    """And all who have asked the same at once."""
    peers = [relay.notice() for _ in range(30)]
    for number, peer in enumerate(peers):
        peer.send(request(number // 2, 5))
    lines("meanwhile\n")
    for number, peer in enumerate(peers):
        oldest, end, first, frame = take(peer)
        assert (oldest, first, rows_in(frame)) == (0, number // 2, 5) and end >= 77
        assert f"line {number // 2}".encode() in frame
    peers[0].send(request(LATEST, 2))
    assert take(peers[0])[2] >= 76
    same(mirrord, relay)
    for peer in peers:
        peer.close()


def test_a_publisher_that_answers_what_nobody_asked_is_cut(relay, terminals):  # noqa: F811
    del terminals
    near, far = rig.socket.socketpair()
    with near, far, rig.subprocess.Popen(relay.argv("relay"), stdin=far, stdout=far,
                                         env=relay.env) as process:
        far.close()
        peer = wire.Peer(near)
        peer.send(wire.message(0x48, wire.MAGIC + wire.varint(1) + wire.text("s") + wire.text("x@y")
                               + b"t" * 16 + wire.varint(1) + wire.varint(1)))
        peer.wait(0x41)
        peer.wait(0x01)
        packer = zlib.compressobj(wbits=-15)
        plain = b"\0\x46" + wire.varint(0) * 3
        packed = packer.compress(plain) + packer.flush(zlib.Z_SYNC_FLUSH)
        peer.send(wire.message(0x41, wire.MAGIC + wire.varint(1))
                  + wire.varint(len(packed) - 4) + packed[:-4])
        assert wire.Reader(peer.wait(0x45)).varint() == 76
        process.wait(rig.DEADLINE_S)
