# SPDX-License-Identifier: ISC
"""ssh guest@relay shows the host's screen: a real sshd, a forced command, and two witnesses that
share no code with mirrord's terminal: tmux, and libvterm's own screen layer."""

import os
import signal

import pytest
import rig
import screens
from rig import PROJECT, Terminal, wait_until

FORCED = 'restrict,pty,command="mirrord view --as alice shared"'
ROWS, COLS = 24, 80


def guest_env(term="xterm-256color"):
    return {"PATH": os.environ["PATH"], "TERM": term, "LANG": "C.UTF-8"}


class Watch:
    """A hosted session, and two guests that look at it through ssh."""

    def __init__(self, mirrord, sshd, terminals, argv, rows=ROWS, cols=COLS, env=None, cwd=None):
        self.mirrord = mirrord
        self.host = terminals(mirrord.terminal("-n", "shared", "--", *argv, rows=rows, cols=cols,
                                               env=env, cwd=cwd))
        mirrord.info("shared")
        identity = sshd.guest("alice", FORCED)
        self.tmux = terminals(rig.Tmux(mirrord.folder, sshd.ssh(identity, "-e", "none"), rows, cols,
                                       guest_env()))
        self.guest = terminals(Terminal(sshd.ssh(identity, "-e", "none"), rows, cols, guest_env()))

    def look(self):
        """None if both guests show the host's screen, else what differs first."""
        screen = self.mirrord.screen("shared")
        host = screens.from_host(screen)
        by_tmux = screens.from_tmux(self.tmux.ansi(), self.tmux_cols())
        witness = rig.libvterm_screen(self.mirrord.build, self.guest.bytes(), self.guest.rows,
                                      self.guest.cols)
        cursor = self.tmux.show("#{cursor_y} #{cursor_x} #{cursor_flag}")
        if self.mirrord.screen("shared") != screen:
            return "the host's screen is changing"
        for name, grid in (("tmux", by_tmux), ("libvterm", screens.from_witness(witness))):
            differs = screens.difference(host, grid, name)
            if differs:
                return differs
        return cursor_difference(screen["cursor"], cursor, witness["cursor"])

    def tmux_cols(self):
        return int(self.tmux.show("#{pane_width}"))

    def expect_equal(self, deadline_s=rig.DEADLINE_S):
        wait_until(lambda: self.look() is None, deadline_s,
                   lambda: f"{self.look()}; host {self.mirrord.rows('shared')}, "
                           f"tmux {self.tmux.text()}", poll_s=0.1)


def cursor_difference(host, tmux, witness):
    row, col, shown = (int(word) for word in tmux.split())
    if bool(shown) != host["visible"] or witness["visible"] != host["visible"]:
        return f"cursor shown: host {host}, tmux {tmux}, libvterm {witness}"
    if not host["visible"]:
        return None
    at = (host["row"], host["col"])
    if (witness["row"], witness["col"]) != at or (row, min(col, COLS * 4)) != at:
        return f"cursor: host {host}, tmux {tmux}, libvterm {witness}"
    return None


def script(mirrord, text):
    """A session's command that prints this and then stays."""
    path = mirrord.folder / "script"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return ["sh", "-c", f"cat {path}; exec sleep 100000"]


# ---- programs that people run -------------------------------------------------------------------


@pytest.mark.core
def test_bash_with_prompts(mirrord, sshd, terminals):
    env = {"PS1": r"\[\e[1;32m\]\u@host\[\e[m\]:\[\e[34m\]\w\[\e[m\]$ "}
    watch = Watch(mirrord, sshd, terminals, ["bash", "--norc", "--noprofile"], env=env, cwd=PROJECT)
    watch.host.wait_for("$ ")
    for line in ("ls --color=always vt", "echo 'příliš žluťoučký kůň'", "seq 40",
                 "printf '\\e[7mreverse\\e[m\\n'"):
        watch.host.type(line + "\r")
        watch.host.settled()
        watch.expect_equal()
    watch.host.type("half a command\x01\x1b[C\x1b[C")
    watch.host.settled()
    watch.expect_equal()


@pytest.mark.core
def test_vim_editing_this_repository(mirrord, sshd, terminals):
    watch = Watch(mirrord, sshd, terminals,
                  ["vim", "-u", "NONE", "-n", "-R", "-c", "syntax on | set nu nocp ruler hls",
                   "vt/screen.h"], cwd=PROJECT, env={"VIMINIT": "", "EXINIT": ""})
    mirrord.wait_row("shared", "SPDX-License-Identifier")
    watch.expect_equal()
    for keys in ("\x06", "/struct\r", ":split vt/row.h\r", "\x17w\x04", ":vsplit vt/cell.h\r",
                 "itext žlutý 漢字\x1b", "dd", ":only\rgg"):
        watch.host.type(keys)
        watch.host.settled()
        watch.expect_equal()


def test_less(mirrord, sshd, terminals):
    watch = Watch(mirrord, sshd, terminals, ["less", "LICENSE", "CMakeLists.txt"], cwd=PROJECT)
    mirrord.wait_row("shared", "ISC")
    for keys in (" ", "b", "jjj", "/you\r", ":n\r", "G"):
        watch.host.type(keys)
        watch.host.settled()
        watch.expect_equal()


@pytest.mark.parametrize("program", ["htop", "top"])
def test_monitors(mirrord, sshd, terminals, program):
    if rig.missing(program):
        pytest.skip(f"{program} is not installed")
    watch = Watch(mirrord, sshd, terminals, [program], rows=40, cols=120)
    mirrord.wait_row("shared", "PID")
    watch.guest.wait_for("PID")
    os.kill(mirrord.info("shared")["child"], signal.SIGSTOP)  # else it may draw while we compare
    watch.expect_equal()


# ---- what programs print ------------------------------------------------------------------------

PRINTED = {
    "sixteen_and_256_colours": "".join(
        f"\x1b[{30 + i % 8};{40 + i // 8}m{i:3}\x1b[m" + ("\r\n" if i % 16 == 15 else "")
        for i in range(64)) + "".join(
        f"\x1b[38;5;{i};48;5;{255 - i}m#" + ("\x1b[m\r\n" if i % 64 == 63 else "")
        for i in range(256)) + "\x1b[m\x1b[91;104mbright\x1b[m",
    "attributes": "\x1b[1mbold\x1b[m \x1b[3mitalic\x1b[m \x1b[4munder\x1b[m \x1b[5mblink\x1b[m "
                  "\x1b[7mreverse\x1b[m \x1b[9mstrike\x1b[m \x1b[1;3;4;7;31;42mall\x1b[m\r\n"
                  "\x1b[44mto the end\x1b[K\x1b[m\r\n\x1b[41m\x1b[2K\x1b[m",
    "cjk_and_emoji": "漢字かな交じり文 한국어 조선말\r\n🎉 party 😀 smile 🚀\r\n"
                     + "漢" * 39 + "x漢\r\n" + "字\b\b\b over\r\n",
    "combining_marks": "e\u0301 a\u0308o\u0302 Z\u0351\u0323 \u0438\u0306 plain\r\nn\u0303\u0304\r\n",
    "alternate_screen": "before\r\n\x1b[?1049h\x1b[2J\x1b[5;5Hinside\x1b[10;10Hmore",
    "alternate_screen_left": "before\r\n\x1b[?1049h\x1b[2J\x1b[5;5Hinside\x1b[?1049lafter",
    "scroll_regions": "".join(f"line {i}\r\n" for i in range(30))
                      + "\x1b[5;15r\x1b[15;1H" + "".join(f"in region {i}\r\n" for i in range(20))
                      + "\x1b[5;1H\x1bM\x1bM\x1bMup\x1b[8;1H\x1b[2L\x1b[12;1H\x1b[M\x1b[3S\x1b[r",
    "lines_and_boxes": "\x1b(0lqqqk\r\nx   x\r\nmqqqj\x1b(B\r\n┌──┬──┐\r\n│ab│cd│\r\n└──┴──┘ █▓▒░",
    "wrapping": "x" * 79 + "yz" + "w" * 160 + "\r\n" + "end in the last column".rjust(80),
    "hidden_cursor": "no cursor\x1b[?25l",
    "editing": "abcdef\x1b[3D\x1b[2P\x1b[4hINS\x1b[4l\r\n\x1b[10;20Hx\x1b[1K\x1b[12;1H"
               + "12345678\x1b[4D\x1b[3@\x1b[2X\x1b[1;1H\x1b[2J\x1b[3;3Hleft",
}


@pytest.mark.core
@pytest.mark.parametrize("name", PRINTED)
def test_what_is_printed(mirrord, sshd, terminals, name):
    watch = Watch(mirrord, sshd, terminals, script(mirrord, PRINTED[name]))
    watch.expect_equal()


@pytest.mark.core
def test_truecolor_is_as_near_as_the_guests_terminal_can(mirrord, sshd, terminals):
    text = "".join("".join(f"\x1b[48;2;{r};{g};{b}m " for b in range(0, 256, 8)) + "\x1b[m\r\n"
                   for r, g in ((0, 0), (255, 128), (13, 200), (128, 128), (90, 30)))
    watch = Watch(mirrord, sshd, terminals, script(mirrord, text))

    def far():
        host = screens.from_host(mirrord.screen("shared"))
        guest = screens.from_tmux(watch.tmux.ansi(), COLS)
        if host[0][0][3] != "#000000":
            return "not yet there"
        return screens.difference(*screens.nearest(host, guest))

    wait_until(lambda: far() is None, what=far)


@pytest.mark.core
def test_a_resize_in_the_middle(mirrord, sshd, terminals):
    watch = Watch(mirrord, sshd, terminals, ["bash", "--norc", "--noprofile"], env={"PS1": "$ "})
    watch.host.wait_for("$ ")
    watch.host.type("seq 50\r")
    watch.host.settled()
    watch.expect_equal()
    watch.host.resize(30, 100)
    watch.host.type("seq 101 160\r")
    for text in (lambda: "\n".join(watch.tmux.text()), lambda: watch.guest.bytes().decode()):
        wait_until(lambda text=text: "100x30 seen through 80x24" in text(), what=text)
    watch.guest.resize(30, 100)
    watch.tmux.resize(30, 100)
    watch.expect_equal()
    for rows, cols in ((10, 40), (24, 80)):
        watch.host.resize(rows, cols)
        watch.guest.resize(rows, cols)
        watch.tmux.resize(rows, cols)
        watch.host.type("echo shrunk\r")
        watch.host.settled()
        watch.expect_equal()


@pytest.mark.core
def test_a_program_that_clears_and_redraws_60_times_a_second(mirrord, sshd, terminals):
    path = mirrord.folder / "redraw.py"
    path.write_text(
        "import os, sys, time\n"
        "print('ready')\n"
        "while not os.path.exists(sys.argv[1]):\n"
        "    time.sleep(0.01)\n"
        "for frame in range(240):\n"
        "    rows = ''.join(f'\\x1b[{r + 1};1H\\x1b[3{(frame + r) % 8}mframe {frame} row {r}'\n"
        "                   for r in range(24))\n"
        "    os.write(1, ('\\x1b[2J' + rows).encode())\n"
        "    time.sleep(1 / 60)\n"
        "time.sleep(100000)\n")
    go = mirrord.folder / "go"
    watch = Watch(mirrord, sshd, terminals, ["/usr/bin/python3", str(path), str(go)])
    wait_until(lambda: "ready" in watch.tmux.text()[0], what=watch.tmux.text)
    go.touch()
    seen = set()

    def last():
        row = watch.tmux.text()[5]
        seen.add(row)
        return row == "frame 239 row 5"

    wait_until(last, what=lambda: f"the last frame; {watch.tmux.text()}", poll_s=0.05)
    assert len(seen) > 2, seen
    watch.expect_equal()


# ---- guests' terminals and locales --------------------------------------------------------------

PLAIN = "\x1b[31mred\x1b[m and \x1b[1mbold\x1b[m\r\n\r\n  indented\r\n" + "x" * 80 + "\r\nlast"


@pytest.mark.core
@pytest.mark.parametrize("term", ["linux", "vt100", "dumb", "tmux-256color", "no-such-terminal",
                                  "xterm", "../../etc/passwd"])
def test_guests_with_other_terminals(mirrord, sshd, terminals, term):
    mirrord.detached("shared", *script(mirrord, PLAIN))
    mirrord.wait_row("shared", "last")
    guest = terminals(Terminal(sshd.ssh(sshd.guest("alice", FORCED), "-e", "none"), ROWS, COLS,
                               guest_env(term)))

    def shown():
        witness = rig.libvterm_screen(mirrord.build, guest.bytes(), ROWS, COLS)
        return screens.rows_of(screens.from_witness(witness))

    def host():
        return (mirrord.rows("shared") + [""] * ROWS)[:ROWS]

    wait_until(lambda: shown() == host(), what=lambda: f"{host()}; guest {shown()}")
    guest.type("q")
    assert guest.wait_exit() == 0


@pytest.mark.core
def test_a_guest_whose_locale_is_not_utf_8(mirrord, sshd, terminals):
    mirrord.detached("shared", *script(mirrord, "ascii žlutý 漢字 end\r\n┌─┐ box"))
    mirrord.wait_row("shared", "box")
    identity = sshd.guest("alice", 'restrict,pty,command="env LC_ALL=C LANG=C mirrord view shared"')
    guest = terminals(Terminal(sshd.ssh(identity, "-e", "none"), ROWS, COLS, guest_env()))
    guest.wait_for("box")
    assert all(byte < 0x80 for byte in guest.settled())
    shown = screens.rows_of(screens.from_witness(
        rig.libvterm_screen(mirrord.build, guest.bytes(), ROWS, COLS)))
    assert shown[0] == "ascii zluty ? ?  end"  # a stand-in where ASCII has one, else ? and room
    assert shown[1].endswith(" box")


# ---- coming and going ---------------------------------------------------------------------------


@pytest.mark.core
def test_a_guest_leaves_with_q_and_finds_the_terminal_as_it_was(mirrord, sshd, terminals):
    mirrord.detached("shared", *script(mirrord, "the screen"))
    identity = sshd.guest("alice", FORCED)
    tmux = terminals(rig.Tmux(mirrord.folder, ["sh"], ROWS, COLS, guest_env()))
    command = " ".join(f"'{word}'" for word in sshd.ssh(identity, "-e", "none"))
    tmux.type(f"clear; echo before; {command}; echo status $?\r")
    wait_until(lambda: "the screen" in tmux.text()[0], what=tmux.text)
    tmux.type("q")
    wait_until(lambda: "status 0" in tmux.text(), what=tmux.text)
    assert tmux.text()[0] == "before"
    assert tmux.show("#{alternate_on} #{cursor_flag}") == "0 1"


@pytest.mark.core
def test_a_guest_is_told_when_the_session_ends(mirrord, sshd, terminals):
    mirrord.detached("shared", "sh", "-c", "echo the screen; read line")
    guest = terminals(Terminal(sshd.ssh(sshd.guest("alice", FORCED)), ROWS, COLS, guest_env()))
    guest.wait_for("the screen")
    mirrord.run("stop", "shared")
    assert guest.wait_exit() == 0
    assert b"\x1b[?1049l" in guest.bytes()


@pytest.mark.core
def test_a_guest_without_a_session_is_told_so(mirrord, sshd, terminals):
    guest = terminals(Terminal(sshd.ssh(sshd.guest("alice", FORCED)), ROWS, COLS, guest_env()))
    assert guest.wait_exit() == 69
    assert b"shared" in guest.bytes() and guest.bytes().count(b"\n") == 1, guest.bytes()


@pytest.mark.core
def test_the_guests_name_is_the_forced_commands(mirrord, sshd, terminals):
    mirrord.detached("shared", *script(mirrord, "the screen"))
    guest = terminals(Terminal(sshd.ssh(sshd.guest("alice", FORCED)), ROWS, COLS, guest_env()))
    guest.wait_for("the screen")
    who = mirrord.run("who", "shared").stdout.decode()
    assert "alice" in who and "127.0.0.1" in who and "80x24" in who, who
