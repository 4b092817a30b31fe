# SPDX-License-Identifier: ISC
"""How a session is asked for: options, names, sizes, directories, and what is said of bad ones."""

import os
import re
import signal
import stat
import subprocess
import time

import pytest
from hosting import refused, start
from rig import DEADLINE_S, is_alive, wait_until

NOBODY = 65534  # any uid that is not ours


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
    said = [process.communicate(timeout=DEADLINE_S)[1] for process in starting]
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
    assert subprocess.run(["bash", "-c", script], env=mirrord.env, timeout=DEADLINE_S).returncode == 0
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
