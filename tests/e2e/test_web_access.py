# SPDX-License-Identifier: ISC
"""`mirrord web`: who is let in, by host, origin and token, and for how long."""

import itertools
import json
import os
import re
import signal

import pytest
import rig
import webpage
from gateway import refused, start, talk  # noqa: F401  (some are fixtures)
from webpage import JOINED, NOTICE, START, Page, Socket, get


@pytest.mark.core
def test_host_and_origin_and_token_all_have_to_be_right(start, talk):
    gateway = start("--host=mirror.example")
    port = gateway.port
    hosts = {f"127.0.0.1:{port}": True, "localhost:9999": True, "LOCALHOST": True, "[::1]:80": True,
             "mirror.example:443": True, "evil.example": False, f"evil.example:{port}": False,
             "127.0.0.1.evil.example": False, "mirror.example:": False, "localhost:x": False,
             "": False}
    for host, good in hosts.items():
        assert (get(port, host=host)[0].status == 200) == good, host
    origins = {webpage.SAME: True, None: False, "null": False, "http://evil.example": False,
               "https://HOST": False, "http://HOST.evil.example": False, "http://HOST/": False,
               "http://localhost:1": False}
    tokens = {gateway.token: True, gateway.token[:-1]: False, "": False, "A" * 22: False,
              gateway.token + "A": False}
    for (host, known), (origin, own) in itertools.product(hosts.items(), origins.items()):
        if isinstance(origin, str):
            origin = origin.replace("HOST", host)
        socket = Socket(port, host, origin)
        assert socket.opened == (known and own), (host, origin)
        socket.close()
        if not socket.opened:
            assert socket.answer.status in (400, 403)
    for token, good in tokens.items():
        page = Page(port, token, host="localhost:9999")
        if good:
            page.wait(START)
        else:
            assert page.bye() == webpage.REFUSED and not page.frames, token
        page.close()


def test_every_answer_forbids_what_the_page_does_not_need(start):
    gateway = start()
    index, body = get(gateway.port)
    file = re.search(rb'src="(/[0-9a-f]{16}/[^"]+\.js)"', body)[1].decode()
    script = get(gateway.port, file)[0]
    for answer in (index, script, get(gateway.port, "/none")[0], get(gateway.port, host="evil")[0]):
        headers = answer.headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy
        for part in ("frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'",
                     "require-trusted-types-for 'script'", "script-src 'self'"):
            assert part in policy.split("; "), policy
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers and "set-cookie" not in headers
    assert "immutable" in script.headers["cache-control"]
    assert index.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("line", (
    "FOO / HTTP/1.1", "GET http://evil/ HTTP/1.1", "OPTIONS * HTTP/1.1", "GET /x%2 HTTP/1.1", "\0\0\0\0\0"))
def test_what_the_library_answers_by_itself_forbids_everything(start, line):
    with webpage.connect(start().port) as sock:
        sock.sendall(f"{line}\r\nHost: localhost\r\n\r\n".encode())
        answer = webpage.Answer(sock)
    assert answer.status == 403
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_link_is_good_as_often_and_as_long_as_it_says(start, talk):
    gateway = start()
    once = gateway.invite("--name=once")
    page = gateway.page(once)
    page.wait(START)
    page.ping()
    first = page.token
    page.close()
    assert refused(gateway, once) == webpage.REFUSED  # used up
    again = gateway.page(first)
    again.wait(START)
    again.ping()
    again.close()
    assert refused(gateway, first) == webpage.REFUSED  # replayed
    again.open().wait(JOINED)  # and, with the screen it has, no frame
    again.close()
    twice = gateway.invite("--name=twice", "--uses=2")
    for _ in range(2):
        gateway.page(twice).ping()
    assert refused(gateway, twice) == webpage.REFUSED


def test_an_answer_that_was_lost_on_its_way_locks_nobody_out(start, talk):
    gateway = start()
    once = gateway.invite("--name=once")
    for _ in range(3):  # the page never gets to keep the new token
        page = gateway.page(once, acks=False)
        page.wait(START)
        page.close()
    kept = page.token
    for _ in range(3):
        page.token = kept
        page.open().wait(JOINED)
        page.close()
    page.open().ping()
    page.close()
    assert refused(gateway, kept) == refused(gateway, once) == webpage.REFUSED


def test_who_watches_is_cut_when_the_link_expires_or_is_revoked(mirrord, start, talk):
    gateway = start()
    brief, bob = gateway.invite("--name=brief", "--expires=6s"), gateway.invite("--name=bob")
    pages = [gateway.page(token) for token in (brief, bob)]
    for page in pages:
        page.wait(START)
    mirrord.run("web", "revoke", "bob")
    for page, why in zip(pages, ("expired", "revoked")):
        assert page.bye() == webpage.REVOKED and why in page.why
        assert refused(gateway, page.token) == webpage.REFUSED
    assert refused(gateway, brief) == refused(gateway, bob) == webpage.REFUSED
    listed = json.loads(mirrord.run("web", "invites", "--json").stdout)
    assert {one["name"]: one["good"] for one in listed} == {"auditor": True, "brief": False}


def test_a_token_is_nowhere_on_disk(mirrord, start, talk):
    gateway = start()
    page = gateway.page(gateway.invite("--name=bob"))
    page.wait(START)
    path = mirrord.rundir / "mirrord" / ".web"
    assert path.stat().st_mode & 0o777 == 0o600
    kept = path.read_text()
    assert "bob" in kept and page.token not in kept and gateway.token not in kept
    page.close()


def test_a_page_that_is_opened_again_elsewhere_ends_the_one_before(start, talk):
    gateway = start()
    page = gateway.page()
    page.wait(START)
    copy = gateway.page(page.token)
    copy.wait(START)
    assert page.bye() == webpage.REFUSED
    copy.close()


def test_nobody_gets_into_a_locked_session_through_the_gateway(mirrord, start, talk):
    gateway = start()
    bob = gateway.page(gateway.invite("--name=bob"))
    bob.wait(START)
    rig.wait_until(lambda: b"bob" in mirrord.run("who").stdout)
    mirrord.run("lock")
    eve = gateway.page(gateway.invite("--name=eve"))
    assert eve.bye() == webpage.SENT_AWAY
    talk("bob stays")
    bob.wait_text("bob stays")
    bob.close()


def test_nobody_sees_a_screen_at_the_gateway_before_the_host_has_answered(mirrord, start, talk):
    """The answer is held back: the mirror is stopped when the page comes, and goes on later."""
    gateway = start()
    bob = gateway.page(gateway.invite("--name=bob"))
    bob.wait(START)
    rig.wait_until(lambda: b"bob" in mirrord.run("who").stdout)
    mirrord.run("lock")
    token, other = gateway.invite("--name=eve"), gateway.invite("--name=ann")
    mirror = mirrord.mirror_pid(mirrord.sessions()[0])
    os.kill(mirror, signal.SIGSTOP)
    try:
        eve = gateway.page(token)
        eve.wait(NOTICE)
    finally:
        os.kill(mirror, signal.SIGCONT)
    assert eve.bye() == webpage.SENT_AWAY
    assert not eve.frames
    mirrord.run("unlock")
    ann = gateway.page(other)
    ann.wait(START)
    ann.close()
    bob.close()
