# SPDX-License-Identifier: ISC
"""A host, a relay and a guest, each in a network of its own, with a real sshd on the relay. Nothing
listens at the host, and no way leads there from the guest's."""

import contextlib
import json
import os
import random
import shlex
import signal
import subprocess
import threading
import time

import pytest
import rig
import wire
from test_relay import HOST_LOST, end_publisher, parent_of, who
from test_view import rows_of

CASTS = rig.PROJECT.parent / "shared/corpus/casts/dev"
RECORDING = CASTS / "tui-plexicus.cast"
FORCED = 'restrict,pty,command="mirrord view --as {} s"'
ANSWERS = [(b"\x1b[5n", b"\x1b[0n")]


def ip(*words):
    subprocess.run(["ip", *words], check=True, stdin=subprocess.DEVNULL)


def why_not():
    if os.getuid() != 0:
        return "needs root, for networks"
    lacking = rig.missing("ip", "tc", "ssh", "ssh-keygen")
    if lacking:
        return f"needs {', '.join(lacking)}"
    trial = f"mirrord-trial-{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", trial], capture_output=True).returncode == 0
    if made:
        ip("netns", "delete", trial)
    return None if made else "needs network namespaces"


WHY_NOT = why_not()


pytestmark = pytest.mark.skipif(WHY_NOT is not None, reason=str(WHY_NOT))


class Machine(rig.Mirrord):
    """mirrord in a network of its own."""

    def __init__(self, build, folder, name):
        folder.mkdir(mode=0o700)
        super().__init__(build, folder)
        self.net = name
        ip("netns", "add", name)
        ip("-n", name, "link", "set", "lo", "up")

    def within(self):
        return ["ip", "netns", "exec", self.net]

    def argv(self, *args):
        return [*self.within(), *super().argv(*args)]

    def close(self):
        super().close()
        for pid in subprocess.run(["ip", "netns", "pids", self.net], capture_output=True,
                                  check=False).stdout.split():
            rig.kill_quietly(int(pid))  # the network is ours alone
        ip("netns", "delete", self.net)


def join(a, a_device, a_address, b, b_device, b_address):
    """A cable. No IPv6: nobody asks for routers and neighbours there while bytes are counted."""
    ip("link", "add", a_device, "netns", a.net, "type", "veth",
       "peer", "name", b_device, "netns", b.net)
    for machine, device, address in ((a, a_device, a_address), (b, b_device, b_address)):
        ip("-n", machine.net, "address", "add", f"{address}/24", "dev", device)
        ip("-n", machine.net, "link", "set", device, "addrgenmode", "none", "up")


class World:
    def __init__(self, build, folder):
        self.folder, self.sshd = folder, None
        self.host, self.relay, self.guest = (
            Machine(build, folder / name, f"mirrord-test-{os.getpid()}-{name}")
            for name in ("host", "relay", "guest"))

    def start(self):
        join(self.host, "link0", "10.83.1.1", self.relay, "host0", "10.83.1.2")
        join(self.guest, "link0", "10.83.2.1", self.relay, "guest0", "10.83.2.2")
        self.sshd = rig.Sshd(self.folder / "sshd", self.relay.ssh_env, "0.0.0.0",
                             self.relay.within())
        self.me = self.sshd.guest("me", 'restrict,command="mirrord relay"')

    def ssh(self, identity, address, **options):
        self.sshd.address = address
        return self.sshd.ssh(identity, **options)

    def publish(self):
        words = self.ssh(self.me, "10.83.1.2", tty=False)
        self.host.run("publish", f"--ssh={shlex.join(words[:-1])}", words[-1], "s")

    def by_ssh(self, name, **options):
        identity = self.sshd.guest(name, FORCED.format(name))
        return rig.Terminal([*self.guest.within(), *self.ssh(identity, "10.83.2.2")],
                            env=self.guest.env, answers=ANSWERS, **options)

    def by_watch(self, name, **options):
        identity = self.sshd.guest(name, FORCED.format(name))
        words = self.ssh(identity, "10.83.2.2", tty=False)
        return self.guest.terminal("watch", f"--ssh={shlex.join(words[:-1])}", words[-1],
                                   answers=ANSWERS, **options)

    def view_socket(self):
        return self.relay.rundir / "mirrord" / "s.view"

    def sent(self):
        """Bytes that have left the host."""
        counter = "/sys/class/net/link0/statistics/tx_bytes"
        run = subprocess.run([*self.host.within(), "cat", counter], capture_output=True,
                             check=True)
        return int(run.stdout)

    def logins(self, address):
        """How often somebody has come from there."""
        return self.sshd.log.read_text().count(f"Connection from {address} ")

    def cut(self, silently):
        """Takes the host's link away: a cable that is pulled, or packets that vanish."""
        if silently:
            for machine, device in ((self.host, "link0"), (self.relay, "host0")):
                subprocess.run(["tc", "-n", machine.net, "qdisc", "add", "dev", device, "root",
                                "blackhole"], check=True)
        else:
            ip("-n", self.host.net, "link", "set", "link0", "down")

    def mend(self, silently):
        if silently:
            for machine, device in ((self.host, "link0"), (self.relay, "host0")):
                subprocess.run(["tc", "-n", machine.net, "qdisc", "delete", "dev", device, "root"],
                               check=True)
        else:
            ip("-n", self.host.net, "link", "set", "link0", "up")

    def close(self):
        if self.sshd:
            self.sshd.close()
        with contextlib.suppress(Exception):
            for person in who(self.host):
                if person["via"] == "publish":
                    end_publisher(person["pid"])
        for machine in (self.guest, self.relay, self.host):
            machine.close()


@pytest.fixture
def world(build, folder, terminals):
    made = World(build, folder)
    try:
        made.start()
        yield made
    finally:
        made.close()


def shows(world, *guests, deadline_s=rig.DEADLINE_S):
    """Waits until the relay and all guests show what the host shows. The seconds it took."""
    begin = time.monotonic()
    rig.wait_until(lambda: world.relay.dump("s") == world.host.dump("s"), deadline_s,
                   lambda: (world.relay.rows("s"), world.host.rows("s")), poll_s=0.05)
    for guest in guests:
        rig.wait_until(lambda: rows_of(world.host, guest) == world.host.rows("s"),
                       deadline_s - (time.monotonic() - begin) + 0.5,
                       lambda: (rows_of(world.host, guest), world.host.rows("s")), poll_s=0.05)
    return time.monotonic() - begin


@pytest.mark.core
def test_a_host_that_cannot_be_reached_is_watched(world, terminals, soak):
    """htop, by ssh and by mirrord watch."""
    if rig.missing("htop"):
        pytest.skip("no htop")
    entry = world.host.detached("s", "htop", "-d", "5", env={"TERM": "xterm-256color"})
    world.publish()
    listening = subprocess.run([*world.host.within(), "ss", "-Htln"], capture_output=True)
    assert listening.stdout == b""
    road = subprocess.run([*world.guest.within(), "ip", "route", "get", "10.83.1.1"],
                          capture_output=True)
    assert road.returncode != 0
    guests = [terminals(world.by_ssh("alice")), terminals(world.by_watch("bob"))]
    for guest in guests:
        guest.wait_for("Mem")
    people = rig.wait_until(lambda: who(world.host)[2:] and who(world.host))
    assert {(person["name"], person["via"]) for person in people[1:]} == {
        ("alice", "relay"), ("bob", "relay")}
    assert {person["from"] for person in people[1:]} == {"10.83.2.1"}
    for _ in range(6 if soak else 2):
        time.sleep(5)  # of htop
        os.kill(entry["child"], signal.SIGSTOP)
        shows(world, *guests)
        assert world.relay.screen("s") == world.host.screen("s")
        os.kill(entry["child"], signal.SIGCONT)
    for guest in guests:
        assert HOST_LOST.encode() not in guest.bytes()
    world.host.run("stop", "s")
    for guest in guests:
        assert guest.wait_exit() == 0


@pytest.mark.core
def test_what_leaves_the_host_does_not_grow_with_guests(world, terminals, soak):
    """Changes every 0.4 s, each a frame; with one guest and with fifty, in turn. A busy machine may make
    two frames of a change, each 110 bytes with 66 of TCP's ACK, or one of two; what went up for each guest
    would be 50 times as much, so the short run need not be a sharp one."""
    changes, rounds, share = (75, 3, 0.01) if soak else (25, 1, 0.25)
    fifo = world.folder / "go"
    os.mkfifo(fifo)
    world.host.detached(
        "s", "sh", "-c", "while read n; do clear; r=$((r+1)); i=0; while [ $i -lt $n ]; "
        f"do echo $r $i | md5sum; i=$((i+1)); sleep 0.4; done; echo done; done <>{fifo}")
    world.publish()
    guest = terminals(world.by_ssh("alice"))
    crowd, draining = [], threading.Event()

    def drain():
        while not draining.is_set():
            for sock in wire.readable([peer.sock for peer in list(crowd)], 0.2):
                with contextlib.suppress(OSError):
                    sock.recv(1 << 16)

    def people(count):
        while len(crowd) < count - 1:
            crowd.append(wire.Peer.connect(world.view_socket()))
            crowd[-1].send(wire.hello())
        while len(crowd) > count - 1:
            peer = crowd.pop()
            time.sleep(0.01)
            peer.close()
        rig.wait_until(lambda: len(who(world.host)) == count + 1)

    def run(count):
        people(count)
        for _ in range(5):
            time.sleep(4)  # the last list of guests has been told
            seen, before, tries = len(guest.bytes()), world.sent(), world.logins("10.83.1.1")
            fifo.write_text(f"{changes}\n")
            guest.wait_for("done", 60 + changes, start=seen)
            time.sleep(1)  # the last ACK
            if world.logins("10.83.1.1") == tries:
                return world.sent() - before
        raise AssertionError("the machine is so busy that the publisher tries another way all the time")

    guest.wait_for("\x1b[5n")
    reader = threading.Thread(target=drain, daemon=True)
    reader.start()
    few, many = (sum(sent) for sent in zip(*((run(1), run(50)) for _ in range(rounds))))
    draining.set()
    reader.join()
    people(1)
    print(f"bytes that left the host: {few} with 1 guest, {many} with 50")
    assert abs(many - few) < few * share


def process(machine, name, words):
    """The one of that machine which is called so and has these words in its command line."""
    def find():
        pids = subprocess.run(["ip", "netns", "pids", machine.net], capture_output=True, check=True)
        for pid in map(int, pids.stdout.split()):
            with contextlib.suppress(OSError):
                if (rig.Path(f"/proc/{pid}/comm").read_text() == name + "\n"
                        and words in b" ".join(rig.cmdline(pid)).decode()):
                    return pid
        return None

    return rig.wait_until(find, what=f"{name} {words}")


def test_whoever_is_killed_the_others_live(world, terminals):
    """Every process that a published session needs, one after the other, with a real sshd between."""
    fifo = world.folder / "fifo"
    os.mkfifo(fifo)
    shell = world.host.detached("s", "sh", "-c", f"echo ready; exec cat <>{fifo}")["child"]
    world.publish()
    guests = [terminals(world.by_ssh("alice")), terminals(world.by_watch("bob"))]
    mortal = terminals(world.by_ssh("carol"))
    for guest in (*guests, mortal):
        guest.wait_for("ready")

    def publisher():
        return rig.wait_until(lambda: next((person["pid"] for person in who(world.host)
                                            if person["via"] == "publish"), None))

    def ssh():
        return process(world.host, "ssh", "mirrord relay")

    def at_sshd():
        return process(world.relay, "mirrord", "mirrord relay")

    def keeper():
        return world.relay.info("s")["keeper"]

    victims = {
        "a guest's ssh": lambda: mortal.pid,
        "the ssh that publishes": ssh,
        "sshd's child": lambda: parent_of(at_sshd()),
        "what it runs": at_sshd,
        "what serves": lambda: rig.wait_until(lambda: next(
            (pid for pid in rig.children_of(keeper()) if rig.is_alive(pid)), None)),
        "what publishes": publisher,
        "what runs ssh": lambda: parent_of(ssh()),
        "what starts again what serves": keeper,
        "what starts again what publishes": lambda: parent_of(publisher()),
    }
    for number, (name, find) in enumerate(victims.items()):
        os.kill(find(), signal.SIGKILL)
        fifo.write_text(f"after {number}\n")
        for guest in guests:
            guest.wait_for(f"after {number}")
            assert guest.process.poll() is None, name
        shows(world, *guests, deadline_s=rig.DEADLINE_S)
    assert world.host.info("s")["child"] == shell and rig.is_alive(shell)
    assert world.sshd.log.read_text().count(f"Accepted publickey for {rig.account()} from 10.83.2.1") == 3
    for guest in guests:
        assert guest.bytes().count(b"\x1b[?1049h") == 1


def replay(world, fifo, stop):
    """A recording at its own speed, over and over."""
    with open(RECORDING) as file:
        events = [json.loads(line) for line in list(file)[1:]]
    with open(fifo, "wb", buffering=0) as to:
        while not stop.is_set():
            begin = time.monotonic()
            for at, kind, data in events:
                if stop.wait(max(0, begin + min(at, 1e9) - time.monotonic())):
                    return
                if kind == "o":
                    to.write(data.encode())


@pytest.mark.skipif(not RECORDING.exists(), reason="no recordings in ../shared/corpus")
def test_cuts_of_the_hosts_link_are_survived(world, terminals, soak):
    """At random, 1 to 30 s each; guests stay, and are right within 3 s of each return (on a quiet machine)."""
    cuts = int(os.environ.get("MIRRORD_CUTS", "100" if soak else "2"))
    longest = 30 if soak or cuts > 10 else 4
    dice = random.Random(os.environ.get("MIRRORD_SEED", "7"))
    fifo = world.folder / "fifo"
    os.mkfifo(fifo)
    world.host.detached("s", "sh", "-c", f"stty raw -echo; echo ready; exec cat <>{fifo}", rows=30,
                        cols=120)
    world.publish()
    guests = [terminals(world.by_ssh("alice", rows=30, cols=120)),
              terminals(world.by_watch("bob", rows=30, cols=120))]
    for guest in guests:
        guest.wait_for("ready")
    sshs = len(subprocess.run(["grep", "-c", "Accepted publickey", str(world.sshd.log)],
                              capture_output=True).stdout)
    assert sshs
    took = []
    for number in range(cuts):
        stop = threading.Event()
        player = threading.Thread(target=replay, args=(world, fifo, stop), daemon=True)
        player.start()
        time.sleep(dice.uniform(0.5, 3))
        silently, seconds = dice.random() < 0.5, dice.uniform(1, longest)
        world.cut(silently)
        time.sleep(seconds)
        stop.set()
        player.join()
        world.mend(silently)
        took.append(shows(world, *guests))
        assert took[-1] < 3 or not soak
        print(f"cut {number}: {'silent' if silently else 'pulled'} for {seconds:.1f} s, "
              f"right {took[-1]:.2f} s after", flush=True)
    log = world.sshd.log.read_text()
    assert log.count("Accepted publickey") > cuts // 2  # the host's came again
    assert log.count("from 10.83.2.1") and log.count("Accepted publickey for " + rig.account()
                                                     + " from 10.83.2.1") == 2
    for guest in guests:
        assert guest.process.poll() is None
        assert guest.bytes().count(b"\x1b[?1049h") == 1
    print(f"right after {sorted(took)[len(took) // 2]:.2f} s (median), {max(took):.2f} s at most")
