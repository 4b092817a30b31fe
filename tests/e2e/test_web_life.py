# SPDX-License-Identifier: ISC
"""`mirrord web`: how it starts, what happens when parts of it are killed, and how it ends."""

import os
import signal

import pytest
import rig
import webpage
from gateway import LINK, refused, start, talk  # noqa: F401  (some are fixtures)
from webpage import START, STEP, Page


@pytest.mark.core
def test_a_gateway_that_is_killed_is_started_again_and_nobody_else_notices(
        mirrord, start, talk, terminals):
    gateway = start()
    guest = terminals(mirrord.terminal("view", "s"))
    talk("before")
    guest.wait_for("before")
    page = gateway.page().wait_text("before")
    pid = gateway.pid()
    os.kill(pid, signal.SIGKILL)
    assert page.bye() is None  # a lost link, so it tries again
    rig.wait_until(lambda: gateway.pid() != pid)
    page.open().wait_text("before")
    talk("after")
    page.wait_text("after")
    guest.wait_for("after")
    assert guest.process.poll() is None
    page.close()


@pytest.mark.core
def test_a_porter_that_is_killed_is_started_again_and_links_go_on(mirrord, start, talk, terminals):
    gateway = start()
    guest = terminals(mirrord.terminal("view", "s"))
    talk("before")
    guest.wait_for("before")
    bob = gateway.invite("--name=bob", "--uses=2")
    page = gateway.page(bob).wait_text("before")
    page.ping()
    pids = gateway.porter(), gateway.pid()
    os.kill(pids[0], signal.SIGKILL)
    assert page.bye() is None  # a lost link, so it tries again
    page.open().wait_text("before")
    assert gateway.porter() != pids[0] and gateway.pid() != pids[1]
    talk("after")
    page.wait_text("after")
    guest.wait_for("after")
    gateway.page(bob).ping()  # the link is good for one more
    assert refused(gateway, bob) == webpage.REFUSED
    mirrord.run("web", "revoke", "bob")
    assert page.bye() == webpage.REVOKED
    assert guest.process.poll() is None
    page.close()


def test_a_porter_that_is_killed_again_and_again_is_started_again(start, talk):
    gateway = start()
    talk("alive")
    for _ in range(4):
        pid = gateway.porter()
        os.kill(pid, signal.SIGKILL)
        rig.wait_until(lambda pid=pid: gateway.porter() != pid)
    gateway.page().wait_text("alive")
    assert gateway.said().count("starting it again") == 4


def test_who_ends_the_parent_ends_all_of_it_and_tokens_outlive_that(mirrord, start, talk):
    gateway = start(listen=f"127.0.0.1:{rig.free_port()}")
    page = gateway.page()
    page.wait(START)
    pids = gateway.porter(), gateway.pid()
    gateway.process.kill()
    gateway.process.wait()
    assert page.bye() is None
    rig.wait_until(lambda: not any(rig.is_alive(pid) for pid in pids))
    start(listen=f"127.0.0.1:{gateway.port}")
    page.open().wait(START)
    talk("alive")
    page.wait_text("alive")
    page.close()


def test_a_mirror_that_is_replaced_is_no_end_for_a_page(mirrord, start, talk):
    page = start().page()
    page.wait(START)
    os.kill(mirrord.mirror_pid(mirrord.info("s")), signal.SIGKILL)
    talk("again")
    page.wait_text("again")
    page.close()


def test_stopping_says_goodbye_and_to_try_again(start, talk):
    gateway = start()
    page = gateway.page()
    page.wait(START)
    gateway.process.terminate()
    assert page.bye() == webpage.STOPPING
    assert gateway.process.wait(rig.DEADLINE_S) == 0


def test_web_with_a_session_prints_a_link_to_it_and_ends_with_it(mirrord):
    run = mirrord.run("--detach", "--web=127.0.0.1:0", "-n", "s", "--", "sh", "-c",
                      "echo hello; exec cat")
    _, _, port, token = LINK.search(run.stdout.decode()).groups()
    page = Page(int(port), token).wait_text("hello")
    assert page.session == "s"
    mirrord.run("stop", "s")
    page.bye()

    def is_closed():
        try:
            webpage.connect(int(port)).close()
            return False
        except OSError:
            return True

    rig.wait_until(is_closed, what="the gateway ending")


def test_a_foreground_session_prints_its_link_before_it_takes_the_terminal(mirrord, terminals):
    host = terminals(mirrord.terminal("--web=127.0.0.1:0", "-n", "s", "--", "sh", "-c",
                                      "echo hello; exec cat"))
    host.wait_for("hello")
    output = host.bytes().decode()
    _, _, port, token = LINK.search(output.replace("\r\n", "\n")).groups()
    assert output.index(token) < output.index("\x1b[H\x1b[J") < output.index("hello")
    page = Page(int(port), token).wait_text("hello")
    host.type("typed\r")
    page.wait(STEP)
    page.close()
    mirrord.run("stop", "s")
    assert host.wait_exit() == 129


def test_a_gateway_sleeps_while_nothing_happens(start, talk):
    gateway = start()
    page = gateway.page()
    page.wait(START)
    page.ping()
    rig.wait_asleep([gateway.pid(), gateway.porter(), gateway.process.pid], 2, most=2)
    page.close()


def test_a_second_gateway_for_the_same_sessions_is_refused(mirrord, start):
    start()
    run = mirrord.run("web", "--listen=127.0.0.1:0", check=False)
    assert run.returncode == 73 and b"runs for these sessions already" in run.stderr
