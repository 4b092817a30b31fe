# SPDX-License-Identifier: ISC
"""`mirrord view` where there are several sessions and none is named: the guest chooses."""

import os
import signal

import pytest
import rig
from test_view import LEFT, assert_restored, cat, rows_of, view


@pytest.fixture
def two(mirrord):
    first, _ = cat(mirrord, "first")
    second, _ = cat(mirrord, "second")
    first("this is the first\n")
    second("this is the second\n")
    mirrord.wait_row("first", "this is")
    mirrord.wait_row("second", "this is")


def choosing(mirrord, terminals, **options):
    guest = view(mirrord, terminals, **options)
    guest.wait_for("q leaves")
    return guest


@pytest.mark.core
@pytest.mark.parametrize("typed, shown", [
    ("1", "first"), ("2", "second"), ("\r", "first"), ("\x1b[B\r", "second"),
    ("\x1b[B\x1b[A\r", "first"), ("\x1b[A\x1b[5~9\x1b]0;2\x07x\x1bOB\n", "second")])
def test_a_guest_chooses_by_number_or_arrows(mirrord, terminals, two, typed, shown):
    guest = choosing(mirrord, terminals)
    assert [row.strip() for row in rows_of(mirrord, guest) if row.strip()] == [
        "Which session?", "1  first", "2  second", "A number, or Up, Down and Enter; q leaves"]
    guest.type(typed)
    guest.wait_for(f"this is the {shown}")
    guest.type("q")
    assert guest.wait_exit() == 0
    assert_restored(guest)


@pytest.mark.core
@pytest.mark.parametrize("key", ["q", "\x03"])
def test_a_guest_leaves_instead(mirrord, terminals, two, key):
    guest = choosing(mirrord, terminals)
    guest.type(key)
    assert guest.wait_exit() == 0
    assert_restored(guest)
    assert guest.bytes().endswith(LEFT)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it_and_leaves_the_terminal_as_it_was(mirrord, terminals, two, number):
    guest = choosing(mirrord, terminals)
    os.kill(guest.pid, number)
    guest.wait_exit()
    assert_restored(guest)


def test_sessions_come_and_go_in_the_list(mirrord, terminals, two):
    guest = choosing(mirrord, terminals)
    guest.type("\x1b[B")
    cat(mirrord, "another")
    rig.wait_until(lambda: "1  another" in "".join(rows_of(mirrord, guest)))
    mirrord.run("stop", "first")
    rig.wait_until(lambda: "first" not in "".join(rows_of(mirrord, guest)))
    guest.type("\r")  # what stood under the bar stands there still
    guest.wait_for("this is the second")


def test_a_list_fits_any_terminal(mirrord, terminals, two):
    guest = choosing(mirrord, terminals, rows=24, cols=80)
    for rows, cols in ((5, 20), (1, 1), (3, 7), (24, 80)):
        guest.resize(rows, cols)
        guest.settled()
    rig.wait_until(lambda: "2  second" in "".join(rows_of(mirrord, guest)))
    guest.type("2")
    guest.wait_for("this is the second")


def test_without_a_terminal_they_are_named(mirrord, two):
    run = mirrord.run("dump", check=False)
    assert run.returncode == 64
    assert b"name one of them: first, second" in run.stderr
