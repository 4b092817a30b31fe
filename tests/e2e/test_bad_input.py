# SPDX-License-Identifier: ISC
"""What is typed wrong, set up wrong, or sent in malice: a sentence that helps, and a shell that lives."""

import os
import re
import subprocess

import pytest
import rig
import screens
import wire
from rig import wait_until

EX_USAGE, EX_UNAVAILABLE = 64, 69


def one_line(run):
    """What a command that failed said: exactly one line, starting with its name."""
    said = run.stderr.decode()
    assert said.startswith("mirrord: ") and said.count("\n") == 1 and said.endswith("\n"), said
    assert run.stdout == b"", run.stdout
    return said


def fails(mirrord, *args, status=None, **options):
    run = mirrord.run(*args, check=False, **options)
    assert run.returncode == status if status else run.returncode != 0, (run, status)
    return one_line(run)


# ---- commands -----------------------------------------------------------------------------------


def test_unknown_options_and_missing_files_are_named(mirrord):
    assert "--nonsense" in fails(mirrord, "--nonsense", status=EX_USAGE)
    for command in ("view", "list", "who", "dump", "attach", "render"):
        assert '"--nonsense"' in fails(mirrord, command, "--nonsense", status=EX_USAGE)
    assert "usage" in fails(mirrord, "stop", "--nonsense", status=EX_USAGE)
    assert "/no/such/file" in fails(mirrord, "render", "/no/such/file")
    assert "text, json" in fails(mirrord, "render", "--format=nonsense", status=EX_USAGE)
    assert "size" in fails(mirrord, "render", "--size=twelve", status=EX_USAGE)


@pytest.mark.parametrize("command", ["who", "dump", "stop", "attach"])
def test_no_session_is_said_in_one_line(mirrord, command):
    assert fails(mirrord, command, status=EX_UNAVAILABLE)
    assert "nosuch" in fails(mirrord, command, "nosuch", status=EX_UNAVAILABLE)
    assert mirrord.run("list").returncode == 0


# ---- sizes --------------------------------------------------------------------------------------


@pytest.mark.core
@pytest.mark.parametrize("given, got", [((0, 0), "24 80"), ((1, 1), "1 1"), ((24, 0), "24 80"),
                                        ((1000, 1000), "1000 1000")])
def test_sizes_of_the_hosts_terminal(mirrord, terminals, given, got):
    out = mirrord.folder / "size"
    host = terminals(mirrord.terminal("--", "sh", "-c", f"stty size > {out}; read line",
                                      rows=given[0], cols=given[1]))
    wait_until(lambda: out.exists() and out.read_text(), what=lambda: host.bytes())
    assert out.read_text() == got + "\n"
    assert host.process.poll() is None
    mirrord.dump("shared")
    host.type("\r")
    assert host.wait_exit() == 0


@pytest.mark.core
def test_a_storm_of_resizes_leaves_the_same_screen_everywhere(mirrord, terminals):
    host = terminals(mirrord.terminal("--", "bash", "--norc", env={"PS1": "ready>"}))
    host.wait_for("ready>")
    view = terminals(mirrord.terminal("view"))
    view.wait_for("ready>")
    for i in range(200):
        view.resize(1 + i * 7 % 60, 1 + i * 13 % 190)
        host.resize(1 + i * 11 % 50, 1 + i * 17 % 150)
    host.resize(24, 80)
    view.resize(24, 80)
    host.type("clear; echo still''here\r")
    expect_shown(mirrord, view, "stillhere")


def expect_shown(mirrord, view, needle, deadline_s=rig.DEADLINE_S):
    """The viewer's terminal shows the host's screen, and that holds the needle."""
    def differs():
        host = screens.from_host(mirrord.screen("shared"))
        if not any(needle in row for row in screens.rows_of(host)):
            return f"no {needle} in {screens.rows_of(host)}"
        witness = rig.libvterm_screen(mirrord.build, view.bytes(), view.rows, view.cols)
        return screens.difference(host, screens.from_witness(witness))

    wait_until(lambda: differs() is None, deadline_s, differs, poll_s=0.1)


# ---- names and places ---------------------------------------------------------------------------


def test_the_longest_name_is_allowed_where_the_path_has_room(mirrord):
    run = mirrord.run("-n", "x" * 64, "--detach", "--", "sleep", "1000", check=False)
    if run.returncode != 0:
        assert re.search(r"\b10[78]\b", one_line(run))
        return
    mirrord.info("x" * 64)


# ---- peers --------------------------------------------------------------------------------------


@pytest.fixture
def view_socket(mirrord):
    mirrord.detached("shared", "sh", "-c", "echo the screen; exec sleep 100000")
    mirrord.wait_row("shared", "the screen")
    return wait_until(lambda: next(iter(mirrord.rundir.rglob("shared.view")), None))


@pytest.mark.core
def test_many_silent_connections_keep_nobody_out(mirrord, view_socket, terminals):
    silent = []
    for _ in range(300):
        silent.append(wire.Peer.connect(view_socket))
    view = terminals(mirrord.terminal("view", "shared"))
    view.wait_for("the screen")
    for peer in silent:
        peer.close()


# ---- what programs print ------------------------------------------------------------------------


HOSTILE = {
    "an unterminated OSC of 10 MiB": "printf '\\033]2;'; head -c 10485760 /dev/zero | tr '\\0' x",
    "200,000 combining marks": "printf 'e'; for i in $(seq 200); do "
                               "printf '%01000d' 0 | sed 's/0/\\xcc\\x81/g'; done",
    "counts of 2^31": "printf '\\033[2147483648b\\033[2147483647@\\033[4294967296;99999999999H'; "
                      "printf 'x\\033[2147483648b\\033[2147483648L\\033[2147483648S\\033[2147483647T"
                      "\\033[2147483648P\\033[2147483648X\\033[2147483648I\\033[2147483648Z'",
    "random bytes": "timeout {seconds} cat /dev/urandom",
}


@pytest.mark.core
@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_output_is_bounded_and_ends_nothing(build, mirrord, terminals, soak, what):
    command = HOSTILE[what].replace("{seconds}", "60" if soak else "5")
    mirrord.detached("shared", "sh", "-c", f"{command}; printf '\\033c\\030\\033\\\\\\033cstill''here'; "
                                           "exec sleep 100000")
    entry = mirrord.info("shared")
    view = terminals(mirrord.terminal("view", "shared"))
    mirror = wait_until(lambda: mirrord.mirror_pid(entry))
    expect_shown(mirrord, view, "stillhere", 120)
    assert mirrord.mirror_pid(entry) == mirror, "the mirror was replaced"
    if not rig.is_sanitized(build):
        peak = re.search(r"VmHWM:\s+(\d+) kB", open(f"/proc/{mirror}/status").read())
        assert int(peak[1]) < 200_000
    assert rig.is_alive(entry["child"])


@pytest.mark.core
def test_render_of_nothing_and_of_everything(mirrord):
    assert mirrord.run("render", "--size=4x3").stdout == b"\n\n\n"
    data = os.urandom(200_000) + b"\x1bc\x18\x1b\\\x1bcend"
    run = subprocess.run(mirrord.argv("render", "--size=20x2"), input=data, capture_output=True,
                         env=mirrord.env, timeout=rig.DEADLINE_S)
    assert run.stdout == b"end\n\n" and run.returncode == 0
