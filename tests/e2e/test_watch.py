# SPDX-License-Identifier: ISC
"""`mirrord watch` through a real sshd, and against peers that are not what they should be."""

import json
import os
import re
import select
import shlex
import signal
import subprocess
import sys
import time
import zlib

import pytest
import rig
import wire
from test_view import LEFT, assert_restored, cat, rows_of

FORCED = 'restrict,command="mirrord view --as alice s"'


@pytest.fixture
def link(mirrord, terminals, sshd):
    """Starts `mirrord watch` through the private sshd: link(...) is its terminal."""
    if rig.missing("ssh"):
        pytest.skip("no ssh")

    def start(*args, forced=FORCED, ssh="", wait_for="", **options):
        name = f"guest{len(sshd.keys.read_text().splitlines())}"
        identity = sshd.guest(name, forced)
        words = sshd.ssh(identity, tty=False)[:-1]
        command = ssh or " ".join(shlex.quote(word) for word in words)
        terminal = terminals(mirrord.terminal(
            "watch", f"--ssh={command}", f"{rig.account()}@127.0.0.1", *args, **options))
        if wait_for:
            terminal.wait_for(wait_for)
        return terminal

    return start


def fake(mirrord, text, name="fake-ssh"):
    """What --ssh names: a program of the test's, by a shell."""
    script = mirrord.folder / name
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)
    return str(script)


def stub(mirrord, terminals, text, *args, **options):
    """`mirrord watch` with a program of the test's for ssh."""
    return terminals(mirrord.terminal("watch", f"--ssh={fake(mirrord, text)}", "relay", *args,
                                      **options))


def ssh_of(guest):
    """The process that carries the link: the child of the child that runs it."""
    return rig.wait_until(lambda: next(
        (ssh for child in rig.children_of(guest.pid) for ssh in rig.children_of(child)
         if not rig.is_zombie(ssh)), None), what="an ssh")


# ---- watching -----------------------------------------------------------------------------------


def test_the_program_there_may_have_another_name(mirrord, link):
    say, _ = cat(mirrord)
    say("hello\n")
    link("--remote=screenshare", wait_for="hello")  # a forced command does not mind
    own = mirrord.folder / "elsewhere"
    own.symlink_to(mirrord.binary)
    link(f"--remote={own}", forced="restrict", wait_for="hello")
    none = link("--remote=screenshare", forced="restrict")
    assert none.wait_exit() == 69 and b"no screenshare on" in none.bytes()


@pytest.mark.core
def test_a_watcher_sees_the_hosts_screen(mirrord, link):
    say, _ = cat(mirrord)
    say("hello \x1b[1;31mworld\x1b[m\n")
    guest = link(wait_for="world")
    for number in range(30):
        say(f"line {number} \u65e5\u672c\n")
    guest.wait_for("line 29")
    rig.wait_until(lambda: rows_of(mirrord, guest) == mirrord.rows("s"), what=lambda: rows_of(mirrord, guest))
    guest.type("q")
    assert guest.wait_exit() == 0
    assert_restored(guest)
    rig.wait_until(lambda: json.loads(mirrord.run("who", "--json", "s").stdout) == [])


def test_without_a_forced_command_the_watcher_names_the_session(mirrord, link):
    say, _ = cat(mirrord, "one")
    cat(mirrord, "two")
    say("this is one\n")
    guest = link("one", forced="restrict", wait_for="this is one")
    guest.type("\x03")
    assert guest.wait_exit() == 0


def test_a_forced_name_is_not_to_be_changed(mirrord, link):
    cat(mirrord, "s")
    cat(mirrord, "other")
    guest = link("other")
    assert guest.wait_exit() == 77
    assert guest.bytes().count(b"\n") == 1 and b"another session" in guest.bytes()


@pytest.mark.core
def test_who_tells_who_watches_from_afar(mirrord, link):
    say, _ = cat(mirrord)
    say("hello\n")
    guest = link(rows=30, cols=100, wait_for="hello")

    def told():
        people = json.loads(mirrord.run("who", "--json", "s").stdout)
        return people if people and people[0]["frames"] else None

    alice = rig.wait_until(told)[0]
    assert (alice["name"], alice["via"], alice["from"]) == ("alice", "watch", "127.0.0.1")
    assert (alice["rows"], alice["cols"]) == (30, 100)
    guest.resize(20, 60)
    rig.wait_until(lambda: told()[0]["rows"] == 20)
    rig.wait_until(lambda: "80x24 seen through 60x20" in "".join(rows_of(mirrord, guest)))


@pytest.mark.core
def test_nothing_typed_reaches_the_session(mirrord, link):
    mirrord.detached("s", "sh", "-c", "echo ready; exec cat")
    mirrord.wait_row("s", "ready")
    before = mirrord.dump("s")
    guest = link(wait_for="ready")
    guest.type(bytes(byte for byte in range(256) if byte not in b"q\x03"))
    guest.type("x" * 5000 + "\x03")
    assert guest.wait_exit() == 0
    assert mirrord.dump("s") == before


@pytest.mark.core
def test_the_end_of_the_session_ends_the_watch(mirrord, link):
    say, _ = cat(mirrord)
    say("hello\n")
    guest = link(wait_for="hello")
    mirrord.run("stop", "s")
    assert guest.wait_exit() == 0
    assert_restored(guest)
    assert b"the session has ended" in guest.bytes().rsplit(LEFT, 1)[1]


def test_a_mirror_that_dies_is_not_seen(mirrord, link):
    say, entry = cat(mirrord)
    say("before\n")
    guest = link(wait_for="before")
    ssh = ssh_of(guest)
    os.kill(mirrord.mirror_pid(entry), signal.SIGKILL)
    say("after\n")
    guest.wait_for("after")
    assert ssh_of(guest) == ssh


# ---- a link that is lost ------------------------------------------------------------------------


@pytest.mark.core
def test_a_lost_link_comes_back_by_itself(mirrord, link, soak):
    say, _ = cat(mirrord)
    say("before\n")
    guest = link(wait_for="before")
    for count in range(50 if soak else 3):
        seen = len(guest.bytes())
        os.kill(ssh_of(guest), signal.SIGKILL)
        guest.wait_for("link lost, retrying", start=seen)
        say(f"after {count}\n")
        rig.wait_until(lambda: rows_of(mirrord, guest) == mirrord.rows("s"),
                       what=lambda: rows_of(mirrord, guest))
    assert guest.bytes().count(b"\x1b[?1049h") == 1
    guest.type("q")
    assert guest.wait_exit() == 0
    assert_restored(guest)


def test_a_lost_link_counts_the_seconds_over_the_frozen_screen(mirrord, terminals):
    say, _ = cat(mirrord)
    say("stays\n")
    marker = mirrord.folder / "down"
    guest = stub(mirrord, terminals, f"[ -e {marker} ] && {{ echo no route >&2; exit 255; }}\n"
                 f"exec {mirrord.binary} view --frames s")
    guest.wait_for("stays")
    marker.touch()
    os.kill(ssh_of(guest), signal.SIGKILL)
    rig.wait_until(lambda: re.search(r"retrying \(([2-9]|\d\d) s\): no route", rows_of(mirrord, guest)[-1]),
                   what=lambda: rows_of(mirrord, guest))
    assert rows_of(mirrord, guest)[0] == "stays"
    say("and more\n")
    marker.unlink()
    rig.wait_until(lambda: rows_of(mirrord, guest) == mirrord.rows("s"))
    guest.type("q")
    assert guest.wait_exit() == 0


def test_a_guest_can_leave_while_the_link_is_lost(mirrord, terminals):
    say, _ = cat(mirrord)
    say("stays\n")
    marker = mirrord.folder / "down"
    guest = stub(mirrord, terminals, f"[ -e {marker} ] && exit 255\n"
                 f"exec {mirrord.binary} view --frames s")
    guest.wait_for("stays")
    marker.touch()
    os.kill(ssh_of(guest), signal.SIGKILL)
    guest.wait_for("link lost")
    guest.type("q")
    assert guest.wait_exit() == 0
    assert_restored(guest)


@pytest.mark.core
def test_a_link_cut_anywhere_resumes(mirrord, terminals):
    """Links end after so many bytes, in the middle of whatever that is."""
    say, _ = cat(mirrord)
    say("".join(f"row {row} \x1b[3{row % 8}mcolour\x1b[m\n" for row in range(20)))
    tries = mirrord.folder / "tries"
    tries.write_text("")
    guest = stub(mirrord, terminals, f"echo >>{tries}\nn=$(wc -l <{tries})\n"
                 f"[ $n -gt 4 ] && exec {mirrord.binary} view --frames s\n"
                 f"[ $n = 1 ] && count=400 || count=$((n * 17))\n"
                 f"{mirrord.binary} view --frames s | "
                 "{ dd bs=1 status=none count=$count; kill -9 $$; }")
    guest.wait_for("row 19")
    for number in range(1000):
        say(f"more {number} {number * 7919}\n")
        if len(tries.read_text()) > 4:
            break
        time.sleep(0.02)
    rig.wait_until(lambda: len(tries.read_text()) > 4, what=lambda: rows_of(mirrord, guest))
    rig.wait_until(lambda: rows_of(mirrord, guest) == mirrord.rows("s"),
                   what=lambda: rows_of(mirrord, guest))


def test_ssh_goes_with_the_watcher(mirrord, link):
    say, _ = cat(mirrord)
    say("hello\n")
    guest = link(wait_for="hello")
    ssh = ssh_of(guest)
    os.kill(guest.pid, signal.SIGKILL)
    rig.wait_until(lambda: not rig.is_alive(ssh))
    rig.wait_until(lambda: json.loads(mirrord.run("who", "--json", "s").stdout) == [])


# ---- peers that are not what they should be -----------------------------------------------------


WELCOME = wire.message(0x41, wire.MAGIC + wire.varint(1))


def packed(plain):
    """WELCOME, then this as the first piece of the stream."""
    stream = zlib.compressobj(wbits=-15)
    data = stream.compress(plain) + stream.flush(zlib.Z_SYNC_FLUSH)
    return WELCOME + wire.varint(len(data)) + data


def printf(data):
    return "printf '" + "".join(f"\\{byte:03o}" for byte in data) + "'"


@pytest.mark.core
@pytest.mark.parametrize("text, status, words", [
    ("echo 'sh: 1: mirrord: not found' >&2; exit 127", 69, b"there is no mirrord on relay"),
    ("echo 'mirrord: unrecognized option --frames' >&2; exit 64", 76, b"older than this one"),
    ("exit 255", 69, b"ssh did not reach relay"),
    ("exit 3", 69, b"ended the link"),
    ("kill -9 $$", 69, b"ended the link"),
    ("echo Welcome to my machine; sleep 60", 76, b"is not mirrord"),
    ("cat /dev/zero", 76, b"is not mirrord"),
    (printf(wire.message(0x41, b"mirrorq\1")), 76, b"is not mirrord"),
    (printf(wire.message(0x41, wire.MAGIC + wire.varint(7) + b"x")), 76, b"version 7"),
    (printf(WELCOME + wire.message(0xff, b"\xff\xff\xff")), 76, b"cannot be inflated"),
    (printf(packed(b"\x7f")), 76, b"broken frame"),
    (printf(packed(b"\0")), 76, b"unheard of"),
    (printf(packed(b"\0\x42\xff")), 76, b"do not have"),
    (printf(packed(b"\0\x50")), 76, b"unheard of"),
    (printf(packed(b"\0\x44" + wire.text("\x1b[2J"))), 76, b"broken notice"),
    (printf(packed(b"\0\x45" + wire.varint(69) + wire.text("there is no session"))), 69,
     b"there is no session"),
    (printf(packed(b"\0\x45" + wire.varint(0) + wire.text("\x1b]0;x\x07"))), 76,
     b"goodbye"),
    (printf(WELCOME), 69, b"ended the link"),
])
def test_a_far_end_that_is_none_gets_one_sentence(mirrord, terminals, text, status, words):
    guest = stub(mirrord, terminals, text)
    assert guest.wait_exit() == status, guest.bytes()
    assert words in guest.bytes()
    assert guest.bytes().count(b"\n") == 1 and b"\x1b" not in guest.bytes()
    assert guest.modes() == guest.modes_before


def test_what_ssh_says_before_the_first_screen_is_shown(mirrord, terminals):
    guest = stub(mirrord, terminals, "echo Permission denied >&2; exit 255")
    assert guest.wait_exit() == 69
    assert guest.bytes() == b"Permission denied\r\nmirrord: ssh did not reach relay\r\n"


def test_an_ssh_that_is_not_there(mirrord, terminals):
    guest = terminals(mirrord.terminal("watch", "--ssh=/nonexistent/ssh", "relay"))
    assert guest.wait_exit() == 69
    assert guest.bytes() == b"mirrord: cannot run ssh: No such file or directory\r\n"


def test_an_older_mirrord_as_the_forced_command(mirrord, link):
    """It looks at nothing that the guest asks for, and says what it says without a terminal."""
    guest = link(forced='restrict,command="echo mirrord: standard output is no terminal >&2; exit 64"')
    assert guest.wait_exit() == 76
    assert b"older than this one" in guest.bytes() and guest.bytes().count(b"\n") == 1


def test_a_relay_without_a_session(mirrord, link):
    guest = link()
    assert guest.wait_exit() == 69
    assert guest.bytes() == b'mirrord: there is no session called "s"\r\n'


@pytest.mark.parametrize("args", [[], ["a", "b", "c"], ["-x"], ["--ssh=", "relay"], ["--ssh='x", "relay"],
                                  ["--", "-oProxyCommand=x"], ["relay", "a\x1b[2J"], ["relay", "a" * 65]])
def test_wrong_arguments_are_refused(mirrord, terminals, args):
    guest = terminals(mirrord.terminal("watch", *args))
    assert guest.wait_exit() == 64
    assert guest.bytes().count(b"\n") == 1 and b"\x1b" not in guest.bytes()


def test_watch_has_help(mirrord):
    assert b"--ssh=CMD" in mirrord.run("watch", "--help").stdout


# ---- watchers that are not what they should be --------------------------------------------------


@pytest.mark.parametrize("said", [
    b"GET / HTTP/1.1\r\n\r\n" + bytes(100),
    wire.message(0x01, b"mirrorq\1"),
    wire.message(0x01, wire.MAGIC + wire.varint(9) + b"whatever"),
    wire.message(0x01, wire.MAGIC + wire.varint(1) + wire.varint(24) + wire.varint(80)
                 + wire.text("../s") + wire.varint(0) + wire.varint(0)),
    wire.message(0x01, wire.MAGIC + wire.varint(1) + wire.varint(0) + wire.varint(80)
                 + wire.text("s") + wire.varint(0) + wire.varint(0)),
])
def test_the_far_end_drops_what_is_no_watcher(mirrord, said):
    cat(mirrord)
    run = mirrord.run("view", "--frames", check=False, stdin=None, input=said)
    assert run.returncode in (64, 69, 76)
    assert run.stdout.startswith(WELCOME) and run.stderr == b""


def test_the_far_end_ends_with_its_watcher(mirrord):
    cat(mirrord)
    assert mirrord.run("view", "--frames", "s").returncode == 0


def test_frames_do_not_go_to_a_terminal(mirrord, terminals):
    cat(mirrord)
    guest = terminals(mirrord.terminal("view", "--frames", "s"))
    assert guest.wait_exit() == 64


NOISE = ("import os, random\nsource = random.Random(1)\nrow = lambda: ''.join(chr(source.randrange(33, 127)) "
         "for _ in range(199))\nwhile True: os.write(1, ('\\x1b[H' + '\\r\\n'.join(row() for _ in range(60))).encode())")


class FarEnd:
    """A watcher of the test's own, without ssh: it counts frames, and acknowledges when told to."""

    def __init__(self, mirrord, rows, cols):
        self.process = subprocess.Popen(mirrord.argv("view", "--frames", "s"), env=mirrord.env,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.rest, self.frames, self.bytes, self.inflater = b"", -1, 0, zlib.decompressobj(-15)
        self.say(wire.message(0x01, wire.MAGIC + wire.varint(1) + wire.varint(rows) + wire.varint(cols)
                              + wire.text("s") + wire.varint(0) + wire.varint(0)))

    def say(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def acknowledge(self):
        self.say(wire.message(0x02, wire.varint(max(self.frames, 0)) + wire.varint(0)))

    def read(self, most_s):
        """What comes within that time; False if nothing does."""
        if not select.select([self.process.stdout], [], [], most_s)[0]:
            return False
        data = os.read(self.process.stdout.fileno(), 65536)
        self.rest += data
        self.bytes += len(data)
        while (piece := self.piece()) is not None:
            if self.frames < 0:
                self.frames = 0  # WELCOME
            elif self.inflater.decompress(piece)[0]:
                self.frames += 1
        return bool(data)

    def piece(self):
        reader = wire.Reader(self.rest)
        try:
            length = reader.varint()
        except IndexError:
            return None
        if len(self.rest) < reader.at + length:
            return None
        piece = self.rest[reader.at:reader.at + length]
        self.rest = self.rest[reader.at + length:]
        return piece

    def close(self):
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait(rig.DEADLINE_S)


@pytest.mark.core
def test_a_watcher_that_stops_acknowledging_gets_64_kib_at_most(mirrord):
    """Of frames of some 10 KB, of which the link would take many."""
    mirrord.detached("s", sys.executable, "-c", NOISE, rows=60, cols=200)
    far = FarEnd(mirrord, 60, 200)
    rig.wait_until(lambda: far.read(1) and far.frames >= 0)
    far.acknowledge()
    for _ in range(8):
        seen = far.frames
        rig.wait_until(lambda: far.read(1) and far.frames > seen)  # pylint: disable=cell-var-from-loop
        far.acknowledge()
        time.sleep(0.1)  # an ACK in so long
    begin = far.bytes
    while far.read(3):
        pass
    print(f"{far.bytes - begin} bytes that were not acknowledged")
    assert 0 < far.bytes - begin <= 64 << 10
    far.acknowledge()
    assert far.read(rig.DEADLINE_S)  # it goes on
    assert far.close() == 0


# ---- idle ---------------------------------------------------------------------------------------


@pytest.mark.core
def test_an_idle_link_wakes_nobody(mirrord, link):
    say, _ = cat(mirrord)
    say("hello\n")
    guest = link(wait_for="hello")
    rig.wait_asleep([guest.pid, *rig.children_of(guest.pid), ssh_of(guest)], 6)
