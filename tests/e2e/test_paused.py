# SPDX-License-Identifier: ISC
"""While the host has paused: nothing of the screen leaves the machine, to a relay or a browser either
(test_hand.py has viewers by ssh and by `mirrord watch`)."""

import rig
import wire
from gateway import start, talk  # noqa: F401  (fixtures)
from test_hand import CURTAIN, drain, people
from test_relay import publish, relay, way  # noqa: F401  (fixtures)
from test_web import history

SECRET = "hunter2hunter2"
HISTORY_IS = 0x49


def wait_frame(peer, needle):
    """The payload of the next frame that writes it."""
    while needle.encode() not in (payload := peer.wait(wire.FRAME)):
        pass
    return payload


def say(mirrord, talk, text):  # noqa: F811
    """Has it printed, and waits until all of it has been."""
    def printed():
        return max(one["printed"] for one in people(mirrord))

    whole = printed() + len(text)
    talk(text)
    rig.wait_until(lambda: printed() >= whole, what=lambda: people(mirrord))


def test_while_paused_nothing_of_the_screen_reaches_a_relay_or_a_browser(mirrord, relay, way, start, talk):  # noqa: F811
    talk("before\r\n")
    mirrord.wait_row("s", "before")
    publish(mirrord, way, "s")
    gateway = start()
    page = gateway.page().wait_text("before")
    there = relay.notice()
    rig.wait_until(lambda: "before" in relay.dump("s"))
    mirrord.run("pause", "s")
    page.wait_text(CURTAIN)
    wait_frame(there, CURTAIN)
    seen = len(page.frames)

    text = f"\x1b]2;{SECRET}\x07" + "".join(f"{SECRET} {number}\r\n" for number in range(60))
    say(mirrord, talk, text)
    late = gateway.page(gateway.invite("--name=late")).wait_text(CURTAIN)
    late_there = relay.notice()
    asked = [history(page, 0, 200)[3], history(late, 0, 200)[3]]
    for peer in there, late_there:
        peer.send(wire.message(wire.KEY) + wire.message(wire.HISTORY, wire.varint(0) + wire.varint(200)))
    said = [payload for peer in (there, late_there) for _, payload in drain(peer)]
    assert any(CURTAIN.encode() in payload for payload in said)
    for dump in mirrord.dump("s", "json"), relay.dump("s", "json"):
        assert SECRET not in dump and CURTAIN in dump

    say(mirrord, talk, "\x1b]2;calm\x07\x1b[2J\x1b[Hafter\r\n")  # what stands there then is shown
    mirrord.run("resume", "s")
    page.wait_text("after")
    late.wait_text("after")
    for peer in there, late_there:
        said.append(wait_frame(peer, "after"))
    asked += [history(page, 0, 200)[3], history(late, 0, 200)[3]]
    said += asked + [frame for each, first in ((page, seen), (late, 0)) for _, _, frame in each.frames[first:]]
    for data in said:
        assert b"hunter" not in data and b"er2h" not in data
    for peer in page, late, there, late_there:
        peer.close()
