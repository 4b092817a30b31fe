# SPDX-License-Identifier: ISC
"""How `mirrord view` keeps step with a guest's terminal, also behind a real sshd."""

import json
import os
import signal
import time

import pytest
import rig
from test_watch import FORCED, link  # noqa: F401  (a fixture)

QUESTION, ANSWER = b"\x1b[5n", b"\x1b[0n"
OUTSTANDING_MAX = 64 << 10
FRAME_BYTES = 4000  # more than any of BUSY's

# A screen that changes all over, until the file is there; then it says so and stays.
BUSY = """
import os, sys, time
n = 0
while not os.path.exists(sys.argv[1]):
    n += 1
    print("\\x1b[H" + "".join(f"0000{pow(row * 7919 + n, 17) % 10**66:066d}\\r\\n" for row in range(1, 23)), end="", flush=True)
    time.sleep(0.005)
print("\\x1b[H\\x1b[2Jthe final screen", end="", flush=True)
time.sleep(3600)
"""


def busy(mirrord):
    """A session that runs BUSY, and what ends its noise."""
    stop = mirrord.folder / "stop"
    mirrord.detached("s", "/usr/bin/python3", "-c", BUSY, str(stop))
    mirrord.wait_row("s", "0000")
    return stop.touch


def who(mirrord):
    people = json.loads(mirrord.run("who", "--json", "s").stdout)
    return people[0] if people else None


def settled_status(mirrord):
    """What `who` says once that does not change any more."""
    seen = [None, 0.0]

    def quiet():
        status = who(mirrord)
        if not seen[0] or status["bytes"] != seen[0]["bytes"]:
            seen[:] = [status, time.monotonic()]
        return time.monotonic() - seen[1] > 2.5

    rig.wait_until(quiet, 60, "a view that writes no more", poll_s=0.2)
    return seen[0]


@pytest.mark.parametrize("args", [["--max-fps=0"], ["--max-fps=241"], ["--max-fps=-1"], ["--max-fps=x"],
                                  ["--max-fps="], ["--budget=0"], ["--budget=-5"], ["--budget=1k"],
                                  ["--budget=99999999999999999999"]])
@pytest.mark.parametrize("command", ["view", "watch"])
def test_limits_out_of_range_are_refused_with_the_range(mirrord, terminals, command, args):
    guest = terminals(mirrord.terminal(command, *args, "s"))
    assert guest.wait_exit() == 64
    assert b"the allowed range" in guest.bytes() and guest.bytes().count(b"\n") == 1


@pytest.mark.parametrize("arg, what, most, more", [("--max-fps=5", "frames", 5, 1),
                                                   ("--budget=6000", "bytes", 6000, FRAME_BYTES)])
def test_a_viewer_is_held_to_its_limits(mirrord, terminals, arg, what, most, more):
    busy(mirrord)
    guest = terminals(mirrord.terminal("view", arg, "s", answers=[(QUESTION, ANSWER)]))
    guest.wait_for("0000")
    start, first = time.monotonic(), who(mirrord)[what]
    time.sleep(4)  # a span to be measured
    came, took = who(mirrord)[what] - first, time.monotonic() - start
    assert most <= came <= most * (took + 1) + more  # `who` may be a second old


@pytest.mark.parametrize("args, forced, what, most", [
    (["--max-fps=5"], FORCED, "frames", 5),
    (["--max-fps=50"], FORCED.replace("view", "view --max-fps=5"), "frames", 5),
    (["--budget=500"], FORCED, "bytes", 500)])
def test_a_watcher_is_held_to_its_own_limits_and_the_forced_ones(mirrord, link, args, forced, what,  # noqa: F811
                                                                 most):
    busy(mirrord)
    link(*args, forced=forced, wait_for="0000")
    start, first = time.monotonic(), who(mirrord)[what]
    time.sleep(4)  # a span to be measured
    came, took = who(mirrord)[what] - first, time.monotonic() - start
    assert came <= most * (took + 2)  # `who` may be a second old, and a frame is whole
    assert came >= most * 2


def test_a_dumb_terminal_is_not_asked(mirrord, terminals):
    busy(mirrord)
    guest = terminals(mirrord.terminal("view", "s", env={"TERM": "dumb"}))
    rig.wait_until(lambda: len(guest.bytes()) > 200_000, what=lambda: f"{guest.bytes()[-200:]} {guest.process.poll()} {who(mirrord)}")
    assert QUESTION not in guest.bytes()


def test_a_terminal_that_never_answers_is_asked_once(mirrord, terminals):
    busy(mirrord)
    guest = terminals(mirrord.terminal("view", "s"))
    rig.wait_until(lambda: len(guest.bytes()) > 300_000)
    assert guest.bytes().count(QUESTION) == 1


def test_no_answer_is_left_for_the_shell(mirrord, terminals):
    """Leaving waits for what was asked, else the answer would be typed into the shell."""
    busy(mirrord)
    guest = terminals(mirrord.terminal("view", "s", answers=[(QUESTION, ANSWER)]))
    rig.wait_until(lambda: len(guest.bytes()) > 100_000)
    asked = guest.bytes().count(QUESTION)
    assert 1 <= asked < 20
    guest.type("q")
    assert guest.wait_exit() == 0
    os.set_blocking(guest.slave, False)
    with pytest.raises(BlockingIOError):
        os.read(guest.slave, 100)


@pytest.mark.core
def test_a_stopped_ssh_gets_64_kib_at_most_and_then_the_newest(mirrord, terminals, sshd):
    finish = busy(mirrord)
    key = sshd.guest("alice", 'restrict,pty,command="mirrord view --as alice s"')
    guest = terminals(rig.Terminal(sshd.ssh(key), env=mirrord.env, answers=[(QUESTION, ANSWER)]))
    rig.wait_until(lambda: len(guest.bytes()) > 150_000, 30)
    status = who(mirrord)
    assert status["rtt_us"] > 0 and 0 < status["lag_us"] < 5e6
    os.kill(guest.pid, signal.SIGSTOP)
    try:
        before = settled_status(mirrord)
        assert before["bytes"] - len(guest.bytes()) <= OUTSTANDING_MAX
        finish()
        mirrord.wait_row("s", "the final screen")
        at = len(guest.bytes())
    finally:
        os.kill(guest.pid, signal.SIGCONT)
    guest.wait_for("the final screen", 5)
    assert len(guest.bytes()) - at <= OUTSTANDING_MAX + FRAME_BYTES  # nothing stale was queued


def test_a_busy_guest_who_gets_quiet_wakes_nobody(mirrord, terminals, sshd):
    finish = busy(mirrord)
    key = sshd.guest("alice", 'restrict,pty,command="mirrord view --as alice s"')
    guest = terminals(rig.Terminal(sshd.ssh(key), env=mirrord.env, answers=[(QUESTION, ANSWER)]))
    rig.wait_until(lambda: len(guest.bytes()) > 100_000, 30)
    finish()
    guest.wait_for("the final screen")
    guest.settled(2.5)
    pid = who(mirrord)["pid"]
    before = rig.context_switches(pid)
    time.sleep(4)  # a span to be measured
    assert rig.context_switches(pid) == before
