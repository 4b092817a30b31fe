# SPDX-License-Identifier: ISC
"""The host's terminal and the child: every byte both ways, and every way to leave."""

import hashlib
import os
import random
import re
import signal
import sys
import termios
import time
import tty

import pytest
import rig
from hosting import bash, flags, put_back, refused, say, start
from rig import children_of, is_alive, wait_until


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
    terminal.wait_for("<end>")
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
    assert terminal.wait_exit() == 0
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
        wait_until(lambda: put_back(terminal))
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
    terminal.process.wait(rig.DEADLINE_S)
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
