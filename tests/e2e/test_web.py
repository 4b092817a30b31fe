# SPDX-License-Identifier: ISC
"""`mirrord web`: what those who are let in get. The browser's side is webpage.py."""

import json
import re
import subprocess

import pytest
import rig
import webpage
from gateway import start, talk, word  # noqa: F401  (some are fixtures)
from webpage import JOINED, LEFT, SESSIONS, START, WELCOME, Socket, get

# ---- watching -----------------------------------------------------------------------------------


@pytest.mark.core
def test_whoever_has_the_link_sees_the_screen_and_each_change(start, talk):
    gateway = start()
    talk("first")
    page = gateway.page().wait_text("first")
    assert (page.name, page.session, page.host) == ("auditor", "s", rig.account())
    talk("second")
    page.wait_text("second")
    assert page.frames[-1][1] == page.frames[-2][0]
    page.close()


def test_the_screen_is_there_one_round_trip_after_the_socket_opens(start, talk):
    page = start().page()
    kinds = [page.next()[0] for _ in range(4)]
    assert kinds == [WELCOME, SESSIONS, JOINED, START]
    page.close()


def test_steps_lead_from_what_was_acknowledged_and_go_on_in_one_stream(start, talk):
    page = start().page()
    page.wait(START)
    for line in [word() for _ in range(30)]:
        talk(f"{line}\r\n")
        page.wait_text(line)
    assert [base for _, base, _ in page.frames[1:]] == [seq for seq, _, _ in page.frames[:-1]]
    page.close()


def test_who_comes_back_gets_only_what_changed(start, talk):
    gateway = start()
    talk("\r\n".join(f"a row with some text in it {row}" for row in range(20)))
    page = gateway.page().wait_text("in it 19")
    seq = page.seq
    page.close()
    talk("more")
    page.open().wait_text("more")
    assert page.frames[-1][1] == seq
    assert len(page.frames[-1][2]) < 20
    page.epoch += 1  # as after another gateway was started
    page.open().wait(START)
    assert page.frames[-1][1] == 0
    page.close()


def test_a_hidden_page_costs_nothing_and_is_current_when_it_is_shown(mirrord, start, talk):
    page = start().page()
    page.wait(START)
    page.socket.send(bytes([webpage.VISIBLE, 0]))
    page.socket.send(bytes([webpage.PING, 7]))
    assert page.wait(webpage.PONG)[1][0] == 7
    talk("".join(f"unseen {number}\r\n" for number in range(20)))
    mirrord.wait_row("s", "unseen 19")
    page.socket.send(bytes([webpage.PING, 8]))
    assert page.next()[0] == webpage.PONG
    talk("shown")
    page.socket.send(bytes([webpage.VISIBLE, 1]))
    page.wait_text("shown")
    page.close()


def history(page, first, count):
    """(from, end, oldest, the frame) of rows that scrolled away."""
    page.socket.send(bytes([webpage.HISTORY]) + webpage.varint(first) + webpage.varint(count))
    reader = webpage.Reader(page.wait(webpage.HISTORY_IS)[1])
    numbers = reader.varint(), reader.varint(), reader.varint()
    rest = reader.rest()
    return *numbers, webpage.zlib.decompressobj(-15).decompress(rest) if rest else b""


def test_rows_that_scrolled_away_are_given_by_number(start, talk):
    talk("".join(f"row {number};\r\n" for number in range(300)))
    page = start().page().wait_text("row 299;")
    first, end, oldest, frame = history(page, 100, 3)
    assert (first, end, oldest) == (100, 277, 0)
    assert b"row 100;" in frame and b"102;" in frame and b"103;" not in frame
    assert history(page, 276, 50)[0] == 276
    assert b"row 275;" not in history(page, 276, 50)[3]
    assert history(page, 277, 50)[3] == b""
    page.close()


# ---- several sessions, several people -----------------------------------------------------------


def test_one_page_lists_what_its_link_shows_and_hears_of_changes(mirrord, start):
    for name in ("one", "two"):
        mirrord.detached(name, "sh", "-c", f"echo this is {name}; exec cat")
    gateway = start()

    def sees_both():  # once each has told the gateway who it is
        page = gateway.page()
        page.wait(SESSIONS)
        if [session[0] for session in page.sessions] == ["one", "two"]:
            return page
        return page.close()

    page = rig.wait_until(sees_both)
    assert not page.session  # it has to choose
    page.socket.send(bytes([webpage.JOIN]) + webpage.text("two"))
    page.wait(JOINED)
    page.wait_text("this is two")
    mirrord.run("stop", "two")
    page.wait(LEFT)
    while [session[0] for session in page.sessions] != ["one"]:
        page.wait(SESSIONS)
    mirrord.detached("three", "cat")
    while [session[0] for session in page.sessions] != ["one", "three"]:
        page.wait(SESSIONS)
    page.socket.send(bytes([webpage.JOIN]) + webpage.text("two"))
    page.wait(LEFT)
    page.socket.send(bytes([webpage.JOIN]) + webpage.text("one"))
    page.wait_text("this is one")
    page.close()


def test_a_link_to_one_session_shows_no_other(mirrord, start):
    for name in ("one", "two"):
        mirrord.detached(name, "sh", "-c", f"echo this is {name}; exec cat")
    gateway = start()
    page = gateway.page(gateway.invite("--session=two"))
    page.wait(JOINED)
    assert [session[0] for session in page.sessions] == ["two"] and page.session == "two"
    page.socket.send(bytes([webpage.JOIN]) + webpage.text("one"))
    page.wait(LEFT)
    page.close()


def test_the_host_sees_by_name_who_watches_and_everybody_how_many(mirrord, start, talk):
    gateway = start()
    bob, eve = (gateway.page(gateway.invite(f"--name={name}")) for name in ("bob", "eve \u00e9"))
    for page in (bob, eve):
        page.wait(START)

    def people():
        listed = json.loads(mirrord.run("who", "--json").stdout)
        return sorted((one["name"], one["via"], one["from"]) for one in listed
                      if one["via"] == "web" and one["name"] != "web gateway")

    both = [("bob", "web", "127.0.0.1"), ("eve \u00e9", "web", "127.0.0.1")]
    rig.wait_until(lambda: people() == both, what=people)
    while bob.watching != 2:
        bob.wait(webpage.WATCHING)
    eve.close()
    rig.wait_until(lambda: people() == both[:1], what=people)
    bob.close()


def test_whom_the_host_sends_away_is_gone_and_a_ban_lasts(mirrord, start, talk):
    gateway = start()
    bob, eve = (gateway.page(gateway.invite(f"--name={name}")) for name in ("bob", "eve"))
    for page in (bob, eve):
        page.wait(START)
    rig.wait_until(lambda: b"bob" in mirrord.run("who").stdout)
    mirrord.run("kick", "bob")
    assert bob.bye() == webpage.SENT_AWAY
    bob.open().wait(JOINED)  # not by itself, but when a person loads the page again
    rig.wait_until(lambda: b"bob" in mirrord.run("who").stdout)
    mirrord.run("kick", "--ban", "bob")
    assert bob.bye() == webpage.SENT_AWAY
    assert bob.open().bye() == webpage.SENT_AWAY
    talk("still here")
    eve.wait_text("still here")
    eve.close()


def test_a_crowd_that_comes_at_once_is_told_to_the_session_in_few_messages(mirrord, start, talk):
    gateway = start()
    pages = [gateway.page() for _ in range(100)]
    for page in pages:
        page.wait(START)

    def count():
        return sum(one["via"] == "web" and one["name"] == "auditor"
                   for one in json.loads(mirrord.run("who", "--json").stdout))

    rig.wait_until(lambda: count() == 100, what=count)
    talk("all of you")
    for page in pages:
        page.wait_text("all of you")
        page.close()
    rig.wait_until(lambda: count() == 0, what=count)


# ---- serving -------------------------------------------------------------------------------------


def test_with_a_certificate_all_of_it_is_encrypted(mirrord, start, talk):
    key, cert = mirrord.folder / "key.pem", mirrord.folder / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert,
                    "-days", "1", "-subj", "/CN=localhost"], check=True, capture_output=True)
    gateway = start(f"--cert={cert}", f"--key={key}")
    assert gateway.tls
    talk("secret")
    page = gateway.page().wait_text("secret")
    assert get(gateway.port, tls=True)[0].status == 200
    for _ in range(50):  # what is no TLS, there before the connection is looked at or after it
        with webpage.connect(gateway.port) as sock:
            webpage.request(sock)
            with pytest.raises((ConnectionError, ValueError, IndexError)):
                assert webpage.Answer(sock).status != 200
    assert get(gateway.port, tls=True)[0].status == 200
    assert not Socket(gateway.port, origin=f"http://127.0.0.1:{gateway.port}", tls=True).opened
    context = webpage.trusting()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with context.wrap_socket(webpage.connect(gateway.port)) as sock:
        assert sock.selected_alpn_protocol() == "http/1.1"
    page.close()


def test_arguments_that_make_no_sense_are_refused(mirrord):
    for args in (["--cert=x"], ["--listen=nowhere:x"], ["a", "b"], ["--host=a b"],
                 ["invite", "--uses=0"], ["invite", "--expires=2"], ["invite", "--session=a/b"],
                 ["revoke"], ["invites", "x"]):
        run = mirrord.run("web", *args, check=False)
        assert run.returncode in (64, 69) and run.stderr.startswith(b"mirrord: "), args
    assert mirrord.run("web", "revoke", "nobody", check=False).returncode == 69
    assert mirrord.run("web", "invite", check=False).returncode == 69  # no gateway yet


def test_the_whole_page_weighs_no_more_than_forty_kilobytes(start):
    gateway = start()
    _, body = get(gateway.port)
    seen, todo, weight = set(), ["/"], 0
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        answer, body = get(gateway.port, path)
        assert answer.status == 200, path
        weight += int(answer.headers["content-length"])
        folder = path.rsplit("/", 1)[0]
        todo += [name.decode() for name in re.findall(rb'(?:src|href)="(/[^"#]+)"', body)]
        todo += [f"{folder}/{name.decode()}" for name in
                 re.findall(rb'from\s*"\./([^"]+)"', body)]
    assert len(seen) >= 3
    assert weight <= 40 * 1024, weight
