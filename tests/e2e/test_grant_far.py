# SPDX-License-Identifier: ISC
"""The keyboard, lent to somebody far away: to `mirrord watch`, and to a guest of a relay. A second ssh
carries what they type, and nothing else does."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time

import pytest
import rig
import webpage
import wire
from rig import wait_until
from test_grant import (GRANT, PAIR, WINDOW_S, Holder, drained, expect_typed, held,
                        session)  # noqa: F401  (a fixture)
from test_hand import events, people  # noqa: F401  (a fixture)
from test_readonly import SEQUENCES, random_messages
from test_relay import Relay, links, publish, relay, way  # noqa: F401  (fixtures)
from test_view import assert_restored
from test_web import start  # noqa: F401  (a fixture)

FORCED = 'restrict,command="mirrord view --role=pair --as bob shared"'
WATCHING = "recorder ready"
DATA = b"ls -l\r\x1b[A\x1bq\x03\x1b[200~pasted q\x1b[201~" + "漢字".encode()
ON, OFF = b"\x1b[?2004h", b"\x1b[?2004l"  # of the modes that the recorder sets


def key_line(pid, command=b"--keyboard"):
    """The second ssh below a watcher or a publisher, or None."""
    for child in rig.children_of(pid):
        for ssh in rig.children_of(child):
            if not rig.is_zombie(ssh) and any(command in word for word in rig.cmdline(ssh)):
                return ssh
    return None


def modes_off(terminal):
    terminal.wait_for(OFF, start=terminal.bytes().rindex(ON))


# ---- mirrord watch ------------------------------------------------------------------------------


@pytest.fixture
def watcher(mirrord, terminals, sshd, session):  # noqa: F811
    """Starts bob's `mirrord watch` through the private sshd, with a key for pairing."""
    if rig.missing("ssh"):
        pytest.skip("no ssh")
    identity = sshd.guest("bob", FORCED)
    words = sshd.ssh(identity, tty=False)

    def start(wait_for=WATCHING, **options):
        guest = terminals(mirrord.terminal("watch", f"--ssh={shlex.join(words[:-1])}", words[-1],
                                           answers=[(b"\x1b[5n", b"\x1b[0n")], **options))
        guest.wait_for(wait_for)
        return guest

    return start


@pytest.mark.core
def test_a_watcher_types_while_the_host_lends_the_keyboard(mirrord, terminals, session, watcher):  # noqa: F811
    host, typed = session
    guest = watcher()
    guest.type(b"not yet\x1b[5~")  # and Page Up, which shows that all of it has been read
    guest.wait_for("scrolled away")
    assert key_line(guest.pid) is None
    mirrord.run("grant", "bob")
    guest.wait_for(ON)
    assert b"\x1b[?1000h" in guest.bytes() and b"\x1b[?1006h" in guest.bytes()
    assert held(mirrord) == ["bob"]
    guest.wait_for("bob has the keyboard")
    guest.type(DATA)
    expect_typed(typed, DATA)
    ssh = key_line(guest.pid)
    mirrord.run("revoke", "shared")
    modes_off(guest)
    guest.type("too late q")  # not even to leave
    wait_until(lambda: not rig.is_alive(ssh) and key_line(guest.pid) is None)
    assert held(mirrord) == [] and guest.process.poll() is None
    assert not list(mirrord.rundir.rglob("*.keyboard"))
    mirrord.run("grant", "bob")  # once more, with another ssh
    guest.wait_for(ON, start=guest.bytes().rindex(OFF))
    guest.type("again")
    expect_typed(typed, DATA + b"again")
    mirrord.run("revoke", "shared")
    modes_off(guest)
    time.sleep(1)  # from now on the keys are the guest's own again
    guest.type("q")
    assert guest.wait_exit() == 0
    assert_restored(guest)


# What a watcher's ssh may bring them to: a far end that lends the keyboard again and again.
LIAR = """
import os, sys, time, zlib
import wire

def say(data):
    data = stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)
    os.write(1, wire.varint(len(data)) + data)

os.write(1, wire.message(0x41, wire.MAGIC + bytes([1])))
if not sys.argv[1].endswith("--keyboard"):
    stream = zlib.compressobj(6, zlib.DEFLATED, -15)
    say(bytes([0x9D, 3, 12]) + b"liar")
    for _ in range(400):
        say(bytes([0, 0x4A, 32]) + os.urandom(32) + bytes(11))
        time.sleep(0.005)
    say(bytes([0, 0x44]) + wire.text("that was all"))
while os.read(0, 4096):
    pass
"""


def test_a_relay_cannot_have_a_watcher_run_ssh_without_end(mirrord, terminals):
    liar, dials, ssh = (mirrord.folder / name for name in ("liar.py", "dials", "ssh"))
    liar.write_text(LIAR)
    ssh.write_text(f"#!/bin/sh\nfor last; do :; done\necho \"$last\" >>{dials}\n"
                   f"PYTHONPATH={shlex.quote(os.path.dirname(wire.__file__))} "
                   f"exec {shlex.quote(sys.executable)} {liar} \"$last\"\n")
    ssh.chmod(0o755)
    began = time.monotonic()
    guest = terminals(mirrord.terminal("watch", f"--ssh={ssh}", "me@relay",
                                       answers=[(b"\x1b[5n", b"\x1b[0n")]))
    guest.wait_for("that was all")
    windows = 2 + (time.monotonic() - began) // 10  # 16 are run in each
    assert 0 < dials.read_text().count("--keyboard") <= 16 * windows


# ---- a guest of a relay -------------------------------------------------------------------------


@pytest.fixture
def published(mirrord, relay, way, session):  # noqa: F811
    """The recorder's session, published: waits until the host knows a guest there."""
    publish(mirrord, way, "shared")
    relay.wait_row("shared", WATCHING)

    def known(name="bob"):
        return wait_until(lambda: next((person for person in people(mirrord, "shared")
                                        if person["name"] == name), None))

    return known


def guest_of(relay, terminals, *args, wait_for=WATCHING):
    guest = terminals(relay.terminal("view", *args, "shared",
                                     answers=[(b"\x1b[5n", b"\x1b[0n")]))
    guest.wait_for(wait_for)
    return guest


@pytest.mark.core
def test_a_guest_of_a_relay_types_while_the_host_lends_the_keyboard(
        mirrord, relay, terminals, session, published):  # noqa: F811
    host, typed = session
    guest = guest_of(relay, terminals, *PAIR)
    other = guest_of(relay, terminals, "--as", "eve")
    guest.type(b"not yet\x1b[5~")
    guest.wait_for("scrolled away")
    assert published()["pair"] and not published("eve")["pair"]
    assert len(links(mirrord.folder)) == 1
    mirrord.run("grant", "bob")
    guest.wait_for(ON)
    assert b"\x1b[?1000h" in guest.bytes() and b"\x1b[?1006h" in guest.bytes()
    assert held(mirrord) == ["bob"] and held(relay) == ["bob"]
    other.wait_for("bob has the keyboard")
    guest.type(DATA)
    expect_typed(typed, DATA)
    ssh = links(mirrord.folder)[-1]
    assert len(links(mirrord.folder)) == 2 and rig.is_alive(ssh)
    mirrord.run("revoke", "shared")
    modes_off(guest)
    guest.type("too late q")
    wait_until(lambda: not rig.is_alive(ssh))
    assert held(mirrord) == [] and held(relay) == [] and guest.process.poll() is None
    wait_until(lambda: not list(mirrord.folder.rglob("*.keyboard")))
    mirrord.run("grant", "bob")
    guest.wait_for(ON, start=guest.bytes().rindex(OFF))
    guest.type("again")
    expect_typed(typed, DATA + b"again")
    host.type("h")  # takes it back
    modes_off(guest)
    expect_typed(typed, DATA + b"againh")
    time.sleep(1)
    guest.type("q")
    assert guest.wait_exit() == 0
    assert_restored(guest)


@pytest.mark.core
def test_with_real_ssh_on_both_sides_of_a_relay(mirrord, relay, folder, terminals, session):  # noqa: F811
    """A key that may publish and nothing else; a guest by ssh, and another by mirrord watch."""
    if rig.missing("ssh"):
        pytest.skip("no ssh")
    _, typed = session
    server = rig.Sshd(folder / "relays-sshd", relay.ssh_env)
    try:
        words = server.ssh(server.guest("host", 'restrict,command="mirrord relay --as host"'), tty=False)
        ssh = mirrord.folder / "noted-ssh"
        ssh.write_text(f"#!/bin/sh\necho $$ >>{mirrord.folder}/pids\n"
                       f"exec {shlex.join(words[:-1])} \"$@\"\n")
        ssh.chmod(0o755)
        mirrord.run("publish", f"--ssh={ssh}", words[-1], "shared")
        forced = 'restrict,pty,command="mirrord view --role=pair --as {} host.shared"'
        env = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        answers = [(b"\x1b[5n", b"\x1b[0n")]
        by_ssh = terminals(rig.Terminal(server.ssh(server.guest("bob", forced.format("bob")), "-e",
                                                   "none"), 24, 80, env, answers=answers))
        words = server.ssh(server.guest("ann", forced.format("ann")), tty=False)
        by_watch = terminals(mirrord.terminal("watch", f"--ssh={shlex.join(words[:-1])}", words[-1],
                                              answers=answers))
        wanted = b""
        for name, guest in (("bob", by_ssh), ("ann", by_watch)):
            guest.wait_for(WATCHING)
            wait_until(lambda name=name: any(person["name"] == name and person["pair"]
                                             for person in people(mirrord, "shared")))
            began = time.monotonic()
            mirrord.run("grant", name)
            guest.wait_for(ON)
            took = time.monotonic() - began
            guest.type(DATA)
            wanted += DATA
            expect_typed(typed, wanted)
            second = links(mirrord.folder)[-1]
            assert rig.is_alive(second)
            began = time.monotonic()
            mirrord.run("revoke", "shared")
            modes_off(guest)
            print(f"{name}: may type {took * 1000:.0f} ms after grant, "
                  f"has modes back {(time.monotonic() - began) * 1000:.0f} ms after revoke")
            wait_until(lambda second=second: not rig.is_alive(second))
            assert key_line(guest.pid) is None
            wait_until(lambda: not list(folder.rglob("*.keyboard")))
        guest.type("late")
        assert typed.read_bytes() == wanted
        mirrord.run("stop", "shared")
        for guest in (by_ssh, by_watch):
            assert guest.wait_exit() == 0
            assert_restored(guest)
    finally:
        server.close()


def begin_far(relay, mirrord, name="bob"):
    """A viewer of the test's own at the relay, whom the host knows."""
    holder = Holder(relay, name)
    wait_until(lambda: any(person["name"] == name for person in people(mirrord, "shared")))
    return holder


def test_what_a_relays_guest_types_arrives_once_and_in_order(mirrord, relay, session, published):  # noqa: F811
    _, typed = session
    holder = begin_far(relay, mirrord)
    mirrord.run("grant", "bob")
    holder.take()
    data = b"".join(b"%06d " % number for number in range(3000))
    for at in range(0, len(data), 1000):
        holder.type(data[at:at + 1000])
    expect_typed(typed, data)
    holder.close()


@pytest.mark.core
def test_after_revoke_nothing_gets_through_a_relay_within_a_moment(
        mirrord, relay, session, published, build, soak):  # noqa: F811
    _, typed = session
    holder = begin_far(relay, mirrord)
    firsts, windows = [], []
    for _ in range(3):
        before, began = typed.stat().st_size, time.monotonic()
        mirrord.run("grant", "bob")
        holder.take()
        holder.type(b"a")
        wait_until(lambda: typed.stat().st_size > before, poll_s=0.001)
        firsts.append(time.monotonic() - began)
        began = last = time.monotonic()
        revoke = subprocess.Popen(mirrord.argv("revoke", "shared"), env=mirrord.env)
        size, told = typed.stat().st_size, False
        while time.monotonic() - last < 0.5 or not told:
            with contextlib.suppress(OSError):  # typing goes on until it is told, and after
                holder.type(b"b")
            if typed.stat().st_size != size:
                size, last = typed.stat().st_size, time.monotonic()
            told = told or revoke.poll() is not None
            assert time.monotonic() - began < rig.DEADLINE_S
            time.sleep(0.001)
        assert revoke.returncode == 0
        assert wire.Reader(holder.view.wait(GRANT)).data == b"\0"
        windows.append(last - began)
    print(f"through a relay, by pipes: first key {min(firsts) * 1000:.0f} to {max(firsts) * 1000:.0f} ms "
          f"after grant, last one {min(windows) * 1000:.0f} to {max(windows) * 1000:.0f} ms after revoke")
    assert min(windows) < WINDOW_S or not soak or rig.is_sanitized(build), windows
    holder.close()


# What ends a grant, beside the host. `ssh` is what carries the key line, `view` the guest's.
@pytest.mark.parametrize("killed", ["ssh", "view", "lender", "server"])
def test_what_is_killed_takes_the_grant_along(
        mirrord, relay, terminals, session, published, events, killed):  # noqa: F811
    _, typed = session
    stream = events("shared")
    guest = guest_of(relay, terminals, *PAIR)
    published()
    mirrord.run("grant", "bob")
    guest.wait_for(ON)
    guest.type("a")
    expect_typed(typed, b"a")
    ssh = links(mirrord.folder)[-1]
    victim = {"ssh": ssh, "view": guest.pid, "server": relay.server("shared"),
              "lender": next(iter(rig.children_of(ssh)), None)}[killed]
    os.kill(victim, signal.SIGKILL)
    stream.wait("revoked")
    wait_until(lambda: not rig.is_alive(ssh))
    if killed != "view":
        modes_off(guest)
        guest.type("b")
    time.sleep(0.2)
    assert typed.read_bytes() == b"a" and held(mirrord) == []


def test_a_grant_lives_on_with_another_mirror(mirrord, relay, terminals, session, published):  # noqa: F811
    _, typed = session
    guest = guest_of(relay, terminals, *PAIR)
    published()
    mirrord.run("grant", "bob")
    guest.wait_for(ON)
    os.kill(mirrord.mirror_pid(mirrord.info("shared")), signal.SIGKILL)
    wait_until(lambda: held(mirrord) == ["bob"])
    guest.type("still")
    expect_typed(typed, b"still")
    assert len(links(mirrord.folder)) == 2


def test_what_was_on_its_way_for_too_long_is_not_typed(
        mirrord, relay, terminals, way, session, events):  # noqa: F811
    """The network of the key line stands still for a while, and closes nothing."""
    _, typed = session
    stream = events("shared")
    publish(mirrord, way, "shared", env={"PUMP": "1"})
    guest = guest_of(relay, terminals, *PAIR)
    wait_until(lambda: any(person["pair"] for person in people(mirrord, "shared")))
    mirrord.run("grant", "bob")
    guest.wait_for(ON)
    guest.type("a")
    expect_typed(typed, b"a")
    ssh = links(mirrord.folder)[-1]
    os.kill(ssh, signal.SIGSTOP)
    guest.type("late")
    time.sleep(2.5)  # more than LIMIT_GRANT_LAG_MS
    os.kill(ssh, signal.SIGCONT)
    stream.wait("revoked", why="given-back")
    modes_off(guest)
    assert typed.read_bytes() == b"a"


# ---- peers that are not what they should be -------------------------------------------------------

WELCOME = wire.message(0x41, wire.MAGIC + b"\1")
INPUT, TAKEN, BEAT, LEND = 2, 3, 0x42, 0x43
LEND_THERE, CONTROL_OK = 0x0C, 0x41  # on the control socket


def typed_far(data, beat=1, held_ms=0):
    return wire.message(INPUT, wire.varint(beat) + wire.varint(held_ms) + data)


EVIL = {
    "input at once": WELCOME + typed_far(b"evil"),
    "without a welcome": wire.message(TAKEN) + typed_far(b"evil"),
    "a keyboard's own message": WELCOME + wire.message(2, b"evil"),
    "another version": wire.message(0x41, wire.MAGIC + b"\7") + wire.message(TAKEN) + typed_far(b"evil"),
    "a beat that never was": WELCOME + wire.message(TAKEN) + typed_far(b"evil", beat=9),
    "too long": WELCOME + wire.message(TAKEN) + typed_far(b"evil" * 1000),
    "what terminals send": b"".join(SEQUENCES),
    "anything": WELCOME + random_messages(5),
    "a shell": b"Welcome to my machine\r\n",
}


def test_a_relay_that_breaks_the_key_line_gets_nothing_through(
        mirrord, relay, terminals, way, session, events):  # noqa: F811
    _, typed = session
    evil = mirrord.folder / "evil"
    fake = mirrord.folder / "fake-ssh"
    fake.write_text(f"#!/bin/sh\nfor last; do :; done\ncase $last in\n"
                    f"*--keyboard) cat {evil}; exec cat >/dev/null;;\nesac\nexec {way} \"$@\"\n")
    fake.chmod(0o755)
    publish(mirrord, fake, "shared")
    holder = begin_far(relay, mirrord)
    for said in EVIL.values():
        stream = events("shared")
        evil.write_bytes(said)
        mirrord.run("grant", "bob")
        stream.wait("revoked", why="given-back")
    assert typed.read_bytes() == b""
    evil.write_bytes(WELCOME + wire.message(TAKEN) + typed_far(b"what a relay types while it is lent"))
    mirrord.run("grant", "bob")  # a control: the README says so
    expect_typed(typed, b"what a relay types while it is lent")
    holder.close()


def lend(token, name="bob", session="shared"):
    return wire.message(LEND, wire.MAGIC + b"\1" + wire.text(session) + token + wire.text("")
                        + wire.text(name) + bytes(9)) + wire.message(BEAT, b"\1")


def test_who_did_not_publish_a_session_cannot_lend_its_keyboard(
        mirrord, relay, session, published):  # noqa: F811
    holder = begin_far(relay, mirrord)
    (kept,) = wait_until(lambda: list(mirrord.folder.rglob(".publish-*")))
    token = kept.read_bytes()[:16]
    wrong = bytes([token[0] ^ 1]) + token[1:]

    def ask(data, *args, env=None):
        return relay.run("relay", "--keyboard", *args, check=False, stdin=None, input=data, env=env)

    for data, args, status in [
            (lend(wrong), (), 77), (lend(token, "eve"), (), 67), (lend(token, ""), (), 76),
            (lend(token, session="other"), (), 69), (lend(token)[:-20], (), 76),
            (lend(token), ("--as=eve",), 69), (random_messages(7), (), 76)]:
        run = ask(data, *args)
        assert run.returncode == status, (run, status)
    run = ask(lend(wrong), "--as=eve", env={"SSH_ORIGINAL_COMMAND": "mirrord relay --keyboard x"})
    assert run.returncode == 77 and b"does nothing else" in run.stderr
    assert not list(relay.rundir.rglob("*.keyboard"))
    assert holder.view.silent(0.2) or all(kind != GRANT for kind, _ in drained(holder.view))
    holder.close()


def test_a_key_line_that_lends_twice_ends(mirrord, relay, session, published):  # noqa: F811
    """What runs it may have been taken over."""
    holder = begin_far(relay, mirrord)
    (kept,) = wait_until(lambda: list(mirrord.folder.rglob(".publish-*")))
    again = wire.message(LEND_THERE, kept.read_bytes()[:16] + wire.text("") + wire.text("bob")
                         + wire.varint(0) + bytes(32 + 9))
    server = relay.server("shared")
    for _ in range(3):
        peer = wire.Peer.connect(relay.rundir / "mirrord" / "shared.control")
        peer.send(wire.message(1, wire.MAGIC + b"\1") + again)
        assert peer.next() == (CONTROL_OK, b"")
        peer.send(again)
        peer.wait_closed()
    assert relay.server("shared") == server and held(relay) == []
    holder.close()


def test_a_guest_who_forges_messages_gets_nothing_through_a_relay(
        mirrord, relay, session, published):  # noqa: F811
    _, typed = session
    holder, eve = begin_far(relay, mirrord), begin_far(relay, mirrord, "eve")
    mirrord.run("grant", "bob")
    token = wire.Reader(holder.view.wait(GRANT)).data[1:33]
    hello = wire.MAGIC + b"\1"
    for first in (wire.message(INPUT, b"x"), typed_far(b"x"), wire.message(1, hello + b"\0" * 32),
                  wire.message(1, hello + token[:31]), b"".join(SEQUENCES), random_messages(1)):
        peer = wire.Peer.connect(holder.path)
        with contextlib.suppress(OSError):
            peer.send(first + wire.message(INPUT, b"forged"))
        peer.wait_closed()
    for data in (b"".join(SEQUENCES), random_messages(2), wire.message(GRANT, b"x" * 40)):
        with contextlib.suppress(OSError):
            eve.view.send(data)
    holder.keyboard = holder.open(token)
    holder.type(b"mine")
    expect_typed(typed, b"mine")
    with pytest.raises(OSError):  # who has shown it is the last to come
        holder.type(b"x", holder.open(token))
        holder.open(token)
    holder.keyboard.send(wire.message(3, b"forged"))  # no such message: the end of it
    wait_until(lambda: held(mirrord) == [])
    assert typed.read_bytes() == b"mine"
    holder.close()
    eve.close()


def test_the_far_end_of_a_watchers_key_line_serves_nobody_else(mirrord, sshd, session):  # noqa: F811
    _, typed = session
    holder = Holder(mirrord)
    env = {"SSH_ORIGINAL_COMMAND": "mirrord view --keyboard"}

    def ask(data, *args):
        return mirrord.run("view", *args, "shared", check=False, stdin=None, input=data, env=env)

    def claim(token):
        return wire.message(1, wire.MAGIC + b"\1" + wire.text("") + token)

    run = ask(claim(b"\0" * 32), "--as", "bob")  # its key is for watching alone
    assert run.returncode == 77 and b"--role=pair" in run.stderr
    run = ask(claim(b"\0" * 32) + typed_far(b"evil"), *PAIR)  # and nothing is lent
    assert run.returncode == 77 and b"lent to nobody" in run.stderr
    mirrord.run("grant", "bob")
    token = wire.Reader(holder.view.wait(GRANT)).data[1:33]
    for data in (claim(b"\0" * 32) + typed_far(b"evil"), typed_far(b"evil") + claim(token),
                 claim(token[:-1]), b"".join(SEQUENCES), random_messages(4)):
        ask(data, *PAIR)
    assert typed.read_bytes() == b""
    ask(claim(token) + typed_far(b"mine"), *PAIR)
    expect_typed(typed, b"mine")
    holder.close()


# ---- who is not lent it ---------------------------------------------------------------------------


def test_the_refusal_says_in_one_sentence_what_to_do(mirrord, relay, terminals, way, session, start):  # noqa: F811
    publish(mirrord, way, "shared")
    guest_of(relay, terminals, "--as", "eve")
    gateway = start("shared")
    page = gateway.page(gateway.invite("--name=ann"))
    page.wait(webpage.START)
    wait_until(lambda: {"eve", "ann"} <= {person["name"] for person in people(mirrord, "shared")})
    for name, status, words in [
            ("nobody", 67, b'nobody called "nobody" watches; see `mirrord who`'),
            ("eve", 77, b"eve may only watch: it takes a key with --role=pair at the relay"),
            ("ann", 77, b"ann watches in a browser, which is never lent the keyboard"),
            ("me@relay", 77, b"me@relay is a relay: lend the keyboard to one of its guests")]:
        run = mirrord.run("grant", "-n", "shared", name, check=False)
        assert run.returncode == status and words in run.stderr, run
        assert run.stderr.count(b"\n") == 1
    assert not list(mirrord.folder.rglob("*.keyboard"))
    holder = Holder(mirrord)
    mirrord.run("grant", "bob")
    while b"bob has the keyboard" not in page.wait(webpage.NOTICE)[1]:
        pass
    holder.close()
    page.close()


def test_a_guest_behind_two_relays_is_lent_it_too(mirrord, relay, terminals, folder, session, published):  # noqa: F811
    """The relay publishes what it serves to another one."""
    _, typed = session
    far = Relay(mirrord.build, folder / "far")
    try:
        env = " ".join(f"{key}={shlex.quote(value)}" for key, value in far.env.items())
        way = folder / "way-there"
        way.write_text(f"#!/bin/sh\nfor last; do :; done\nexec env -i {env} {far.binary} ${{last#mirrord }}\n")
        way.chmod(0o755)
        publish(relay, way, "shared")
        guest = guest_of(far, terminals, *PAIR)
        assert published()["pair"]
        mirrord.run("grant", "bob")
        guest.wait_for(ON)
        assert held(mirrord) == held(relay) == held(far) == ["bob"]
        guest.type(DATA)
        expect_typed(typed, DATA)
        mirrord.run("revoke", "shared")
        modes_off(guest)
        guest.type("late")
        wait_until(lambda: not list(folder.rglob("*.keyboard")))
        assert typed.read_bytes() == DATA
    finally:
        with contextlib.suppress(Exception):
            for person in people(relay, "shared"):
                if person["via"] == "publish":
                    rig.kill_quietly(person["pid"])
        far.close()


def test_a_watcher_whose_key_line_is_killed_has_its_keys_again(mirrord, session, watcher, events):  # noqa: F811
    _, typed = session
    stream = events("shared")
    guest = watcher()
    mirrord.run("grant", "bob")
    guest.wait_for(ON)
    guest.type("a")
    expect_typed(typed, b"a")
    os.kill(key_line(guest.pid), signal.SIGKILL)
    stream.wait("revoked")
    modes_off(guest)
    guest.type("b")
    time.sleep(1.2)  # it might still be meant for the session
    assert guest.process.poll() is None and typed.read_bytes() == b"a"
    guest.type("q")
    assert guest.wait_exit() == 0
    assert_restored(guest)
