# SPDX-License-Identifier: ISC
"""What has scrolled away: asked of a mirror by hand, and read by guests at their terminals."""

import os

import pytest
import rig
import wire
from test_mirror import start  # noqa: F401  (a fixture)
from test_view import cat, rows_of, view
from test_watch import link  # noqa: F401  (a fixture)

LATEST = (1 << 64) - 1


def request(first, count):
    return wire.message(wire.HISTORY, wire.varint(first) + wire.varint(count))


def take(peer):
    """(oldest, end, first, frame) of the next answer."""
    reader = wire.Reader(peer.wait(wire.HISTORY_IS))
    return reader.varint(), reader.varint(), reader.varint(), reader.rest()


def ask(peer, first, count):
    peer.send(request(first, count))
    return take(peer)


def rows_in(frame):
    assert frame[0] == 0x9D  # SIZE
    return wire.Reader(frame[1:]).varint()


def numbered(first, end):
    return "".join(f"line {number}\r\n" for number in range(first, end)).encode()


# ---- the protocol -------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [wire.ROLE_VIEW, wire.ROLE_QUERY])
def test_lines_are_asked_for_by_number_in_either_role(start, role):  # noqa: F811
    mirror = start()
    mirror.feed(numbered(0, 123))
    mirror.settle()
    peer = wire.Peer.connect(mirror.path)
    peer.send(wire.hello(role))
    oldest, end, first, frame = ask(peer, LATEST, 10)
    assert (oldest, end, first, rows_in(frame)) == (0, 100, 90, 10)
    assert b"line 90" in frame and b"line 100" not in frame
    mirror.feed(numbered(123, 150))
    mirror.settle()
    assert ask(peer, 90, 10) == (0, 127, 90, frame)  # the same lines, whatever came since
    assert ask(peer, 50, 1)[2] == 50 and b"line 50" in ask(peer, 50, 1)[3]
    assert ask(peer, 0, 0) == (0, 127, 0, b"")


def test_what_is_older_than_two_thousand_lines_is_gone(start):  # noqa: F811
    mirror = start()
    mirror.feed(numbered(0, 2523))
    mirror.settle()
    peer = mirror.view()
    oldest, end, first, frame = ask(peer, 3, 5)
    assert (oldest, end, first) == (500, 2500, 500) and b"line 500" in frame
    mirror.feed(b"\x1b[3J")  # ED 3 clears it
    mirror.settle()
    assert ask(peer, 3, 5) == (2500, 2500, 2500, b"")


def test_an_answer_is_bounded_in_lines_cells_and_bytes(start):  # noqa: F811
    mirror = start()
    mirror.feed(numbered(0, 1000))
    mirror.settle()
    peer = mirror.view()
    assert rows_in(ask(peer, 0, 100000)[3]) == 256
    mirror.resize(24, 1000)
    mirror.feed(b"".join(f"\x1b[38;2;{i & 255};{i >> 8};7m\u00e9\u0301\u0302\u0303".encode()
                         for i in range(100000)))
    mirror.settle()
    oldest, end, first, frame = ask(peer, LATEST, 65)
    assert 1 <= rows_in(frame) < 65 and len(frame) < 65536
    assert first == end - 65 >= oldest  # those that fit begin where was asked


def test_nobody_gets_history_faster_than_allowed_and_nobody_is_dropped(start):  # noqa: F811
    mirror = start()
    mirror.feed(numbered(0, 100))
    mirror.settle()
    peer = mirror.view()
    peer.send(request(0, 5) * 20)  # in one go: those that came late replace those before
    mirror.feed(b"still live")
    while peer.next()[0] != wire.FRAME:
        pass


def test_a_malformed_request_ends_the_connection(start):  # noqa: F811
    mirror = start()
    for payload in (b"", wire.varint(1), wire.varint(1) + wire.varint(1 << 33), b"\x01\x01\x01"):
        peer = mirror.view()
        peer.send(wire.message(wire.HISTORY, payload))
        assert peer.wait_closed()[-1][0] == wire.BYE


def test_a_mirror_that_goes_on_after_another_has_its_lines(start):  # noqa: F811
    first = start()
    first.feed(numbered(0, 40))
    first.settle()
    _, dump = first.dump()
    first.close()
    peer = start(restore=dump).view()
    assert b"line 3" in ask(peer, 3, 1)[3]


# ---- at the terminal ----------------------------------------------------------------------------


def wait_row(mirrord, guest, row, text):
    rig.wait_until(lambda: text in rows_of(mirrord, guest)[row], what=f"{text} in row {row}")


def read_back(mirrord, guest, say):
    """A guest's way through history, of `view` and `watch` alike."""
    guest.type("\x1b[5~")
    wait_row(mirrord, guest, 23, "history, 23 lines back; q, Esc or End: live")
    wait_row(mirrord, guest, 0, "line 54")
    guest.type("b")
    wait_row(mirrord, guest, 23, "history, 46 lines back")
    wait_row(mirrord, guest, 0, "line 31")
    for number in range(100, 110):
        say(f"line {number}\n")
    guest.type("\x1b[A")
    wait_row(mirrord, guest, 0, "line 30")  # not moved by what came meanwhile
    guest.type("\x1b[1~")
    wait_row(mirrord, guest, 23, "the oldest")
    wait_row(mirrord, guest, 0, "line 0")
    guest.type("\x1b")
    wait_row(mirrord, guest, 22, "line 109")
    wait_row(mirrord, guest, 23, "")


@pytest.mark.core
def test_a_guest_reads_back_while_the_session_goes_on(mirrord, terminals):
    say, _ = cat(mirrord)
    for number in range(100):
        say(f"line {number}\n")
    guest = view(mirrord, terminals, "s", wait_for="line 99")
    read_back(mirrord, guest, say)
    for keys in ("b", "f", "bq", "b\x1b[F"):
        guest.type(keys)
    wait_row(mirrord, guest, 22, "line 109")
    guest.type("q")
    assert guest.wait_exit() == 0


@pytest.mark.core
def test_a_watcher_reads_back_through_the_link(mirrord, link):  # noqa: F811
    say, _ = cat(mirrord)
    for number in range(100):
        say(f"line {number}\n")
    guest = link(wait_for="line 99")
    read_back(mirrord, guest, say)
    guest.type("q")
    assert guest.wait_exit() == 0


def test_without_history_a_guest_is_told_so(mirrord, terminals):
    say, _ = cat(mirrord)
    say("hello\n")
    guest = view(mirrord, terminals, "s", wait_for="hello")
    guest.type("b")
    wait_row(mirrord, guest, 23, "nothing has scrolled away")
    guest.type("q")
    rig.wait_until(lambda: rows_of(mirrord, guest)[23] == "")
    guest.type("q")
    assert guest.wait_exit() == 0


def test_history_in_a_terminal_of_another_size_fits(mirrord, terminals):
    say, _ = cat(mirrord)
    for number in range(100):
        say(f"line {number}\n")
    small = view(mirrord, terminals, "s", wait_for="line 99", rows=11, cols=60)
    small.type("b")
    wait_row(mirrord, small, 10, "history, 10 lines back")
    wait_row(mirrord, small, 0, "line 67")
    wait_row(mirrord, small, 9, "line 76")
    small.type("q")
    rig.wait_until(lambda: "line 99" in "".join(rows_of(mirrord, small)))
    large = view(mirrord, terminals, "s", wait_for="line 99", rows=40, cols=100)
    large.type("b")
    wait_row(mirrord, large, 39, "history, 24 lines back")
    wait_row(mirrord, large, 23, "line 76")


def test_a_guest_in_history_survives_the_mirror(mirrord, terminals):
    say, entry = cat(mirrord)
    for number in range(100):
        say(f"line {number}\n")
    guest = view(mirrord, terminals, "s", wait_for="line 99")
    guest.type("b")
    wait_row(mirrord, guest, 0, "line 54")
    os.kill(mirrord.mirror_pid(entry), 9)
    say("after\n")
    guest.type("\x1b")
    wait_row(mirrord, guest, 22, "after")
    guest.type("b")
    wait_row(mirrord, guest, 23, "history, 23 lines back")
