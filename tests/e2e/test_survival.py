# SPDX-License-Identifier: ISC
"""kill -9 of front, mirror and view, in turn: the shell lives and every screen comes back, also
screens that no signal repaints."""

import os
import signal
from pathlib import Path

import pytest
import rig
import screens
import wire
from rig import wait_until

HERE = Path(__file__).resolve().parent
ROWS, COLS = 24, 80


def back_within_s(build, soak):
    """How soon a screen has to be back, on a quiet machine."""
    return 2.0 if soak and not rig.is_sanitized(build) else rig.DEADLINE_S


# ---- the programs -------------------------------------------------------------------------------


def seq(_mirrord):
    return ["sh", "-c", "seq 300; exec sleep 100000"], "300", b""


def less(mirrord):
    path = mirrord.folder / "pages"
    path.write_text("".join(f"\x1b[3{i % 8}mline {i}\x1b[m of the pages, žluťoučký 漢字\n"
                            for i in range(500)))
    return ["less", "-R", "-Ps%lb is the last", str(path)], "69 is the last", b"  "


def full_screen(mirrord):
    """Draws once, in all ways it can, and ignores SIGWINCH."""
    path = mirrord.folder / "full_screen"
    path.write_text(
        "trap '' WINCH\n"
        r"printf '\033[?1049h\033[?1h\033=\033[?2004h\033[?1002h\033[?1006h\033[>4;2m\033[2J'" "\n"
        r"printf '\033]2;a title\007\033[5;15r\033[?6h\033[1;1Hfirst of the region\n\n\n'" "\n"
        r"printf '\033[38;2;10;200;30;48;5;17mtruecolor\033[m \033[4:3;7mcurly\033[m 漢字 e\314\201'" "\n"
        r"printf '\033[?6l\033[24;1H\033[44mbottom line\033[K\033[m\033[3;10H\0337\033[?25l'" "\n"
        r"printf '\033[10;78H\033[1mlast'" "\n"
        "exec sleep 100000\n")
    return ["sh", str(path)], "las", b""  # the t is in the next row


def prompt(_mirrord):
    return ["bash", "--norc", "--noprofile"], "half-a-com", b"echo half-a-com"


PROGRAMS = {"seq": seq, "less": less, "full_screen": full_screen, "prompt": prompt}


# ---- a session with a host and a guest ----------------------------------------------------------


class Scene:
    def __init__(self, mirrord, terminals, program):
        argv, needle, keys = PROGRAMS[program](mirrord)
        self.mirrord, self.terminals = mirrord, terminals
        self.host = terminals(mirrord.terminal("-n", "shared", "--", *argv, rows=ROWS, cols=COLS,
                                               env={"PS1": "ready>"}))
        self.entry = mirrord.info("shared")
        self.path = wait_until(lambda: next(iter(mirrord.rundir.rglob("shared.view")), None))
        if keys:
            self.host.wait_for("ready>" if program == "prompt" else "line 3")
            self.host.type(keys)
        mirrord.wait_row("shared", needle)
        self.start_view()
        self.host.settled()
        self.state = wire.canonical_dump(self.path)
        self.screen = mirrord.screen("shared")
        self.wait_guest()
        self.fds = self.count_fds()

    def start_view(self):
        self.view = self.terminals(self.mirrord.terminal("view", "shared", rows=ROWS, cols=COLS))

    def count_fds(self):
        return {"keeper": len(rig.open_fds(self.entry["keeper"])),
                "mirror": len(rig.open_fds(self.mirrord.mirror_pid(self.entry)))}

    def shows(self, terminal):
        """None if the terminal shows the host's screen, else the difference."""
        grid = screens.from_witness(rig.libvterm_screen(self.mirrord.build, terminal.bytes(),
                                                        ROWS, COLS))
        return screens.difference(screens.from_host(self.screen), grid)

    def wait_shown(self, terminal, deadline_s):
        wait_until(lambda: self.shows(terminal) is None, deadline_s,
                   lambda: self.shows(terminal), poll_s=0.1)

    def wait_guest(self, deadline_s=rig.DEADLINE_S):
        self.wait_shown(self.view, deadline_s)

    # -- what gets killed

    def kill_front(self):
        os.kill(self.host.pid, signal.SIGKILL)
        self.host.process.wait()
        wait_until(lambda: self.host.modes() == self.host.modes_before,
                   what="the host's terminal restored")
        wait_until(lambda: not self.mirrord.info("shared")["attached"], what="front gone")
        self.host = self.terminals(self.mirrord.terminal("attach", "shared", rows=ROWS, cols=COLS))
        wait_until(lambda: self.mirrord.info("shared")["attached"], what="attached again")
        self.wait_shown(self.host, self.deadline_s)

    def kill_mirror(self):
        pid = self.mirrord.mirror_pid(self.entry)
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: self.mirrord.mirror_pid(self.entry) not in (None, pid),
                   self.deadline_s, "another mirror")

    def kill_view(self):
        os.kill(self.view.pid, signal.SIGKILL)
        self.view.process.wait()
        self.start_view()

    def expect_all_as_before(self):
        assert wire.canonical_dump(self.path) == self.state
        self.wait_guest(self.deadline_s)
        assert self.mirrord.screen("shared") == self.screen
        assert rig.is_alive(self.entry["child"])
        assert not [pid for pid in rig.children_of(self.entry["keeper"]) if rig.is_zombie(pid)]
        wait_until(lambda: self.count_fds() == self.fds,
                   what=lambda: f"fds {self.count_fds()}, before {self.fds}")


@pytest.mark.core
@pytest.mark.parametrize("program", PROGRAMS)
def test_kill_9_of_front_mirror_and_view_loses_nothing(build, mirrord, terminals, soak, program):
    scene = Scene(mirrord, terminals, program)
    scene.deadline_s = back_within_s(build, soak)
    for _ in range(34 if soak else 2):
        for kill in (scene.kill_front, scene.kill_mirror, scene.kill_view):
            kill()
            scene.expect_all_as_before()
    if program == "prompt":
        scene.host.type(b"mand\r")
        mirrord.wait_row("shared", "half-a-command")
    if program == "less":
        scene.host.type(b"G")
        mirrord.wait_row("shared", "line 499")


@pytest.mark.core
def test_a_viewer_that_stands_still_disturbs_nobody(mirrord, terminals):
    host = terminals(mirrord.terminal("-n", "shared", "--", "bash", "--norc", env={"PS1": "ready>"}))
    host.wait_for("ready>")
    stuck, well = (terminals(mirrord.terminal("view", "shared")) for _ in range(2))
    for view in (stuck, well):
        view.wait_for("ready>")
    os.kill(stuck.pid, signal.SIGSTOP)
    host.type(b"seq 200000; echo d''one\r")
    host.wait_for("done")
    well.wait_for("done")
    os.kill(stuck.pid, signal.SIGCONT)
    stuck.wait_for("done")
    # One screen, not the queue of all that it missed.
    assert len(stuck.bytes()) < 200_000


