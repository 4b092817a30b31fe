# SPDX-License-Identifier: ISC
"""Each of the host's orders and chords, with guests by ssh and by `mirrord watch`: how soon all see it, what happens
in which order, and that the host's program notices none of it."""

import os
import time

import pytest
import rig
import wire
from rig import wait_until
from test_hand import CURTAIN, EFFECT_S, KEYS, SOAK, chord, events  # noqa: F401  (a fixture)
from test_readonly import expect_untouched, start_recorder, wait_view_socket
from test_watch import link  # noqa: F401  (a fixture)

SHOWN = b"recorder ready"
BYE, FRAME = 0x46, 0x42


class Stage:
    """A host, two guests, a listener; took[name] is how long an order needed to be seen by all whom it concerns."""

    def __init__(self, mirrord, host, guests, stream):
        self.mirrord, self.host, self.guests, self.stream = mirrord, host, guests, stream
        self.took, self.expected, self.peers = {}, [], []

    def measure(self, name, start, *seen, happens=()):
        """`seen` are conditions; `happens` the events that it is, in order."""
        heard = len(self.stream.told)
        began = time.monotonic()
        start()

        def told():
            names = [event["event"] for event in list(self.stream.told)[heard:]]
            return [name for name in names if name in happens] == list(happens)

        for condition in (told, *seen):
            wait_until(condition, poll_s=0.002, what=lambda: (name, self.stream.told[heard:]))
        self.took[name] = time.monotonic() - began
        self.expected += happens

    def order(self, *words):
        return lambda: self.mirrord.run(*words)

    def keys(self, how, letter):
        return lambda: self.host.type(chord(how, letter))

    def guests_show(self, needle):
        """Conditions that each of them is sent it after now."""
        marks = [(guest, len(guest.bytes())) for guest in self.guests]
        return [lambda guest=guest, mark=mark: needle in guest.bytes()[mark:] for guest, mark in marks]

    def host_shows(self, needle):
        mark = len(self.host.bytes())
        return lambda: needle in self.host.bytes()[mark:]

    def knocks(self, name):
        """Somebody new, with whatever is answered."""
        peer = wire.Peer.connect(wait_view_socket(self.mirrord))
        self.peers.append(peer)
        peer.send(wire.hello(name=name))
        return peer


def got(peer, kind, needle=b""):
    """A condition: such a message has come."""
    def come():
        while wire.readable([peer.sock], 0) or peer.data:
            message = peer.next()
            if message is None:
                return False
            if message[0] == kind and needle in message[1]:
                return True
        return False

    return come


@pytest.mark.parametrize("how", [pytest.param("plain", marks=pytest.mark.core), "kitty", "modifyOtherKeys"])
def test_each_order_is_seen_at_once_and_in_order(mirrord, terminals, sshd, link, events, build, how):  # noqa: F811
    host, _, typed, sizes = start_recorder(mirrord, terminals)
    carol = sshd.guest("carol", 'restrict,pty,command="mirrord view --role=pair --as carol shared"')
    env = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    answers = [(b"\x1b[5n", b"\x1b[0n")]  # as terminals do: one that is mute is waited for at first
    guests = [terminals(rig.Terminal(sshd.ssh(carol, "-e", "none"), 30, 100, env, answers=answers)),
              link(forced='restrict,command="mirrord view --as alice shared"')]
    for guest in guests:
        guest.wait_for(SHOWN)
        guest.settled()
    stage = Stage(mirrord, host, guests, events("shared"))
    measure, order, show = stage.measure, stage.order, stage.guests_show

    measure("who", order("who", "shared"))
    measure("pause", order("pause"), *show(CURTAIN.encode()), stage.host_shows(b"paused"), happens=["paused"])
    measure("resume", order("resume"), *show(SHOWN), stage.host_shows(b"resumed"), happens=["resumed"])
    measure("key p", stage.keys(how, "p"), *show(CURTAIN.encode()), happens=["paused"])
    measure("key p again", stage.keys(how, "p"), *show(SHOWN), happens=["resumed"])
    measure("say", order("say", "a remark"), *show(b"a remark"), happens=["said"])
    measure("say nothing", order("say", ""), happens=["said"])

    measure("lock", lambda: (mirrord.run("lock"), stage.knocks("eve")), lambda: got(stage.peers[-1], BYE)(),
            happens=["locked", "refused"])
    measure("unlock", order("unlock"), happens=["unlocked"])
    measure("join", lambda: stage.knocks("dora"), stage.host_shows(b"dora watches"), happens=["joined"])
    measure("lock --ask", order("lock", "--ask"), happens=["ask-on"])
    measure("ask", lambda: stage.knocks("eve"), stage.host_shows(b"eve asks to watch"), happens=["asks"])
    measure("admit", order("admit", "eve"), got(stage.peers[-1], FRAME, SHOWN), happens=["admitted", "joined"])
    measure("ask again", lambda: stage.knocks("fred"), stage.host_shows(b"fred asks"), happens=["asks"])
    measure("key y", stage.keys(how, "y"), got(stage.peers[-1], FRAME, SHOWN), happens=["admitted", "joined"])
    measure("ask once more", lambda: stage.knocks("greg"), stage.host_shows(b"greg asks"), happens=["asks"])
    measure("key n", stage.keys(how, "n"), got(stage.peers[-1], BYE), happens=["banned", "refused"])
    measure("unlock again", order("unlock"), happens=["ask-off"])

    measure("grant", order("grant", "carol"), *show(b"carol has the keyboard"),
            stage.host_shows(b"carol has the keyboard"), happens=["granted"])
    measure("revoke", order("revoke"), *show(b"\x1b"), stage.host_shows(b"yours alone again"), happens=["revoked"])
    measure("kick", order("kick", "alice"), lambda: guests[1].process.poll() == 77, happens=["left"])
    measure("kick --ban", order("kick", "--ban", "carol"), lambda: guests[0].process.poll() == 77,
            happens=["banned", "kicked", "left"])
    expect_untouched(host, typed, sizes)
    measure("key d", stage.keys(how, "d"), lambda: host.process.poll() == 0, happens=["detached"])
    assert typed.read_bytes() == b"the host's own typing" and sizes.read_text() == "80x24\n"

    seen = [event["event"] for event in stage.stream.told]
    assert [name for name in seen if name in stage.expected] == stage.expected
    numbers = [event["number"] for event in stage.stream.told]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    for peer in stage.peers:
        peer.close()
    print(", ".join(f"{name} {took * 1000:.0f}" for name, took in stage.took.items()), "ms")
    slow = {name: took for name, took in stage.took.items() if took > EFFECT_S}
    assert not slow or not SOAK or rig.is_sanitized(build), slow
