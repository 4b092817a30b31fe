# SPDX-License-Identifier: ISC
"""The host's side: the session's process, the terminal in front of it, and the commands about it."""

import contextlib
import fcntl
import hashlib
import os
import random
import re
import select
import signal
import socket
import stat
import struct
import subprocess
import sys
import termios
import time
import tty

import pytest
import rig
from rig import children_of, is_alive, is_zombie, kill_quietly, open_fds, wait_until

NOBODY = 65534  # any uid that is not ours


def start(mirrord, terminals, *args, **options):
    return terminals(mirrord.terminal(*args, **options))


def flags(modes):
    """The parts of termios that a program changes: input, output and local flags."""
    return [modes[0], modes[1], modes[3]]


def put_back(terminal):
    return flags(terminal.modes()) == flags(terminal.modes_before)


def bash(mirrord, terminals, *args, name="shared", **options):
    """bash in the foreground with a prompt that says nothing but READY."""
    terminal = start(mirrord, terminals, "-n", name, *args, "--", "bash", "--norc",
                     env={"PS1": "READY$ "}, **options)
    terminal.wait_for("READY$ ")
    return terminal


def say(terminal, command, expected):
    """Types a command and waits for what it prints; `expected` must not stand in the command."""
    start_at = len(terminal.bytes())
    terminal.type(command + "\n")
    terminal.wait_for(expected, start=start_at)


# ---- the terminal and the child -----------------------------------------------------------------

ECHO_SERVER = r"""
import hashlib, os, random, sys, tty
tty.setraw(0)
count, seed = int(sys.argv[1]), int(sys.argv[2])
os.write(1, b"<go>")
got = b""
while len(got) < count:
    got += os.read(0, 65536)
out = hashlib.sha256(got).hexdigest().encode() + b"<out>" + random.Random(seed).randbytes(count) + b"<end>"
while out:
    out = out[os.write(1, out):]
os.read(0, 1)
"""


@pytest.mark.core
def test_every_byte_passes_both_ways_unchanged(mirrord, terminals):
    count = 300000
    typed = random.Random(1).randbytes(count)
    expected = random.Random(2).randbytes(count)
    terminal = start(mirrord, terminals, "--detach-key=none", "--", sys.executable, "-c",
                     ECHO_SERVER, count, 2)
    terminal.wait_for("<go>")
    terminal.type(typed)
    terminal.wait_for("<end>", 60)
    output = terminal.bytes()
    head, _, rest = output.partition(b"<out>")
    assert head.endswith(hashlib.sha256(typed).hexdigest().encode())
    assert rest[:-len(b"<end>")] == expected
    terminal.type("x")
    assert terminal.wait_exit() == 0
    assert put_back(terminal)


@pytest.mark.core
def test_what_stood_on_the_terminal_is_scrolled_away_first(mirrord, terminals):
    terminal = start(mirrord, terminals, "--", "printf", "hello", rows=10)
    terminal.wait_exit()
    assert terminal.bytes().startswith(b"\r\n" * 10 + b"\033[H\033[Jhello")


@pytest.mark.core
@pytest.mark.parametrize("command, status", [
    (["sh", "-c", "exit 0"], 0), (["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -TERM $$"], 143),
    (["sh", "-c", "kill -KILL $$"], 137)])
def test_the_status_is_the_childs(mirrord, terminals, command, status):
    terminal = start(mirrord, terminals, "--", *command)
    assert terminal.wait_exit() == status
    assert put_back(terminal)
    assert mirrord.sessions() == []


@pytest.mark.core
def test_all_output_before_the_end_arrives(mirrord, terminals):
    terminal = start(mirrord, terminals, "--", "seq", "1", "20000")
    assert terminal.wait_exit(60) == 0
    assert b"\r\n19999\r\n20000\r\n" in terminal.bytes()


@pytest.mark.core
def test_what_cannot_be_run_is_said_and_leaves_no_session(mirrord, terminals, folder):
    terminal = start(mirrord, terminals, "--", "no-such-program")
    assert terminal.wait_exit() == 127
    assert terminal.bytes() == \
        b'mirrord: cannot run "no-such-program": No such file or directory\r\n'
    plain = folder / "plain"
    plain.write_text("text")
    terminal = start(mirrord, terminals, "--", plain)
    assert terminal.wait_exit() == 126
    assert b"Permission denied" in terminal.bytes()
    terminal = start(mirrord, terminals, "--detach-key=none", "veiw")
    assert terminal.wait_exit() == 127
    run = mirrord.run("--detach", "--", "no-such-program", check=False)
    assert run.returncode == 127
    assert mirrord.sessions() == []
    assert [path.name for path in (mirrord.rundir / "mirrord").iterdir()] == [".lock"]


@pytest.mark.core
@pytest.mark.parametrize("word, hint", [("veiw", "; did you mean view?"), ("lst", "; did you mean list?"),
                                        ("no-such-program", "")])
def test_a_misspelt_command_starts_nothing(mirrord, terminals, word, hint):
    terminal = start(mirrord, terminals, word)
    assert terminal.wait_exit() == 127
    assert terminal.bytes().decode() == \
        f'mirrord: "{word}" is neither a command of mirrord nor a program{hint}\r\n'
    assert mirrord.sessions() == []


def test_help_is_there_for_each_command(mirrord):
    assert mirrord.run("help").stdout == mirrord.run("--help").stdout
    assert mirrord.run("help", "view").stdout == mirrord.run("view", "--help").stdout
    refused(mirrord, "help", "veiw", status=64, says="help takes one")


def test_the_shell_is_the_default_command(mirrord, terminals):
    terminal = start(mirrord, terminals, env={"SHELL": "/bin/sh", "PS1": "S$ "})
    terminal.wait_for("S$ ")
    assert mirrord.info("shared")["command"] == "/bin/sh"
    terminal.type("exit 3\n")
    assert terminal.wait_exit() == 3


@pytest.mark.core
def test_a_resize_reaches_the_program(mirrord, terminals):
    terminal = bash(mirrord, terminals, rows=24, cols=80)
    say(terminal, "stty size", "24 80")
    terminal.resize(31, 97)
    wait_until(lambda: (mirrord.info("shared")["rows"], mirrord.info("shared")["cols"]) == (31, 97))
    say(terminal, "stty size", "31 97")
    for step in range(40):
        terminal.resize(20 + step, 60 + step)
    wait_until(lambda: mirrord.info("shared")["rows"] == 59)
    say(terminal, "stty size", "59 99")


def wait_foreground(entry, program):
    """Waits until a child of the session's command is the program in the foreground."""
    def runs():
        for pid in children_of(entry["child"]):
            fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
            if program in rig.cmdline(pid)[:1] and fields[2] == fields[5]:
                return True
        return False
    wait_until(runs, what=f"{program} in the foreground")


@pytest.mark.core
def test_job_control_keys_go_to_the_program(mirrord, terminals):
    terminal = bash(mirrord, terminals)
    entry = mirrord.info("shared")
    say(terminal, "sleep 1000 & jobs", "Running")
    terminal.type("fg\n")
    wait_foreground(entry, b"sleep")
    terminal.type("\x1a")
    terminal.wait_for("Stopped")
    say(terminal, "kill -9 %1; wait; echo do''ne", "done")
    terminal.type("sleep 1000\n")
    wait_foreground(entry, b"sleep")
    terminal.type("\x03")
    say(terminal, "echo int''errupted", "interrupted")


def test_the_child_gets_nothing_but_its_terminal(mirrord, terminals):
    terminal = bash(mirrord, terminals)
    say(terminal, "ls /proc/self/fd | tr '\\n' ' '; echo fds''", "0 1 2 3 fds")  # 3: ls's own
    say(terminal, "echo [$MIRRORD_SESSION] [$TERM]", "[shared] [xterm-256color]")
    say(terminal, "ps -o tty= -p $$ | tr -d ' '; tty | tr -d ' '", "/dev/pts")
    say(terminal, "grep -E 'Sig(Blk|Ign)' /proc/$$/status | head -1 | tr -d '\\t'; echo m''asks",
        "masks")


@pytest.mark.core
def test_sessions_do_not_nest(mirrord, terminals):
    terminal = bash(mirrord, terminals)
    say(terminal, f"{mirrord.binary} -n inner -- true; echo status=$?", "status=64")
    assert b'inside the session "shared" already' in terminal.bytes()
    say(terminal, f"{mirrord.binary} attach shared; echo again=$?", "again=64")


# ---- ways to leave ------------------------------------------------------------------------------


def leave_in_every_encoding():
    return ["\x1cd", "\033[92;5ud", "\033[92;5u\033[92;5:3ud", "\033[92:124;5:1u\033[100;1:1u",
            "\033[27;5;92~d"]


@pytest.mark.core
@pytest.mark.parametrize("keys", leave_in_every_encoding())
def test_the_detach_key_leaves_the_session_running(mirrord, terminals, keys):
    terminal = bash(mirrord, terminals)
    entry = mirrord.info("shared")
    assert entry["attached"]
    terminal.type(keys)
    assert terminal.wait_exit() == 0
    assert put_back(terminal)
    assert b"mirrord attach shared" in terminal.bytes()
    assert is_alive(entry["child"])
    wait_until(lambda: not mirrord.info("shared")["attached"])


@pytest.mark.core
def test_a_paste_cannot_detach(mirrord, terminals):
    terminal = start(mirrord, terminals, "--", "sh", "-c", "stty raw -echo; echo READY; exec cat -v")
    terminal.wait_for("READY")
    terminal.type("\033[200~\x1cd\033[92;5ud\033[27;5;92~d\033[201~.")
    terminal.wait_for("^[[200~^\\d^[[92;5ud^[[27;5;92~d^[[201~.")
    terminal.type("\x1c\x1c.")
    terminal.wait_for("~.^\\.")
    terminal.type("\x1c")  # alone: passed on after its time
    terminal.wait_for("~.^\\.^\\")
    terminal.type("\x1cd")
    assert terminal.wait_exit() == 0


def test_the_detach_key_can_be_chosen(mirrord, terminals):
    terminal = bash(mirrord, terminals, "--detach-key=^]")
    terminal.type("\x1dd")
    assert terminal.wait_exit() == 0
    terminal = bash(mirrord, terminals, name="b", )
    terminal.type("\x1cd")
    assert terminal.wait_exit() == 0
    terminal = start(mirrord, terminals, "--detach-key=x", "--", "true")
    assert terminal.wait_exit() == 64
    assert b"detach key" in terminal.bytes()


@pytest.mark.core
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT])
def test_a_signal_to_the_front_restores_the_terminal(mirrord, terminals, number):
    terminal = bash(mirrord, terminals)
    entry = mirrord.info("shared")
    os.kill(terminal.pid, number)
    assert terminal.wait_exit() == 128 + number
    assert put_back(terminal)
    assert is_alive(entry["child"])


RESETS = [b"\033[?1049l", b"\033[?25h", b"\033[?2004l", b"\033[>4;0m", b"\033[=0u",
          b"\033[?9;1000;1001;1002;1003l"]


@pytest.mark.core
def test_a_killed_front_has_its_terminal_restored_by_the_keeper(mirrord, terminals, soak):
    for _ in range(100 if soak else 3):
        terminal = bash(mirrord, terminals)
        entry = mirrord.info("shared")
        say(terminal, "printf '\\033[?1049h\\033[?1000h'; echo o''n", "on")
        assert not put_back(terminal)
        mark = len(terminal.bytes())
        os.kill(terminal.pid, signal.SIGKILL)
        wait_until(lambda: put_back(terminal), 2)
        for reset in RESETS:
            terminal.wait_for(reset, start=mark)
        assert is_alive(entry["child"])
        mirrord.run("stop", "shared")


@pytest.mark.parametrize("left_on", [False, True], ids=["main_screen", "alternate_screen"])
def test_the_cursor_is_left_below_the_output_in_tmux(mirrord, terminals, folder, left_on):
    """Also where a full-screen program has run before, whose ?1049l tmux would carry out again."""
    before = "printf '\\033[?1049hfull\\033[?1049lbefore\\n'"
    program = "seq 6"
    if left_on:
        program += "; printf '\\033[?1049h\\033[2J\\033[9;9Halternate'"
    path = folder / "program"
    path.write_text(f"{program}\n")
    tmux = terminals(rig.Tmux(folder, ["sh", "-c", f"{before}; {mirrord.binary} -n t -- sh {path}; "
                                       "echo here; exec sleep 1000"], 12, 40, mirrord.env))
    wait_until(lambda: "here" in "".join(tmux.text()), what=tmux.text)
    assert [row for row in tmux.text() if row] == ["1", "2", "3", "4", "5", "6", "here"]


def test_a_shell_that_took_its_terminal_back_is_left_alone(mirrord, terminals):
    """The keeper restores only what a front left: raw mode."""
    terminal = bash(mirrord, terminals)
    other = termios_without_echo(terminal)
    os.kill(terminal.pid, signal.SIGSTOP)
    rig.termios.tcsetattr(terminal.slave, rig.termios.TCSANOW, other)
    mark = len(terminal.bytes())
    os.kill(terminal.pid, signal.SIGKILL)
    wait_until(lambda: not mirrord.info("shared")["attached"])
    assert flags(terminal.modes()) == flags(other)
    assert terminal.bytes()[mark:] == b""


def termios_without_echo(terminal):
    """As a line editor sets it."""
    modes = [*terminal.modes_before]
    modes[3] &= ~(rig.termios.ECHO | rig.termios.ICANON)
    return modes


@pytest.mark.core
def test_a_hang_up_leaves_the_session_running(mirrord, terminals):
    terminal = bash(mirrord, terminals)
    entry = mirrord.info("shared")
    terminal.hang_up()
    terminal.process.wait(10)
    wait_until(lambda: not mirrord.info("shared")["attached"])
    assert is_alive(entry["child"])
    assert os.getsid(entry["keeper"]) == entry["keeper"]


@pytest.mark.core
def test_a_terminal_that_takes_nothing_stops_the_program_and_no_more(mirrord, terminals):
    terminal = start(mirrord, terminals, "--", "sh", "-c", "echo READY; exec yes")
    terminal.wait_for("READY")
    terminal.reading.clear()
    entry = mirrord.info("shared")
    rss = [0]

    def settled():
        before, rss[0] = rss[0], memory_kb(entry["keeper"])
        time.sleep(0.2)
        return rss[0] == before

    wait_until(settled)
    assert rss[0] < 200000
    terminal.reading.set()
    mark = len(terminal.bytes())
    wait_until(lambda: len(terminal.bytes()) > mark + 1000000)
    terminal.type("\x1cd")
    assert terminal.wait_exit() == 0


def memory_kb(pid):
    text = open(f"/proc/{pid}/status").read()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1])


# ---- attach -------------------------------------------------------------------------------------


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
    wait_until(lambda: again.settled(0.2) and shown_on(mirrord, again) == mirrord.dump("s", "ansi"))
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
        before = time.monotonic()
        run = mirrord.run("list")
        assert b"stuck" in run.stdout and b"does not answer" in run.stdout
        assert time.monotonic() - before < 8
    finally:
        os.kill(entry["keeper"], signal.SIGCONT)


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


# ---- bad input ----------------------------------------------------------------------------------


def refused(mirrord, *args, status, says, env=None):
    run = mirrord.run(*args, check=False, env=env)
    assert run.returncode == status, run.stderr
    assert says in run.stderr.decode()
    assert run.stderr.count(b"\n") == 1
    return run


@pytest.mark.core
def test_options_that_make_no_sense_are_refused_with_a_hint(mirrord):
    refused(mirrord, "--no-such", status=64, says="--help")
    refused(mirrord, "-n", status=64, says="missing")
    refused(mirrord, "--size=80x24", "--", "true", status=64, says="--detach")
    refused(mirrord, "--detach", "--size=80", "--", "true", status=64, says="COLSxROWS")
    refused(mirrord, "--detach", "--size=-1x5", "--", "true", status=64, says="COLSxROWS")
    refused(mirrord, "--detach", "--detach-key=F1", "--", "true", status=64, says="detach key")
    refused(mirrord, "list", "--no-such", status=64, says="--help")
    refused(mirrord, "attach", "--no-such", status=64, says="--help")
    refused(mirrord, "stop", "--no-such", status=64, says="usage")


@pytest.mark.core
def test_help_is_there_for_every_command(mirrord):
    usage = mirrord.run("--help").stdout.decode()
    commands = re.findall(r"^  mirrord (\w+) ", usage, re.MULTILINE)
    assert {"attach", "list", "stop", "view"} <= set(commands)
    for command in commands:
        assert mirrord.run(command, "--help").stdout.startswith(b"usage: mirrord " +
                                                                command.encode())
    assert re.match(rb"mirrord \d+\.\d+", mirrord.run("--version").stdout)


@pytest.mark.core
@pytest.mark.parametrize("name, rule", [
    ("", "empty"), ("a/b", "slash"), ("x" * 65, "64"), (".x", "dot"), ("a b", "printable"),
    ("a\033[2J", "printable")])
def test_names_against_the_rule_are_refused(mirrord, name, rule):
    refused(mirrord, "--detach", f"--name={name}", "--", "true", status=64, says=rule)


@pytest.mark.core
def test_a_taken_name_says_by_whom_and_since_when(mirrord):
    entry = mirrord.detached("mine", "cat")
    year = time.strftime("%Y-", time.localtime(entry["since"]))
    run = refused(mirrord, "--detach", "-n", "mine", "--", "cat", status=73,
                  says=f"pid {entry['keeper']} since {year}")
    assert b"-n NAME" in run.stderr
    assert is_alive(entry["child"])


@pytest.mark.core
def test_of_two_that_start_at_once_one_gets_the_name(mirrord):
    starting = [subprocess.Popen(mirrord.argv("-n", "race", "--detach", "--", "cat"), env=mirrord.env,
                                 stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE) for _ in range(6)]
    said = [process.communicate(timeout=60)[1] for process in starting]
    assert sorted(process.returncode for process in starting) == [0] + 5 * [73], said
    assert len(mirrord.sessions()) == 1


@pytest.mark.core
def test_the_name_is_free_at_the_childs_end(mirrord, terminals):
    for _ in range(5):
        terminal = start(mirrord, terminals, "-n", "again", "--", "true")
        assert terminal.wait_exit() == 0


@pytest.mark.core
def test_closed_standard_files_and_ignored_signals_do_no_harm(mirrord):
    script = (f"trap '' CHLD WINCH HUP; exec {mirrord.binary} -n odd --detach -- "
              f"sh -c 'cat; exit 3' <&- >&- 2>&-")
    assert subprocess.run(["bash", "-c", script], env=mirrord.env, timeout=60).returncode == 0
    entry = mirrord.info("odd")
    mirrord.run("stop", "odd")
    wait_until(lambda: not is_alive(entry["keeper"]))


@pytest.mark.core
def test_sockets_left_behind_are_taken_away(mirrord):
    entry = mirrord.detached("left", "cat")
    mirror = wait_until(lambda: mirrord.mirror_pid(entry))
    os.kill(entry["keeper"], signal.SIGKILL)
    wait_until(lambda: not is_alive(entry["child"]) and not is_alive(mirror))
    assert (mirrord.rundir / "mirrord" / "left.control").exists()
    assert mirrord.sessions() == []
    assert mirrord.detached("left", "cat")["keeper"] != entry["keeper"]


@pytest.mark.core
@pytest.mark.parametrize("size, given", [
    ("0x0", (24, 80)), ("1x1", (1, 1)), ("1000x1000", (1000, 1000)), ("5x0", (24, 80))])
def test_sizes(mirrord, size, given):
    run = mirrord.run("--detach", f"--size={size}", "--", "cat")
    assert run.stderr == b""
    entry = mirrord.info("shared")
    assert (entry["rows"], entry["cols"]) == given


@pytest.mark.core
def test_a_size_too_large_is_cut_with_one_warning(mirrord):
    run = mirrord.run("--detach", "--size=5000x2000", "--", "cat")
    assert run.stderr.count(b"\n") == 1 and b"--size=5000x2000 is cut to 1000x1000" in run.stderr
    entry = mirrord.info("shared")
    assert (entry["rows"], entry["cols"]) == (1000, 1000)


@pytest.mark.core
def test_a_terminal_without_a_size_is_80_by_24(mirrord, terminals):
    terminal = start(mirrord, terminals, "--", "stty", "size", rows=0, cols=0)
    assert terminal.wait_exit() == 0
    assert b"24 80" in terminal.bytes()


@pytest.mark.core
def test_without_a_terminal_it_says_what_to_do(mirrord):
    refused(mirrord, "--", "true", status=64, says="use --detach")


@pytest.mark.core
def test_a_directory_that_others_could_write_to_is_refused(mirrord, folder):
    base = folder / "d"
    for mode in (0o777, 0o770, 0o702):
        base.mkdir()
        base.chmod(mode)
        run = refused(mirrord, "--detach", "--", "true", status=77, says=f"{mode:04o}",
                      env={"MIRRORD_DIR": str(base)})
        assert str(base).encode() in run.stderr
        base.rmdir()
    base.symlink_to(mirrord.rundir)
    refused(mirrord, "--detach", "--", "true", status=77, says="symbolic link",
            env={"MIRRORD_DIR": str(base)})
    base.unlink()
    base.write_text("")
    refused(mirrord, "--detach", "--", "true", status=77, says=str(base),
            env={"MIRRORD_DIR": str(base)})
    if os.getuid() == 0:
        base.unlink()
        base.mkdir(mode=0o700)
        os.chown(base, NOBODY, NOBODY)
        refused(mirrord, "--detach", "--", "true", status=77, says="owner",
                env={"MIRRORD_DIR": str(base)})


@pytest.mark.core
def test_a_path_too_long_names_the_limit(mirrord, folder):
    long = folder / ("x" * 100)
    refused(mirrord, "--detach", "--", "true", status=73, says="107",
            env={"MIRRORD_DIR": str(long)})


def test_a_directory_for_guests_lets_its_group_connect(mirrord, folder):
    base = folder / "run2"
    base.mkdir()
    base.chmod(0o2750)
    mirrord.env["MIRRORD_DIR"] = str(base)
    mirrord.detached("g", "cat")
    assert stat.S_IMODE((base / "g.view").stat().st_mode) == 0o660
    assert stat.S_IMODE((base / "g.control").stat().st_mode) == 0o600


# ---- the control socket -------------------------------------------------------------------------

HELLO = b"\x09\x01mirrord\x01"
INFO = b"\x01\x02"


def control(mirrord, name):
    link = socket.socket(socket.AF_UNIX)
    link.settimeout(20)
    link.connect(str(mirrord.rundir / "mirrord" / f"{name}.control"))
    return link


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
    assert 4 < time.monotonic() - before < 9


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
            wait_until(lambda: name not in open_fds(entry["keeper"]).values(), 5)
            assert mirrord.info("c")["keeper"] == entry["keeper"]


@pytest.mark.core
def test_a_front_that_leaves_and_takes_nothing_is_let_go(mirrord):
    mirrord.detached("c", "sh", "-c", "while :; do head -c 400000 /dev/zero | tr '\\0' x; done")
    master, terminal = os.openpty()
    tty.setraw(terminal)
    front = control(mirrord, "c")
    front.sendall(HELLO)
    attach = b"\x04" + bytes([24, 80]) + bytes(60)
    socket.send_fds(front, [bytes([len(attach)]) + attach], [terminal])
    assert b"\x44" in front.recv(1000)  # CONTROL_PAUSED
    front.sendall(b"\x02\x05\x00")

    def is_stuck():
        waiting = fcntl.ioctl(front, termios.FIONREAD, bytes(4))
        time.sleep(0.3)  # a span to be measured, not waited for
        return any(waiting) and fcntl.ioctl(front, termios.FIONREAD, bytes(4)) == waiting

    wait_until(is_stuck)
    front.sendall(b"\x01\x08")
    hung_up = select.poll()
    hung_up.register(front, 0)
    wait_until(lambda: hung_up.poll(0), 15)
    front.close()
    os.close(master)
    os.close(terminal)


def null_fds(pid):
    return sum(path == "/dev/null" for path in open_fds(pid).values())


# ---- the mirror, killed, stopped and poisoned ---------------------------------------------------


def another_mirror(mirrord, entry, old, deadline_s=5, poll_s=rig.POLL_S):
    def new():
        pid = mirrord.mirror_pid(entry)
        return pid if pid != old else None
    return wait_until(new, deadline_s, "another mirror", poll_s)


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
    before = time.monotonic()
    last = len(terminal.bytes())
    gaps = []
    while mirrord.mirror_pid(entry) == pid:
        wait_until(lambda: len(terminal.bytes()) > last, 5)  # the host's terminal never waits
        gaps.append(time.monotonic())
        last = len(terminal.bytes())
        assert time.monotonic() - before < 10
    assert 1.5 < time.monotonic() - before < 6
    assert max(b - a for a, b in zip(gaps, gaps[1:])) < 1.5
    seen = re.findall(rb"line(\d+)\r", terminal.bytes())
    mirrord.wait_row("m", "line" + seen[-1].decode())


@pytest.mark.core
def test_a_stopped_mirror_holds_up_a_flood_for_2_s_at_most(mirrord, folder):
    done = folder / "done"
    entry = mirrord.detached("m", "sh", "-c",
                             f"read x; seq 1 1400000; echo ok > {done}; exec cat")
    pid = wait_until(lambda: mirrord.mirror_pid(entry))
    os.kill(pid, signal.SIGSTOP)
    terminal_type(mirrord, "m", "\n")
    wait_until(done.exists, 60)
    assert mirrord.mirror_pid(entry) != pid
    mirrord.wait_row("m", "1400000", 60)


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
def test_bytes_that_kill_two_mirrors_are_skipped(mirrord):
    """Killed again before it has caught up: what it was given is taken for poison."""
    entry = mirrord.detached("m", "sh", "-c",
                             "trap 'echo painted again' WINCH; seq 20000; while :; do sleep 0.1; done")
    mirrord.wait_row("m", "20000")
    assert "painted again" not in mirrord.dump("m")
    pid = mirrord.mirror_pid(entry)
    for _ in range(3):
        kill_quietly(pid)
        pid = another_mirror(mirrord, entry, pid, poll_s=0.0005)
        os.kill(pid, signal.SIGSTOP)  # it never says that it has restored anything
    kill_quietly(pid)
    mirrord.wait_row("m", "painted again", 30)
    assert is_alive(entry["child"])


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
