# SPDX-License-Identifier: ISC
"""How `mirrord view` keeps step with a guest's terminal, also behind a real sshd."""

import json
import os
import shlex
import signal
import time

import pytest
import rig
from test_watch import FORCED, link, ssh_of  # noqa: F401  (a fixture)

QUESTION, ANSWER = b"\x1b[5n", b"\x1b[0n"
OUTSTANDING_MAX = 64 << 10
FRAME_BYTES = 4000  # more than any of BUSY's

# A screen that changes all over, until the file is there; then it says so and stays.
BUSY = """
import os, sys, time
n, logged = 0, 0
while not os.path.exists(sys.argv[1]):
    n += 1
    if time.monotonic() - logged > 0.25:
        logged = time.monotonic()
        with open(sys.argv[1] + ".new", "w") as log:
            log.write(f"{n} {logged}")
        os.rename(log.name, sys.argv[1] + ".log")
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


def drawn(mirrord):
    """How many screens BUSY had drawn, and when that was."""
    log = mirrord.folder / "stop.log"
    rig.wait_until(log.exists)
    number, at = log.read_text().split()
    return int(number), float(at)


def rate(before, after):
    return (after[0] - before[0]) / (after[1] - before[1])


def people(mirrord):
    return json.loads(mirrord.run("who", "--json", "s").stdout)


def who(mirrord, pid=None):
    return next((one for one in people(mirrord) if pid in (None, one["pid"])), None)


@pytest.mark.parametrize("args", [["--max-fps=0"], ["--max-fps=241"], ["--max-fps=-1"], ["--max-fps=x"],
                                  ["--max-fps="], ["--budget=0"], ["--budget=-5"], ["--budget=1k"],
                                  ["--budget=99999999999999999999"]])
@pytest.mark.parametrize("command", ["view", "watch"])
def test_limits_out_of_range_are_refused_with_the_range(mirrord, terminals, command, args):
    guest = terminals(mirrord.terminal(command, *args, "s"))
    assert guest.wait_exit() == 64
    assert b"the allowed range" in guest.bytes() and guest.bytes().count(b"\n") == 1


def held_to(mirrord, what, most, more):
    """A viewer gets so many a second, some more at once, and not none."""
    first = who(mirrord)[what]
    begin = now = rig.wait_until(lambda: (seen := who(mirrord)[what]) != first and (seen, time.monotonic()))
    while now[1] - begin[1] < 4 or now[0] - begin[0] < most * 2:  # a span to be measured
        time.sleep(0.1)
        now = who(mirrord)[what], time.monotonic()
    # `who` is a second old, or two where others use this machine
    assert now[0] - begin[0] <= most * (now[1] - begin[1] + 2) + more


@pytest.mark.parametrize("arg, what, most, more", [("--max-fps=5", "frames", 5, 1),
                                                   ("--budget=6000", "bytes", 6000, FRAME_BYTES)])
def test_a_viewer_is_held_to_its_limits(mirrord, terminals, arg, what, most, more):
    busy(mirrord)
    guest = terminals(mirrord.terminal("view", arg, "s", answers=[(QUESTION, ANSWER)]))
    guest.wait_for("0000")
    held_to(mirrord, what, most, more)


@pytest.mark.parametrize("args, forced, what, most", [
    (["--max-fps=5"], FORCED, "frames", 5),
    (["--max-fps=50"], FORCED.replace("view", "view --max-fps=5"), "frames", 5),
    (["--budget=500"], FORCED, "bytes", 500)])
def test_a_watcher_is_held_to_its_own_limits_and_the_forced_ones(mirrord, link, args, forced, what,  # noqa: F811
                                                                 most):
    busy(mirrord)
    link(*args, forced=forced, wait_for="0000")
    held_to(mirrord, what, most, most)


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


def local_guest(mirrord, _sshd):
    guest = mirrord.terminal("view", "s", answers=[(QUESTION, ANSWER)])
    return guest, lambda: guest.pid


def ssh_guest(mirrord, sshd):
    key = sshd.guest("alice", 'restrict,pty,command="mirrord view --as alice s"')
    guest = rig.Terminal(sshd.ssh(key), env=mirrord.env, answers=[(QUESTION, ANSWER)])
    return guest, lambda: guest.pid


def watch_guest(mirrord, sshd):
    key = sshd.guest("alice", 'restrict,command="mirrord view --as alice s"')
    ssh = " ".join(shlex.quote(word) for word in sshd.ssh(key, tty=False)[:-1])
    guest = mirrord.terminal("watch", f"--ssh={ssh}", f"{rig.account()}@127.0.0.1",
                             answers=[(QUESTION, ANSWER)])
    return guest, lambda: ssh_of(guest)


@pytest.mark.core
@pytest.mark.parametrize("start", [local_guest, ssh_guest, watch_guest])
def test_a_guest_who_stands_still_gets_64_kib_at_most_and_then_the_newest(
        build, mirrord, terminals, sshd, soak, start):
    """During a flood; the host and another guest notice nothing."""
    finish = busy(mirrord)
    other = terminals(mirrord.terminal("view", "s", answers=[(QUESTION, ANSWER)]))
    guest, stopped = start(mirrord, sshd)
    terminals(guest)
    rig.wait_until(lambda: len(guest.bytes()) > 100_000)
    me = next(one["pid"] for one in people(mirrord) if one["pid"] != other.pid)
    begin = drawn(mirrord)
    time.sleep(1.5)  # a span to be measured
    before = rate(begin, drawn(mirrord))
    rig.wait_until(lambda: (status := who(mirrord, me))["rtt_us"] > 0 and status["lag_us"] < 5e6,
                   what=lambda: who(mirrord, me))
    pid = stopped()
    os.kill(pid, signal.SIGSTOP)
    try:
        begin, shown = drawn(mirrord), len(other.bytes())
        time.sleep(60 if soak else 3)  # this is what is measured
        while_stopped = rate(begin, drawn(mirrord))
        print(f"screens drawn a second: {before:.0f}, and {while_stopped:.0f} while one stands still")
        assert while_stopped > before * 0.7 or not soak
        rig.wait_until(lambda: drawn(mirrord)[0] > begin[0] + 20)
        rig.wait_until(lambda: len(other.bytes()) > shown + 50_000)
        if start != watch_guest:  # whose terminal gets other bytes than its link
            assert who(mirrord, me)["bytes"] - len(guest.bytes()) <= OUTSTANDING_MAX
        finish()
        mirrord.wait_row("s", "the final screen")
        other.wait_for("the final screen")
        at, woken = len(guest.bytes()), time.monotonic()
    finally:
        os.kill(pid, signal.SIGCONT)
    guest.wait_for("the final screen", start=at)
    took_s = time.monotonic() - woken
    print(f"the final screen {took_s:.2f} s after")
    assert took_s < 0.5 or not soak or rig.is_sanitized(build)
    # nothing stale was queued; what a watcher was sent is several times that when painted
    assert len(guest.bytes()) - at <= OUTSTANDING_MAX * (4 if start == watch_guest else 1) + FRAME_BYTES


def test_a_busy_guest_who_gets_quiet_wakes_nobody(mirrord, terminals, sshd):
    finish = busy(mirrord)
    key = sshd.guest("alice", 'restrict,pty,command="mirrord view --as alice s"')
    guest = terminals(rig.Terminal(sshd.ssh(key), env=mirrord.env, answers=[(QUESTION, ANSWER)]))
    rig.wait_until(lambda: len(guest.bytes()) > 100_000)
    finish()
    guest.wait_for("the final screen")
    rig.wait_asleep([who(mirrord)["pid"]], 4)
