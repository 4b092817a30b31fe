# SPDX-License-Identifier: ISC
"""The keeper: its control socket against bad peers, and mirrors killed, stopped and poisoned."""

import contextlib
import fcntl
import os
import random
import re
import select
import signal
import socket
import struct
import termios
import time
import tty

import pytest
import rig
import wire
from hosting import start
from rig import children_of, is_alive, is_zombie, kill_quietly, open_fds, wait_until


# ---- the control socket -------------------------------------------------------------------------

HELLO = b"\x09\x01mirrord\x01"
INFO = b"\x01\x02"


def control(mirrord, name):
    link = socket.socket(socket.AF_UNIX)
    link.settimeout(rig.DEADLINE_S)
    link.connect(str(mirrord.rundir / "mirrord" / f"{name}.control"))
    return link


def attached(mirrord, name):
    """A front of the test's own, and its terminal's two ends."""
    master, terminal = os.openpty()
    tty.setraw(terminal)
    front = control(mirrord, name)
    front.sendall(HELLO)
    attach = b"\x04" + bytes([24, 80]) + bytes(60)
    socket.send_fds(front, [bytes([len(attach)]) + attach], [terminal])
    assert b"\x44" in front.recv(1000)  # CONTROL_PAUSED
    front.sendall(b"\x02\x05\x00")
    return front, master, terminal


def is_dropped(link):
    try:
        return link.recv(1000) == b""
    except ConnectionResetError:
        return True


@pytest.mark.core
def test_garbage_on_the_control_socket_is_dropped(mirrord):
    entry = mirrord.detached("c", "cat")
    inputs = [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\0" * 100, b"\xff" * 100, INFO,
              b"\x09\x01mirrorx\x01", b"\x01\x02" * 2000, b"\x02\x09\x00",
              HELLO + b"\x02\x06x", HELLO + b"\x01\x7f", HELLO + b"\x03\x07\x01\x01",
              HELLO + b"\xff\xff\xff\xff\x7f", random.Random(3).randbytes(5000)]
    for data in inputs:
        link = control(mirrord, "c")
        try:
            link.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            continue
        assert is_dropped(link), data
    assert mirrord.info("c")["keeper"] == entry["keeper"]


@pytest.mark.core
def test_silence_on_the_control_socket_is_dropped_after_5_s(mirrord):
    mirrord.detached("c", "cat")
    silent, slow, greeted = (control(mirrord, "c") for _ in range(3))
    before = time.monotonic()
    slow.sendall(HELLO[:3])
    greeted.sendall(HELLO)
    for link in (silent, slow, greeted):
        assert is_dropped(link)
    assert time.monotonic() - before > 4


@pytest.mark.core
def test_many_connections_leave_room_again(mirrord):
    mirrord.detached("c", "cat")
    links = [control(mirrord, "c") for _ in range(40)]
    assert mirrord.sessions()[0]["command"] == "cat"
    for link in links:
        link.close()


@pytest.mark.core
def test_another_version_is_told_in_one_line(mirrord):
    mirrord.detached("c", "cat")
    link = control(mirrord, "c")
    link.sendall(b"\x09\x01mirrord\x63")
    answer = link.recv(1000)
    assert answer[1] == 0x42 and answer[2] == 76 and b"version 1" in answer
    assert is_dropped(link)


@pytest.mark.core
def test_attaching_needs_a_terminal_of_the_sender(mirrord, folder):
    entry = mirrord.detached("c", "cat")
    before = null_fds(entry["keeper"])
    payload = b"\x04" + bytes([24, 80]) + bytes(60)
    with open(os.devnull, "rb") as null:
        for fds in ([], [null.fileno()], [null.fileno()] * 2):
            link = control(mirrord, "c")
            link.sendall(HELLO)
            message = bytes([len(payload)]) + payload
            socket.send_fds(link, [message], fds)
            answer = link.recv(1000)
            assert answer[1:3] == bytes([0x42, 64])
    wait_until(lambda: null_fds(entry["keeper"]) == before)
    assert not mirrord.info("c")["attached"]


@pytest.mark.core
def test_a_socket_that_lingers_does_not_hold_up_the_session(mirrord, folder):
    entry = mirrord.detached("c", "cat")
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.listen(1)
        lingering = socket.create_connection(listener.getsockname())
        lingering.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 100))
        lingering.setblocking(False)
        with listener.accept()[0]:
            with contextlib.suppress(BlockingIOError):
                while True:
                    lingering.send(bytes(65536))
            link = control(mirrord, "c")
            link.sendall(HELLO)
            socket.send_fds(link, [INFO], [lingering.fileno()])
            link.recv(1000)
            name = os.readlink(f"/proc/self/fd/{lingering.fileno()}")
            assert name in open_fds(entry["keeper"]).values()
            lingering.close()  # the keeper's is the last
            link.close()
            wait_until(lambda: name not in open_fds(entry["keeper"]).values())
            assert mirrord.info("c")["keeper"] == entry["keeper"]


@pytest.mark.core
def test_a_front_that_leaves_and_takes_nothing_is_let_go(mirrord):
    mirrord.detached("c", "sh", "-c", "while :; do head -c 400000 /dev/zero | tr '\\0' x; done")
    front, master, terminal = attached(mirrord, "c")

    def is_stuck():
        waiting = fcntl.ioctl(front, termios.FIONREAD, bytes(4))
        time.sleep(0.3)  # a span to be measured, not waited for
        return any(waiting) and fcntl.ioctl(front, termios.FIONREAD, bytes(4)) == waiting

    wait_until(is_stuck)
    front.sendall(b"\x01\x08")
    hung_up = select.poll()
    hung_up.register(front, 0)
    wait_until(lambda: hung_up.poll(0))
    front.close()
    os.close(master)
    os.close(terminal)


def null_fds(pid):
    return sum(path == "/dev/null" for path in open_fds(pid).values())


# ---- the mirror, killed, stopped and poisoned ---------------------------------------------------


def another_mirror(mirrord, entry, old, poll_s=rig.POLL_S):
    def new():
        pid = mirrord.mirror_pid(entry)
        return pid if pid != old else None
    return wait_until(new, what="another mirror", poll_s=poll_s)


@pytest.mark.core
def test_killed_mirrors_leave_neither_zombies_nor_fds(mirrord, soak):
    entry = mirrord.detached("m", "sh", "-c", "seq 300; exec cat")
    mirrord.wait_row("m", "300")
    before = mirrord.dump("m", "json")
    fds = open_fds(entry["keeper"])
    for _ in range(100 if soak else 8):
        pid = mirrord.mirror_pid(entry)
        kill_quietly(pid)
        another_mirror(mirrord, entry, pid)
        assert mirrord.dump("m", "json") == before
    wait_until(lambda: not any(is_zombie(pid) for pid in children_of(entry["keeper"])))
    wait_until(lambda: len(open_fds(entry["keeper"])) == len(fds))
    assert len(children_of(entry["keeper"])) == 2
    assert is_alive(entry["child"])


@pytest.mark.core
def test_a_mirror_that_stands_still_is_replaced_while_output_goes_on(mirrord, terminals):
    terminal = start(mirrord, terminals, "-n", "m", "--", "sh", "-c",
                     "i=0; while :; do i=$((i+1)); echo line$i; sleep 0.01; done")
    terminal.wait_for("line20")
    entry = mirrord.info("m")
    pid = wait_until(lambda: mirrord.mirror_pid(entry))
    os.kill(pid, signal.SIGSTOP)
    before, first = time.monotonic(), last_line(terminal.bytes())
    last = first
    while mirrord.mirror_pid(entry) == pid:
        last = last_line(terminal.bytes())
        time.sleep(rig.POLL_S)
    assert time.monotonic() - before > 1.5
    assert last > first + 10  # the host's terminal never waits
    wait_until(lambda: last_line(mirrord.dump("m").encode()) >= last)


def last_line(text):
    return int(re.findall(rb"line(\d+)\r?\n", text)[-1])


@pytest.mark.core
def test_a_stopped_mirror_holds_up_a_flood_for_2_s_at_most(mirrord, folder):
    done = folder / "done"
    entry = mirrord.detached("m", "sh", "-c",
                             f"read x; seq 1 1400000; echo ok > {done}; exec cat")
    pid = wait_until(lambda: mirrord.mirror_pid(entry))
    os.kill(pid, signal.SIGSTOP)
    terminal_type(mirrord, "m", "\n")
    wait_until(done.exists)
    assert mirrord.mirror_pid(entry) != pid
    mirrord.wait_row("m", "1400000", 120)


def terminal_type(mirrord, name, text):
    """Types into a detached session, as its host would."""
    terminal = mirrord.terminal("attach", name)
    try:
        wait_until(lambda: mirrord.info(name)["attached"])
        terminal.wait_for("\033[H\033[J")
        terminal.type(text + "\x1cd")
        terminal.wait_exit()
    finally:
        terminal.close()


@pytest.mark.core
def test_bytes_that_kill_two_mirrors_are_skipped(mirrord, folder):
    """Killed again before it has caught up: what it was given is taken for poison."""
    nudged = folder / "nudged"
    entry = mirrord.detached("m", "sh", "-c", f"trap 'echo painted again; touch {nudged}' WINCH; "
                             "seq 20000; while :; do sleep 0.1; done")
    mirrord.wait_row("m", "20000")
    assert "painted again" not in mirrord.dump("m")
    pid = mirrord.mirror_pid(entry)
    for _ in range(30):  # one may have been too quick for us
        kill_quietly(pid)
        pid = another_mirror(mirrord, entry, pid, poll_s=0.0005)
        os.kill(pid, signal.SIGSTOP)  # it never says that it has restored anything
        with contextlib.suppress(AssertionError):
            wait_until(nudged.exists, 0.5)
            break
    kill_quietly(pid)
    mirrord.wait_row("m", "painted again")
    assert is_alive(entry["child"])


def test_the_hosts_typing_goes_on_after_a_program_that_took_none(mirrord, folder):
    """In messages that fill what the keeper keeps of them to the byte."""
    got = folder / "got"
    entry = mirrord.detached("t", "sh", "-c", f"stty raw -echo; echo ready; exec cat >{got}")
    mirrord.wait_row("t", "ready")
    front, *terminal = attached(mirrord, "t")
    piece = b"x" * 4197
    assert len(wire.message(6, piece)) == 4200  # CONTROL_MAX; it keeps two
    os.kill(entry["child"], signal.SIGSTOP)
    count, rest = rig.send_until_full(front, wire.message(6, piece))
    os.kill(entry["child"], signal.SIGCONT)
    front.sendall(rest + wire.message(6, b"still"))
    wait_until(lambda: got.read_bytes() == piece * count + b"still", what=lambda: got.stat().st_size)
    front.close()
    for fd in terminal:
        os.close(fd)


@pytest.mark.core
def test_queries_are_answered_once_while_no_terminal_is_there(mirrord, folder):
    got = folder / "got"
    entry = mirrord.detached("q", "sh", "-c",
                             "stty raw -echo; printf 'abc\\033[6n\\033[c\\033[5n'; "
                             f"dd bs=1 count=19 of={got} 2>/dev/null; echo done; exec cat -v")
    mirrord.wait_row("q", "done")
    assert got.read_bytes() == b"\033[1;4R\033[?62;22c\033[0n"
    for _ in range(3):
        pid = mirrord.mirror_pid(entry)
        kill_quietly(pid)
        another_mirror(mirrord, entry, pid)
        mirrord.wait_row("q", "done")
    assert not any("^[" in row for row in mirrord.rows("q"))


@pytest.mark.core
def test_queries_are_left_to_the_hosts_terminal_if_there_is_one(mirrord, terminals):
    terminal = start(mirrord, terminals, "-n", "q", "--", "sh", "-c",
                     "stty raw -echo; printf 'abc\\033[6n'; exec cat -v")
    terminal.wait_for("abc\033[6n")
    mirrord.wait_row("q", "abc")
    terminal.type(".")
    terminal.wait_for("n.")
    assert b"^[" not in terminal.settled()
