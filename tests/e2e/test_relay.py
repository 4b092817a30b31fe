# SPDX-License-Identifier: ISC
"""Publishing through a relay: `mirrord publish`, `mirrord relay` and who watches there. Here what
ssh would carry is carried by a pipe; test_relay_net.py has three machines and a real sshd."""

import contextlib
import json
import os
import shlex
import signal
import socket
import time

import pytest
import rig
import wire

HOST_LOST = "host link lost, retrying"


class Relay(rig.Mirrord):
    """mirrord with a directory of its own: the other machine."""

    def __init__(self, build, folder):
        folder.mkdir(mode=0o700, exist_ok=True)
        super().__init__(build, folder)

    def keeper(self, name="s"):
        return self.info(name)["keeper"]

    def server(self, name="s"):
        """The process that serves: the keeper's child."""
        return rig.wait_until(lambda: next(iter(
            pid for pid in rig.children_of(self.keeper(name)) if not rig.is_zombie(pid)), None),
            what="a serving process")

    def notice(self, path=None):
        """A viewer of the wire's own, once it has a key frame."""
        peer = wire.Peer.connect(path or self.rundir / "mirrord" / "s.view")
        peer.send(wire.hello())
        peer.wait(wire.FRAME)
        return peer


@pytest.fixture
def relay(build, folder):
    other = Relay(build, folder / "relay")
    yield other
    other.close()


@pytest.fixture
def way(mirrord, relay):
    """What --ssh names: runs what ssh would run there, unless the file `down` stands there."""
    script = mirrord.folder / "way"
    down, pids, pump, tries = (mirrord.folder / name for name in ("down", "pids", "pump", "tries"))
    pump.write_text(PUMP)
    env = " ".join(f"{key}={shlex.quote(value)}" for key, value in relay.env.items())
    script.write_text(
        f"#!/bin/sh\n[ -z \"$UP\" ] && [ -e {down} ] && {{ echo >>{tries}; echo no route >&2; exit 255; }}\n"
        f"for last; do :; done\necho $$ >>{pids}\n"
        f"exec ${{PUMP:+/usr/bin/python3 {pump}}} env -i {env} ${{OVER-}} "
        f"{relay.binary} ${{last#mirrord }} ${{MORE-}}\n")
    script.chmod(0o755)
    yield script
    with contextlib.suppress(Exception):  # a publisher would go on to tell how its session ended
        for entry in mirrord.sessions():
            for person in who(mirrord, entry["name"]):
                if person["via"] == "publish":
                    end_publisher(person["pid"])


# Carries bytes both ways between its standard input and output and a command's: a network that can
# be stopped without closing anything.
PUMP = """
import os, subprocess, sys, threading

command = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)

def carry(source, to):
    while data := os.read(source, 65536):
        os.write(to, data)
    os.close(to)

threading.Thread(target=carry, args=(0, command.stdin.fileno()), daemon=True).start()
carry(command.stdout.fileno(), 1)
sys.exit(command.wait())
"""


def end_publisher(pid):
    """Ends it, and first who would have another one go on."""
    with contextlib.suppress(OSError):
        keeper = parent_of(pid)
        if rig.Path(f"/proc/{keeper}/comm").read_text() == "mirrord-standby\n":
            rig.kill_quietly(keeper)
    rig.kill_quietly(pid)


def links(folder):
    """The processes that stand for ssh, dead or alive."""
    path = folder / "pids"
    return [int(word) for word in path.read_text().split()] if path.exists() else []


def live_link(folder):
    return rig.wait_until(lambda: next(
        (pid for pid in reversed(links(folder)) if rig.is_alive(pid) and not rig.is_zombie(pid)),
        None), what="a link")


def cat(mirrord, name="s", **options):
    """A session that shows what is written to it through a fifo."""
    fifo = mirrord.folder / f"{name}.fifo"
    os.mkfifo(fifo)
    mirrord.detached(name, "sh", "-c", f"stty -echo; echo ready; exec cat <>{fifo}", **options)
    mirrord.wait_row(name, "ready")

    def say(text):
        with open(fifo, "w") as to:
            to.write(text)

    return say


def publish(mirrord, way, *args, check=True, env=None):
    return mirrord.run("publish", f"--ssh={way}", "me@relay", *args, check=check, env=env)


def same(mirrord, relay, name="s", there="s", deadline_s=rig.DEADLINE_S):
    """Waits until the relay shows what the host shows."""
    rig.wait_until(lambda: relay.dump(there) == mirrord.dump(name), deadline_s,
                   lambda: (relay.rows(there), mirrord.rows(name)))


def told(peer, text, deadline_s=rig.DEADLINE_S):
    """Waits for a notice that contains this; "" waits for the end of notices."""
    end = time.monotonic() + deadline_s
    while True:
        line = wire.Reader(peer.wait(wire.NOTICE, end - time.monotonic())).text()
        if text in line and bool(text) == bool(line):
            return line


def pending(peer):
    """The messages that have come."""
    got = []
    while not peer.silent(0.05):
        got.append(peer.next())
    return got


def parent_of(pid):
    return int(rig.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def who(mirrord, name="s"):
    return json.loads(mirrord.run("who", "--json", name).stdout)


# ---- publishing ---------------------------------------------------------------------------------


@pytest.mark.core
def test_a_published_session_is_seen_at_the_relay(mirrord, relay, way, terminals):
    say = cat(mirrord)
    run = publish(mirrord, way, "s")
    assert b"published at me@relay as " in run.stderr and b"/s;" in run.stderr
    assert b"nobody else can watch there yet" in run.stderr  # nobody has a key
    guest = terminals(relay.terminal("view", "s"))
    guest.wait_for("ready")
    say("hello \x1b[1;31mworld\x1b[m\n")
    guest.wait_for("world")
    same(mirrord, relay)
    assert relay.screen("s") == mirrord.screen("s")
    mirrord.run("stop", "s")
    assert guest.wait_exit() == 0
    assert b"the session has ended" in guest.bytes()
    rig.wait_until(lambda: relay.sessions() == [])


@pytest.mark.core
def test_the_session_is_published_from_its_start(mirrord, relay, way, terminals):
    host = terminals(mirrord.terminal("-n", "s", "--publish=me@relay", f"--ssh={way}", "--",
                                      "sh", "-c", "echo here it is; exec cat"))
    host.wait_for("here it is")
    assert b"published at me@relay" in host.bytes()
    rig.wait_until(lambda: relay.sessions())
    same(mirrord, relay)
    host.type("typed\n")
    host.wait_for("typed")
    same(mirrord, relay)
    host.type("\x1cd")  # detaches: it stays published
    assert host.wait_exit() == 0
    assert relay.dump("s") == mirrord.dump("s")
    host.hang_up()
    again = terminals(mirrord.terminal("attach", "s"))
    again.wait_for("typed")
    again.type("more\n")
    same(mirrord, relay)
    assert len(links(mirrord.folder)) == 1


def test_what_cannot_be_published_is_not_started(mirrord, relay, way, terminals):
    (mirrord.folder / "down").touch()
    marker = mirrord.folder / "ran"
    host = terminals(mirrord.terminal("-n", "s", "--publish=me@relay", f"--ssh={way}", "--",
                                      "touch", str(marker)))
    assert host.wait_exit() == 69
    assert host.bytes() == b"no route\r\nmirrord: ssh did not reach me@relay\r\n"
    assert not marker.exists() and mirrord.sessions() == []
    assert not list((mirrord.rundir / "mirrord").glob("s.*"))


def test_the_host_stops_publishing(mirrord, relay, way, terminals):
    cat(mirrord)
    publish(mirrord, way)
    guest = terminals(relay.terminal("view", "s"))
    guest.wait_for("ready")
    mirrord.run("publish", "--stop", "me@relay", "s")
    assert guest.wait_exit() == 69
    assert b"the host has stopped publishing" in guest.bytes()
    rig.wait_until(lambda: relay.sessions() == [])
    rig.wait_until(lambda: who(mirrord) == [])
    again = mirrord.run("publish", "--stop", "me@relay", "s", check=False)
    assert again.returncode == 69 and b"not published at me@relay" in again.stderr


def test_the_relay_ends_a_published_session(mirrord, relay, way, terminals):
    cat(mirrord)
    publish(mirrord, way)
    guest = terminals(relay.terminal("view", "s"))
    guest.wait_for("ready")
    relay.run("stop", "s")
    assert guest.wait_exit() == 0
    rig.wait_until(lambda: who(mirrord) == [])
    assert mirrord.info("s")["viewers"] == 0


def test_a_relay_publishes_to_the_next(mirrord, relay, way, build, folder, terminals):
    say = cat(mirrord)
    publish(mirrord, way)
    last = Relay(build, folder / "last")
    try:
        over = f"OVER=MIRRORD_DIR={last.env['MIRRORD_DIR']}"
        relay.run("publish", f"--ssh=env {over} {way}", "me@last", "s")
        guest = terminals(last.terminal("view", "--as", "zoe", "s"))
        guest.wait_for("ready")
        say("through two\n")
        guest.wait_for("through two")
        same(mirrord, last)
        rig.wait_until(lambda: "zoe" in [person["name"] for person in who(mirrord)],
                       what=lambda: who(mirrord))
        mirrord.run("stop", "s")
        assert guest.wait_exit() == 0
    finally:
        last.close()


def test_the_host_sees_and_cuts_a_relays_guests(mirrord, relay, way, terminals):
    cat(mirrord)
    publish(mirrord, way)
    alice = terminals(relay.terminal("view", "--as", "alice", "s"))
    bob = terminals(relay.terminal("view", "--as", "bob", "s", rows=30, cols=100))
    alice.wait_for("ready")
    bob.wait_for("ready")

    def guests():
        return {person["name"]: person for person in who(mirrord) if person["via"] == "relay"}

    rig.wait_until(lambda: set(guests()) == {"alice", "bob"}, what=guests)
    assert (guests()["bob"]["rows"], guests()["bob"]["cols"]) == (30, 100)
    peer = wire.Peer.connect(mirrord.rundir / "mirrord" / "s.view")
    peer.send(wire.hello(wire.ROLE_QUERY) + wire.message(0x06, wire.text("alice") + wire.text("")))
    assert peer.wait(0x48) == b"\1"
    assert alice.wait_exit() != 0
    rig.wait_until(lambda: set(guests()) == {"bob"}, what=guests)
    assert bob.process.poll() is None


def test_the_hosts_orders_hold_for_a_relays_guests(mirrord, relay, way, terminals):
    say = cat(mirrord)
    publish(mirrord, way)
    alice = terminals(relay.terminal("view", "--as", "alice", "s"))
    alice.wait_for("ready")
    mirrord.run("pause", "s")
    alice.wait_for("the host has paused")
    say("hunter2\n\x1b[2J\x1b[Hafter\n")
    mirrord.run("say", "-n", "s", "a remark")
    alice.wait_for("a remark")
    mirrord.run("resume", "s")
    alice.wait_for("after")
    assert b"hunter" not in alice.bytes()
    rig.wait_until(lambda: [person["name"] for person in who(mirrord)
                            if person["via"] == "relay"] == ["alice"])
    mirrord.run("lock", "s")
    bob = terminals(relay.terminal("view", "--as", "bob", "s"))
    assert bob.wait_exit() != 0
    mirrord.run("kick", "--ban", "-n", "s", "alice")
    assert alice.wait_exit() != 0


def newcomer(relay, name):
    peer = wire.Peer.connect(relay.rundir / "mirrord" / "s.view")
    peer.send(wire.hello(name=name))
    return peer


def relay_is_shut(relay):
    rig.wait_until(lambda: b"waiting for the host" in newcomer(relay, "probe").wait(wire.FRAME))


def shows(peer, text, deadline_s=rig.DEADLINE_S):
    """All that it has been sent until a frame says this."""
    got = []
    while not got or text not in got[-1]:
        got.append(peer.wait(wire.FRAME, deadline_s))
    return b"".join(got)


def stopped_publisher(mirrord):
    pid = next(person["pid"] for person in who(mirrord) if person["via"] == "publish")
    os.kill(pid, signal.SIGSTOP)
    return pid


def test_nobody_sees_a_screen_at_a_relay_before_the_host_has_answered(mirrord, relay, way):
    """The answer is held back on its way; until it comes there is a curtain, and nothing else."""
    cat(mirrord)
    publish(mirrord, way)
    same(mirrord, relay)
    mirrord.run("lock", "s")
    relay_is_shut(relay)
    publisher = stopped_publisher(mirrord)
    eve = newcomer(relay, "eve")
    first = eve.wait(wire.FRAME)
    eve.send(wire.message(wire.KEY) + wire.message(wire.HISTORY, wire.varint(0) + wire.varint(9)))
    assert b"waiting for the host" in first and b"waiting for the host" in eve.wait(wire.FRAME)
    assert eve.silent(2.5)  # a list of guests has gone out
    os.kill(publisher, signal.SIGCONT)
    rest = eve.wait_closed()
    assert [kind for kind, _ in rest if kind != wire.NOTICE] == [wire.BYE]
    assert rest[-1][1][0] == 77
    mirrord.run("unlock", "s")
    rig.wait_until(lambda: b"ready" in newcomer(relay, "eve").wait(wire.FRAME))


def test_whom_the_host_lets_in_sees_a_relays_screen_after_that(mirrord, relay, way):
    cat(mirrord)
    publish(mirrord, way)
    same(mirrord, relay)
    mirrord.run("lock", "--ask", "s")
    relay_is_shut(relay)
    bob = newcomer(relay, "bob")
    assert b"ready" not in bob.wait_closed()[-1][1]
    rig.wait_until(lambda: mirrord.run("admit", "-n", "s", "bob", check=False).returncode == 0)
    publisher = stopped_publisher(mirrord)
    bob = newcomer(relay, "bob")
    assert b"waiting for the host" in bob.wait(wire.FRAME) and bob.silent(0.5)
    os.kill(publisher, signal.SIGCONT)
    assert b"waiting" not in shows(bob, b"ready")


@pytest.mark.parametrize("lock", [["lock"], ["lock", "--ask"]])
def test_what_is_published_while_nobody_may_come_shows_nobody_a_screen(mirrord, relay, way, lock):
    """The publisher is the host's own: it is neither asked about nor kept out."""
    cat(mirrord)
    mirrord.run(*lock, "s")
    publish(mirrord, way)
    relay_is_shut(relay)
    eve = newcomer(relay, "eve")
    assert b"waiting for the host" in eve.wait(wire.FRAME)
    rest = eve.wait_closed()
    assert b"ready" not in b"".join(data for _, data in rest) and rest[-1][0] == wire.BYE
    assert b"try again" in rest[-1][1]
    mirrord.run("unlock", "s")
    rig.wait_until(lambda: b"ready" in newcomer(relay, "eve").wait(wire.FRAME))


def test_a_lock_holds_while_a_link_is_lost_and_after(mirrord, relay, way):
    cat(mirrord)
    publish(mirrord, way)
    alice = newcomer(relay, "alice")
    shows(alice, b"ready")
    rig.wait_until(lambda: "alice" in [person["name"] for person in who(mirrord)])
    mirrord.run("lock", "s")
    relay_is_shut(relay)
    (mirrord.folder / "down").touch()
    rig.kill_quietly(live_link(mirrord.folder))
    told(alice, HOST_LOST)
    eve = newcomer(relay, "eve")
    assert b"waiting for the host" in eve.wait(wire.FRAME)
    (mirrord.folder / "down").unlink()
    told(alice, "")
    rest = eve.wait_closed()
    assert wire.FRAME not in [kind for kind, _ in rest] and rest[-1][1][0] == 77
    late = newcomer(relay, "late").wait_closed()
    assert not [data for kind, data in late if kind == wire.FRAME and b"waiting" not in data]
    assert not alice.closed


def test_a_lock_holds_for_more_guests_than_a_socket_takes_orders_for(mirrord):
    """An edge that went with its orders would come back, and be believed that all were in before."""
    cat(mirrord)
    edge = wire.Peer.connect(mirrord.rundir / "mirrord" / "s.view")
    edge.send(wire.hello())
    edge.wait(wire.FRAME)
    mirrord.run("lock", "s")
    edge.send(wire.message(0x08, wire.varint(1) + wire.varint(1000) + b"".join(
        wire.text(f"g{i}") + wire.text("") + wire.text("relay") + wire.text("k" * 120)
        + bytes(12) for i in range(1000))))
    mirrord.run("who", "s")  # it has been read
    for i in range(1000):
        assert wire.Reader(edge.wait(0x4a)).text() == f"g{i}"


# ---- links that are lost ------------------------------------------------------------------------


@pytest.mark.core
def test_a_lost_link_is_told_and_comes_back(mirrord, relay, way, soak):
    say = cat(mirrord)
    publish(mirrord, way)
    peer = relay.notice()
    for count in range(20 if soak else 3):
        (mirrord.folder / "down").touch()
        os.kill(live_link(mirrord.folder), signal.SIGKILL)
        told(peer, HOST_LOST)
        say(f"meanwhile {count}\n")
        assert f"{HOST_LOST} (1 s)" in told(peer, "(1 s)")
        (mirrord.folder / "down").unlink()
        told(peer, "")
        same(mirrord, relay)
    peer.close()


@pytest.mark.core
def test_a_link_that_is_silent_is_replaced(mirrord, relay, way):
    """It is stopped, not closed: nobody hears that it is dead."""
    say = cat(mirrord)
    mirrord.run("publish", f"--ssh=env PUMP=1 {way}", "me@relay", "s")
    same(mirrord, relay)
    old = live_link(mirrord.folder)
    os.kill(old, signal.SIGSTOP)
    say("after\n")
    same(mirrord, relay)
    rig.wait_until(lambda: not rig.is_alive(old) or rig.is_zombie(old))
    assert len(links(mirrord.folder)) < 30  # about one a second


def test_a_link_that_was_only_slow_goes_on(mirrord, relay, way):
    say = cat(mirrord)
    mirrord.run("publish", f"--ssh=env PUMP=1 {way}", "me@relay", "s")
    same(mirrord, relay)
    old = live_link(mirrord.folder)
    tries = mirrord.folder / "tries"

    def tried():
        return tries.exists() and tries.stat().st_size

    def no_more():
        before = tried()
        time.sleep(3)  # a span to be measured: a try is made every second
        return tried() == before

    (mirrord.folder / "down").touch()  # nothing else gets through
    os.kill(old, signal.SIGSTOP)
    say("after\n")
    rig.wait_until(tried)  # others are
    os.kill(old, signal.SIGCONT)
    same(mirrord, relay)
    rig.wait_until(no_more, what="an end of the tries")  # with the ACK
    (mirrord.folder / "down").unlink()
    say("and more\n")
    same(mirrord, relay)
    assert live_link(mirrord.folder) == old


def test_guests_are_told_of_a_link_that_is_silent(mirrord, relay, way):
    """Nothing changes on the screen; the publisher says that it is there, or it is not."""
    cat(mirrord)
    mirrord.run("publish", f"--ssh=env PUMP=1 {way}", "me@relay", "s")
    peer = relay.notice()
    same(mirrord, relay)
    time.sleep(6)  # past the first sign of life: no notice
    (mirrord.folder / "down").touch()
    assert HOST_LOST.encode() not in b"".join(text for _, text in pending(peer))
    os.kill(live_link(mirrord.folder), signal.SIGSTOP)
    told(peer, HOST_LOST)
    (mirrord.folder / "down").unlink()
    told(peer, "")
    peer.close()


@pytest.mark.core
@pytest.mark.parametrize("victim", ["server", "link", "publisher", "standby", "dialer", "guest",
                                    "keeper"])
def test_whoever_dies_the_others_live(mirrord, relay, way, terminals, victim):
    say = cat(mirrord)
    publish(mirrord, way)
    shell = mirrord.info("s")["child"]
    guest, other = (terminals(relay.terminal("view", "--as", name, "s")) for name in ("a", "b"))
    guest.wait_for("ready")
    other.wait_for("ready")
    publisher = next(person["pid"] for person in who(mirrord) if person["via"] == "publish")
    pid = {"server": relay.server, "keeper": relay.keeper, "guest": lambda: other.pid,
           "link": lambda: live_link(mirrord.folder), "publisher": lambda: publisher,
           "standby": lambda: parent_of(publisher),
           "dialer": lambda: parent_of(live_link(mirrord.folder))}[victim]()
    os.kill(pid, signal.SIGKILL)
    say("after that\n")
    rig.wait_until(lambda: b"after that" in guest.bytes(), what=guest.bytes)
    same(mirrord, relay)
    assert guest.process.poll() is None and mirrord.info("s")["child"] == shell
    assert guest.bytes().count(b"\x1b[?1049h") == 1


def test_a_host_that_does_not_come_back_is_given_up(mirrord, relay, way, terminals):
    cat(mirrord)
    mirrord.run("publish", f"--ssh=env MORE=--keep=2s {way}", "me@relay", "s")
    guest = terminals(relay.terminal("view", "s"))
    guest.wait_for("ready")
    (mirrord.folder / "down").touch()
    os.kill(live_link(mirrord.folder), signal.SIGKILL)
    assert guest.wait_exit() == 69
    assert b"the host has not come back" in guest.bytes()
    rig.wait_until(lambda: relay.sessions() == [])


def test_a_session_that_ended_while_the_link_was_lost_ends_at_the_relay(mirrord, relay, way,
                                                                         terminals):
    cat(mirrord)
    publish(mirrord, way)
    guest = terminals(relay.terminal("view", "s"))
    guest.wait_for("ready")
    (mirrord.folder / "down").touch()
    os.kill(live_link(mirrord.folder), signal.SIGKILL)
    guest.wait_for(HOST_LOST)
    mirrord.run("stop", "s")
    (mirrord.folder / "down").unlink()
    assert guest.wait_exit() == 0
    assert b"the session has ended" in guest.bytes()


# ---- names --------------------------------------------------------------------------------------


@pytest.mark.core
def test_a_live_name_is_not_taken_over(mirrord, relay, way, build, folder):
    cat(mirrord)
    publish(mirrord, way)
    thief = Relay(build, folder / "thief")
    try:
        thief.detached("s", "sh", "-c", "echo stolen; exec cat")
        host = live_link(mirrord.folder)
        for _ in range(2):  # with the host there, and with its link lost
            run = thief.run("publish", f"--ssh=env UP=1 {way}", "me@relay", "s", check=False)
            assert run.returncode == 73 and b"is taken there" in run.stderr
            (mirrord.folder / "down").touch()
            rig.kill_quietly(host)
        (mirrord.folder / "down").unlink()
        same(mirrord, relay)
    finally:
        thief.close()


def test_a_name_of_a_session_that_runs_there_is_not_taken(mirrord, relay, way):
    cat(mirrord)
    relay.detached("s", "sh", "-c", "echo mine; exec cat")
    run = publish(mirrord, way, check=False)
    assert run.returncode == 73 and b"taken there, by a session" in run.stderr
    relay.wait_row("s", "mine")


def test_the_newer_of_two_publishers_of_a_host_has_the_name(mirrord, relay, way):
    say = cat(mirrord)
    publish(mirrord, way)
    publish(mirrord, way)
    rig.wait_until(lambda: len(who(mirrord)) == 1, what=lambda: who(mirrord))
    say("once\n")
    same(mirrord, relay)
    assert len(links(mirrord.folder)) == 2


def test_a_session_started_again_gets_its_name_again(mirrord, relay, way, terminals):
    cat(mirrord)
    publish(mirrord, way)
    guest = terminals(relay.terminal("view", "s"))
    guest.wait_for("ready")
    (mirrord.folder / "down").touch()
    end_publisher(who(mirrord)[0]["pid"])  # and nobody tells the relay
    guest.wait_for(HOST_LOST)
    mirrord.run("stop", "s")
    (mirrord.folder / "down").unlink()
    rig.wait_until(lambda: mirrord.sessions() == [])
    mirrord.detached("s", "sh", "-c", "echo another; exec cat")
    publish(mirrord, way)
    guest.wait_for("another")


def test_a_key_publishes_under_its_prefix_alone(mirrord, relay, way):
    cat(mirrord)
    run = mirrord.run("publish", f"--ssh=env MORE=--as=alice {way}", "me@relay", "s")
    assert b"/alice.s;" in run.stderr
    same(mirrord, relay, there="alice.s")
    assert [entry["name"] for entry in relay.sessions()] == ["alice.s"]


def test_a_confined_key_publishes_so_many_sessions_and_no_more(mirrord, relay, way):
    cat(mirrord)
    taken = relay.rundir / "mirrord"
    for number in range(16):
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(taken / f"alice.{number}.view"))
    run = mirrord.run("publish", f"--ssh=env MORE=--as=alice {way}", "me@relay", "s", check=False)
    assert run.returncode != 0 and b"alice has 16 sessions here already" in run.stderr, run
    (taken / "alice.3.view").unlink()
    mirrord.run("publish", f"--ssh=env MORE=--as=alice {way}", "me@relay", "s")


@pytest.mark.parametrize("command, status", [("mirrord relay", 0), ("", 77), ("mirrord relay ", 77),
                                             ("sh", 77), ("mirrord view --frames", 77)])
def test_a_forced_command_looks_at_one_request(relay, command, status):
    run = relay.run("relay", "--as=alice", check=False, env={"SSH_ORIGINAL_COMMAND": command})
    assert run.returncode == status
    assert (b"does nothing else" in run.stderr) == bool(status)


# ---- relays that are none, publishers that are none ---------------------------------------------


WELCOME = wire.message(0x41, wire.MAGIC + wire.varint(1))


def printf(data):
    return "printf '" + "".join(f"\\{byte:03o}" for byte in data) + "'"


@pytest.mark.core
@pytest.mark.parametrize("text, status, words", [
    ("echo 'sh: 1: mirrord: not found' >&2; exit 127", 69, b"there is no mirrord on me@relay"),
    ("echo 'mirrord: \"relay\" is neither a command' >&2; exit 127", 76, b"older than this one"),
    ("echo 'mirrord: relay takes setup' >&2; exit 64", 76, b"older than this one"),
    ("exit 255", 69, b"ssh did not reach me@relay"),
    ("exit 3", 69, b"ended the link"),
    ("echo Welcome to my machine; sleep 60", 76, b"is not mirrord"),
    (printf(wire.message(0x41, wire.MAGIC + wire.varint(7))), 76, b"another version"),
    (printf(WELCOME + wire.message(0x45, wire.varint(73) + wire.text("taken"))), 73, b"taken"),
    (printf(WELCOME + wire.message(0x02, b"\1\1")), 76, b"unheard of"),
    (printf(WELCOME + wire.message(0x06, b"\0")), 76, b"unheard of"),
    (printf(WELCOME + b"\xff\xff\xff\x7f"), 76, b"broke the protocol"),
])
def test_a_relay_that_is_none_gets_one_sentence(mirrord, text, status, words):
    cat(mirrord)
    script = mirrord.folder / "none"
    script.write_text(f"#!/bin/sh\n{text}\n")
    script.chmod(0o755)
    run = publish(mirrord, script, "s", check=False)
    assert run.returncode == status, run.stderr
    assert words in run.stderr and b"\x1b" not in run.stderr
    rig.wait_until(lambda: who(mirrord) == [])


def said(name="s", version=1, token=b"t" * 16):
    return wire.message(0x48, wire.MAGIC + wire.varint(version) + wire.text(name)
                        + wire.text("x@y") + token + wire.varint(1) + wire.varint(1))


@pytest.mark.parametrize("data", [
    b"", b"GET / HTTP/1.1\r\n\r\n", said(version=9), said("../s"), said("a/b"), said(".x"),
    said("a" * 65), said("\x1b[2J"), said("-x"), said()[:-1], said() + b"x",
    wire.message(0x48, b"x" * 600), wire.message(0x01, wire.MAGIC + wire.varint(1)),
])
def test_a_publisher_that_is_none_is_let_go(relay, data):
    run = relay.run("relay", check=False, stdin=None, input=data)
    assert run.returncode in (0, 64, 76)
    assert run.stdout.startswith(WELCOME) and run.stderr == b""
    assert relay.sessions() == []


def test_a_publisher_that_breaks_the_protocol_is_cut(mirrord, relay):
    """What follows PUBLISH is not a stream: the name is free again."""
    near, far = socket.socketpair()
    with near, far, rig.subprocess.Popen(relay.argv("relay"), stdin=far, stdout=far,
                                         env=relay.env) as process:
        far.close()
        peer = wire.Peer(near)
        peer.send(said())
        peer.wait(0x41)
        peer.wait(0x01)
        peer.send(wire.message(0x41, wire.MAGIC + wire.varint(1)) + b"\x03\xff\xff\xff")
        assert wire.Reader(peer.wait(0x45)).varint() == 76
        process.wait(rig.DEADLINE_S)
    rig.wait_until(lambda: relay.sessions() == [])


def test_a_publisher_that_is_cut_and_does_not_listen_costs_no_memory(relay):
    """Its BYE cannot be written, and what it goes on saying is thrown away."""
    read_end, write_end = os.pipe()
    with rig.subprocess.Popen(relay.argv("relay"), stdin=rig.subprocess.PIPE, stdout=write_end,
                              env=relay.env) as process:
        process.stdin.write(said())
        process.stdin.flush()
        server = relay.server()
        os.set_blocking(write_end, False)
        process.stdin.write(wire.message(0x41, wire.MAGIC + wire.varint(1)))
        process.stdin.flush()
        rig.wait_until(lambda: relay.info("s")["attached"])
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(write_end, b"x")
        process.stdin.write(b"\x03\xff\xff\xff")
        before = rss(server)
        for _ in range(32):
            process.stdin.write(bytes(1 << 20))
        process.stdin.flush()
        assert rss(server) - before < 8 << 20
        process.wait(rig.DEADLINE_S)  # it is not waited for
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    os.close(read_end)
    os.close(write_end)


def rss(pid):
    with open(f"/proc/{pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def test_wrong_arguments_are_refused(mirrord, relay):
    cat(mirrord)
    for args in (["publish"], ["publish", "-x", "r"], ["publish", "a", "s", "c"],
                 ["publish", "--", "-oProxyCommand=x"], ["publish", "--ssh='x", "r", "s"],
                 ["relay", "--keep=x"], ["relay", "--keep=40d"], ["relay", "--as=a/b"],
                 ["relay", "--as=a.b"],
                 ["relay", "nonsense"], ["--ssh=x", "--detach", "--", "true"]):
        run = mirrord.run(*args, check=False)
        assert run.returncode == 64, args
        assert run.stderr.count(b"\n") == 1 and b"\x1b" not in run.stderr


def test_a_terminal_is_told_what_relay_is_for(relay, terminals):
    terminal = terminals(relay.terminal("relay"))
    assert terminal.wait_exit() == 64
    assert b"mirrord relay setup" in terminal.bytes()


# ---- idle ---------------------------------------------------------------------------------------


@pytest.mark.core
def test_without_guests_an_idle_session_wakes_nobody(mirrord, relay, way):
    cat(mirrord)
    publish(mirrord, way)
    same(mirrord, relay)
    server, keeper = relay.server(), relay.keeper()
    publisher = who(mirrord)[0]["pid"]
    link = live_link(mirrord.folder)
    rig.wait_asleep([server, keeper, publisher, link, parent_of(link)], 6)
