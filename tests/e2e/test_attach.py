# SPDX-License-Identifier: ISC
"""Taking a session back, on this terminal or another, and listing and ending sessions."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import time

import pytest
import rig
import wire
from hosting import bash, put_back, say, start
from rig import is_alive, wait_until


@pytest.mark.core
def test_attach_paints_the_screen_and_goes_on(mirrord, terminals):
    terminal = bash(mirrord, terminals)
    say(terminal, "echo first-''part", "first-part")
    terminal.type("\x1cd")
    terminal.wait_exit()
    again = start(mirrord, terminals, "attach", "shared")
    again.wait_for("first-part")
    again.wait_for("READY$ ")
    say(again, "echo second-''part", "second-part")
    assert mirrord.info("shared")["attached"]
    again.type("exit 9\n")
    assert again.wait_exit() == 9
    assert put_back(again)


@pytest.mark.core
def test_attach_without_a_name_takes_the_only_session(mirrord, terminals):
    mirrord.detached("only", "sh", "-c", "echo hello-''there; exec cat")
    again = start(mirrord, terminals, "attach")
    again.wait_for("hello-there")
    again.type("\x1cd")
    assert again.wait_exit() == 0


@pytest.mark.core
def test_attach_takes_over_from_another_terminal(mirrord, terminals):
    first = bash(mirrord, terminals)
    second = start(mirrord, terminals, "attach", "shared", rows=30, cols=100)
    second.wait_for("READY$ ")
    assert first.wait_exit() == 0
    assert b"taken over by another terminal" in first.bytes()
    assert put_back(first)
    say(second, "stty size", "30 100")


def shown_on(mirrord, terminal, form="ansi"):
    """What a terminal shows that got these bytes."""
    size = f"--size={terminal.cols}x{terminal.rows}"
    run = subprocess.run(mirrord.argv("render", size, f"--format={form}"), env=mirrord.env,
                         input=terminal.bytes(), capture_output=True, check=True)
    return run.stdout.decode()


# Programs that no signal repaints: each prints its state, waits for a line, and goes on.
STILL = {
    "margins": ("\\033[3;6r\\033[6;1H\\033[1;33m", "x\\n\\n\\n\\033My"),
    "origin": ("\\033[3;9r\\033[?6h\\033[2;2H\\033[44m", "a\\033[Hb\\033[99;9Hc"),
    "full screen": ("\\033[5;5H\\033[31mmain\\033[?1049h\\033[2;2Halt", "more\\033[?1049lback"),
    "drawing": ("\\033(0\\033[4h\\033[2;3H", "qqxx\\033[4l\\033(Bend"),
    "saved": ("\\033[9;9H\\033[32m\\0337\\033[m\\033[H", "a\\0338b"),
    "edge": ("\\033[4;80Hx", "y"),
    "half": ("\\033[38;2;1", ";2;3mx\\303\\251"),
}


@pytest.mark.core
@pytest.mark.parametrize("state", STILL)
def test_attach_goes_on_exactly_where_the_program_was(mirrord, terminals, state):
    before, after = STILL[state]
    mirrord.detached("s", "sh", "-c", "stty raw -echo; seq 30 | tr '\\n' '\\r'; seq 1 9; "
                     f"printf '\\033]2;rest\\007{before}'; read x; printf '{after}'; printf '\\033]2;done\\007'; cat")
    wait_until(lambda: mirrord.screen("s")["title"] == "rest")
    again = start(mirrord, terminals, "attach", "s")
    wait_until(lambda: shown_on(mirrord, again) == mirrord.dump("s", "ansi"))
    again.type("\n")
    again.wait_for("done\007")
    wait_until(lambda: shown_on(mirrord, again) == mirrord.dump("s", "ansi"),
               what=lambda: f"{shown_on(mirrord, again)!r} {mirrord.dump('s', 'ansi')!r}")
    again.type("\x1cd")
    assert again.wait_exit() == 0


MODES = ["?1h", "?2004h", "?1004h", "?1002h", "?1006h", ">4;2m", ">5u"]


@pytest.mark.core
def test_attach_restores_the_modes_that_the_program_set(mirrord, terminals):
    modes = "".join("\\033[" + mode for mode in MODES)
    mirrord.detached("m", "sh", "-c", f"printf '\\033[?1049h{modes}\\033=on-''the-screen'; exec cat")
    mirrord.wait_row("m", "on-the-screen")
    again = start(mirrord, terminals, "attach", "m")
    again.wait_for("on-the-screen")
    for mode in MODES:
        again.wait_for("\033[" + mode)
    output = again.bytes()
    assert output.index(b"\033[?1049h") < output.index(b"on-the-screen")
    again.type("\x1cd")
    assert again.wait_exit() == 0
    assert put_back(again)


@pytest.mark.core
def test_attach_sends_the_start_of_an_unfinished_sequence_again(mirrord, terminals):
    mirrord.detached("p", "sh", "-c",
                     "stty -echo; printf 'ready\\033[3'; read x; printf '1mred\\303'; read x; "
                     "printf '\\251nd'; exec cat")
    mirrord.wait_row("p", "ready")
    again = start(mirrord, terminals, "attach", "p")
    again.wait_for("ready")
    again.type("\n")
    again.wait_for("\033[31mred")
    again.type("\x1cd")
    again.wait_exit()
    again = start(mirrord, terminals, "attach", "p")
    again.wait_for("red")
    again.type("\n")
    again.wait_for("\303\251nd".encode("latin1"))


LONG_STRING = """
import signal, sys, time
signal.signal(signal.SIGWINCH, lambda *_: print("\\33\\\\painted-again", flush=True))
print("ready\\33_" + "x" * 100000, end="", flush=True)
while True:
    time.sleep(1)
"""


@pytest.mark.core
def test_attach_opens_no_string_on_the_mirrors_word(mirrord, terminals):
    mirrord.detached("p", "python3", "-c", LONG_STRING)
    mirrord.wait_row("p", "ready")
    again = start(mirrord, terminals, "attach", "p")
    again.wait_for("painted-again")
    assert b"\033_" not in again.bytes()


def test_attach_under_load_loses_nothing(mirrord, terminals):
    """The numbers after the painted screen follow without a gap."""
    mirrord.detached("load", "sh", "-c", "i=0; while :; do echo n$i; i=$((i+1)); done", rows=24)
    for _ in range(3):
        again = start(mirrord, terminals, "attach", "load")
        wait_until(lambda: len(again.bytes()) > 100000)
        again.type("\x1cd")
        again.wait_exit()
        text = again.bytes().split(b"\033[?1049l")[0]
        numbers = [int(n) for n in re.findall(rb"n(\d+)\r\n", text)]
        assert len(numbers) > 1000
        assert all(b - a == 1 for a, b in zip(numbers[30:], numbers[31:]))


def test_attach_without_a_session_says_so(mirrord, terminals):
    terminal = start(mirrord, terminals, "attach", "nothing")
    assert terminal.wait_exit() == 69
    assert b'no session called "nothing"' in terminal.bytes()
    mirrord.detached("here", "cat")
    run = mirrord.run("attach", "here", check=False)
    assert run.returncode == 64 and b"not a terminal" in run.stderr


# ---- list and stop ------------------------------------------------------------------------------


@pytest.mark.core
def test_list_says_what_there_is(mirrord):
    before = int(time.time())
    mirrord.detached("one", "cat", rows=30, cols=100)
    mirrord.detached("two", "sleep", "1000")
    one, two = mirrord.sessions()
    assert (one["name"], two["name"]) == ("one", "two")
    assert (one["rows"], one["cols"], one["command"]) == (30, 100, "cat")
    assert (one["attached"], one["viewers"]) == (False, 0)
    assert before <= one["since"] <= time.time()
    assert is_alive(one["keeper"]) and is_alive(one["child"])
    text = mirrord.run("list").stdout.decode()
    assert "one" in text and "100x30" in text and "sleep" in text


@pytest.mark.core
def test_list_does_not_wait_for_a_keeper_that_stands_still(mirrord):
    entry = mirrord.detached("stuck", "cat")
    os.kill(entry["keeper"], signal.SIGSTOP)
    try:
        run = mirrord.run("list")
        assert b"stuck" in run.stdout and b"does not answer" in run.stdout
    finally:
        os.kill(entry["keeper"], signal.SIGCONT)


@pytest.mark.parametrize("another", [False, True])
def test_list_asks_again_when_who_listened_has_gone(mirrord, another):
    """A process that ends leaves those in its backlog alone; where it is replaced, the next answers."""
    path = mirrord.rundir / "mirrord" / "s.control"
    answer = wire.message(0x43, wire.text("s") + bytes([7, 0, 9, 24, 80, 0, 0]) + wire.text("cat"))

    def serve(listener):
        listener.accept()[0].close()
        if another:
            sock, _ = listener.accept()
            sock.sendall(answer)
            sock.recv(64)
            sock.close()
        path.unlink()
        listener.close()

    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as view:
        listener.bind(str(path))
        view.bind(str(path.with_suffix(".view")))
        listener.listen()
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        found = json.loads(mirrord.run("list", "--json").stdout)
        thread.join(rig.DEADLINE_S)
        assert not thread.is_alive()
    assert [(entry["name"], entry.get("rows")) for entry in found] == ([("s", 24)] if another else [])


@pytest.mark.core
def test_stop_hangs_up_the_session(mirrord):
    entry = mirrord.detached("s", "bash", "--norc")
    mirror = wait_until(lambda: mirrord.mirror_pid(entry))
    mirrord.run("stop", "s")
    wait_until(lambda: not is_alive(mirror))
    assert not is_alive(entry["child"])
    wait_until(lambda: not is_alive(entry["keeper"]))
    assert mirrord.sessions() == []
    assert mirrord.run("stop", "s", check=False).returncode == 69


@pytest.mark.core
def test_stop_kills_what_ignores_it(mirrord):
    entry = mirrord.detached("s", "sh", "-c", "trap '' HUP TERM; echo x; while :; do sleep 1; done")
    mirrord.run("stop", "s")
    assert not is_alive(entry["child"])
    assert mirrord.sessions() == []
