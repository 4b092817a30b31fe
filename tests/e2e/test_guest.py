# SPDX-License-Identifier: ISC
"""Guests' keys: `mirrord guest` writes what a real sshd goes by, or changes nothing."""

import base64
import hashlib
import json
import os
import re
import resource
import stat
import struct
import subprocess
import time

import pytest
import rig
from https import Pages
from machine import machine as new_machine
from rig import Terminal, wait_until

BEGIN = b"# BEGIN mirrord guests (written by `mirrord guest`)\n"
END = b"# END mirrord guests\n"
OTHERS = (b"# mine\r\n"
          b"from=\"10.0.0.0/8\" ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF/dtCCnZN/HVqLFdEGKvTZkXx6IiHor"
          b"L0V7wFt3ABMg me\n"
          b"no key at all \0 with a NUL\n\n\t \nno end of line")


def wire_string(data):
    return struct.pack(">I", len(data)) + data


def a_key(comment="made up"):
    """A public key whose private half nobody has."""
    blob = wire_string(b"ssh-ed25519") + wire_string(os.urandom(32))
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} {comment}\n"


def fingerprint(line):
    digest = hashlib.sha256(base64.b64decode(line.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


class Guests:
    """`mirrord guest` with a file of keys of its own."""

    def __init__(self, mirrord, keys, env=None):
        self.mirrord, self.keys, self.env = mirrord, keys, env or {}

    def argv(self, verb, *args):
        return self.mirrord.argv("guest", verb, *args, f"--authorized-keys={self.keys}")

    def __call__(self, verb, *args, check=True, **options):
        return self.mirrord.run(*self.argv(verb, *args)[1:], check=check, env=self.env, **options)

    def add(self, *args, **options):
        return self("add", "--yes", *args, **options)

    def list(self):
        return {guest["name"]: guest for guest in json.loads(self("list", "--json").stdout)}

    def file(self, name, text):
        path = self.mirrord.folder / f"{name}.pub"
        path.write_text(text)
        return path


@pytest.fixture
def guests(mirrord):
    folder = mirrord.folder / "ssh"
    folder.mkdir(mode=0o700)
    return Guests(mirrord, folder / "authorized_keys")


@pytest.fixture
def pages(folder):
    if rig.missing("openssl"):
        pytest.skip("openssl is not installed")
    server = Pages(folder / "pages")
    yield server
    server.close()


def make_key(sshd, name, kind=("ed25519",)):
    """A key pair; returns the private one's path and the public one's text."""
    path = sshd.folder / f"id_{name}"
    subprocess.run(["ssh-keygen", "-q", "-t", *kind, "-N", "", "-C", f"{name}@laptop", "-f", path],
                   check=True, stdin=subprocess.DEVNULL)
    return path, path.with_suffix(".pub").read_text()


def guest_env():
    return {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8"}


def log_in(sshd, identity, *options):
    """ssh without a terminal: the forced command says that it wants one, if the key gets that far."""
    return subprocess.run(sshd.ssh(identity, *options, tty=False), capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=rig.DEADLINE_S)


def is_let_in(run):
    return run.returncode == 64 and b"standard output is not a terminal" in run.stderr


def show(mirrord):
    mirrord.detached("shared", "sh", "-c", "echo the screen; exec sleep 100000")
    mirrord.wait_row("shared", "the screen")


def watch(terminals, sshd, identity, *options):
    guest = terminals(Terminal(sshd.ssh(identity, *options), 24, 80, guest_env()))
    guest.wait_for("the screen")
    return guest


# ---- real sshd ----------------------------------------------------------------------------------


@pytest.mark.core
def test_a_guest_is_added_from_github_and_removed_and_cut(mirrord, sshd, terminals, pages):
    guests = Guests(mirrord, sshd.keys, pages.env())
    sshd.keys.write_bytes(OTHERS)
    identity, public = make_key(sshd, "alice")
    pages.pages["/alice.keys"] = (public + a_key()).encode()
    show(mirrord)
    said = guests.add("--github=alice", "--session=shared").stdout.decode()
    assert fingerprint(public) in said and "may watch session shared." in said
    guest = watch(terminals, sshd, identity)
    who, = json.loads(mirrord.run("who", "--json", "shared").stdout)
    assert (who["name"], who["key"]) == ("alice", fingerprint(public))
    assert list(guests.list()) == ["alice"]

    pages.pages["/alice.keys"] = a_key().encode()  # she has other keys by now, and the network is away
    pages.close()
    said = guests("remove", "alice").stdout.decode()
    assert "removed alice: 2 keys" in said and "sent away 1 who watched" in said
    assert guest.wait_exit() == 77
    assert b"the host has ended your access" in guest.bytes()
    assert not is_let_in(log_in(sshd, identity))
    assert sshd.keys.read_bytes() == OTHERS


@pytest.mark.core
def test_every_kind_of_line_that_is_written_passes_sshd(mirrord, sshd):
    guests = Guests(mirrord, sshd.keys)
    kinds = {"ed": ("ed25519",), "rsa": ("rsa", "-b", "2048"), "p256": ("ecdsa", "-b", "256"),
             "p384": ("ecdsa", "-b", "384"), "p521": ("ecdsa", "-b", "521")}
    terms = {"ed": ["--expires=2h", "--session=me/shared", "--role=pair"], "rsa": ["--expires=9999-01-01"],
             "p256": ["--session=a.b_c@d+e-f"], "p384": ["--expires=4w"], "p521": ["--role=view"]}
    show(mirrord)
    for name, kind in kinds.items():
        identity, _ = make_key(sshd, name, kind)
        assert not is_let_in(log_in(sshd, identity))
        guests.add("--file", identity.with_suffix(".pub"), f"--name={name}", *terms[name])
        assert is_let_in(log_in(sshd, identity)), sshd.log.read_text()
        refused = subprocess.run(
            sshd.ssh(identity, "-o", "ExitOnForwardFailure=yes", "-R", "0:localhost:1", tty=False),
            capture_output=True, stdin=subprocess.DEVNULL, timeout=rig.DEADLINE_S)
        assert b"remote port forwarding failed" in refused.stderr
    for entry in guests.list().values():  # as ssh-keygen has it
        lines = [line for line in sshd.keys.read_text().split("\n") if f"--as={entry['name']} " in line]
        assert len(lines) == 1
        said = subprocess.run(["ssh-keygen", "-lf", "-"], input=lines[0].encode(), capture_output=True)
        bits, print_of = said.stdout.decode().split()[:2]
        assert (int(bits), print_of) == (entry["keys"][0]["bits"], entry["keys"][0]["fingerprint"])


@pytest.mark.core
def test_an_expired_guest_is_gone_at_that_time_and_not_let_in_again(mirrord, sshd, terminals):
    guests = Guests(mirrord, sshd.keys)
    identity, _ = make_key(sshd, "alice")
    show(mirrord)
    ssh = " ".join(sshd.ssh(identity, tty=False)[:-1])

    def watching(seconds):
        guests.add("--file", identity.with_suffix(".pub"), "--name=alice", f"--expires={seconds}s")
        both = (terminals(Terminal(sshd.ssh(identity), 24, 80, guest_env())),
                terminals(mirrord.terminal("watch", f"--ssh={ssh}", f"{rig.account()}@127.0.0.1")))
        wait_until(lambda: all(b"the screen" in one.bytes() or one.process.poll() is not None for one in both))
        return both if all(b"the screen" in one.bytes() for one in both) else None

    both = watching(8) or watching(60)  # for a machine that others use, too
    until = guests.list()["alice"]["until"]
    for terminal in both:
        assert terminal.wait_exit(2 * rig.DEADLINE_S) == 77
        assert b"the time of your access is over" in terminal.bytes()
    assert until <= time.time()
    wait_until(lambda: not is_let_in(log_in(sshd, identity)))  # sshd counts that second in
    assert guests.list()["alice"]["over"] is True


def test_who_may_watch_for_less_than_before_is_sent_to_log_in_again(mirrord, sshd, terminals):
    guests = Guests(mirrord, sshd.keys)
    identity, _ = make_key(sshd, "alice")
    show(mirrord)
    guests.add("--file", identity.with_suffix(".pub"), "--name=alice")
    guest = watch(terminals, sshd, identity)
    guests.add("--file", identity.with_suffix(".pub"), "--name=alice")
    watch(terminals, sshd, identity).type("q")
    assert guest.process.poll() is None
    guests.add("--file", identity.with_suffix(".pub"), "--name=alice", "--expires=1h")
    assert guest.wait_exit() == 77


# sshd looks at the keys when a guest logs in, and lets what is on that connection run again.
def test_a_connection_that_outlives_its_key_cannot_watch_again(mirrord, sshd, terminals):
    guests = Guests(mirrord, sshd.keys)
    identity, _ = make_key(sshd, "alice")
    show(mirrord)
    guests.add("--file", identity.with_suffix(".pub"), "--name=alice")
    control = mirrord.folder / "control"
    master = terminals(Terminal(sshd.ssh(identity, "-M", "-S", control, "-o", "ControlPersist=yes"),
                                24, 80, guest_env()))
    master.wait_for("the screen")
    again = ["-S", control, "-o", "ControlMaster=no"]
    try:
        watch(terminals, sshd, identity, *again)
        guests("remove", "alice")
        guest = terminals(Terminal(sshd.ssh(identity, *again), 24, 80, guest_env()))
        assert guest.wait_exit() == 77
        assert b"your key has been removed" in guest.bytes()
        assert b"the screen" not in guest.bytes()
    finally:
        subprocess.run(["ssh", "-S", control, "-O", "exit", "x"], capture_output=True)


STARTS_S = 5  # in which we have to see a viewer and remove it: each takes a tenth of a second


# Between the look at the keys and the first frame: the mirror knows of the viewer before that look.
@pytest.mark.skipif(bool(rig.missing("strace")), reason="strace is not installed")
@pytest.mark.parametrize("verb", ["view", "frames"])
def test_who_is_removed_while_view_starts_sees_nothing(mirrord, guests, terminals, verb):
    key = a_key()
    guests.add("--file", guests.file("alice", key))
    show(mirrord)
    argv = mirrord.argv("view", "--as=alice", f"--key={fingerprint(key)}", f"--keys={guests.keys}", "shared")
    slow = ["strace", "-qq", "-o", "/dev/null", "-e", f"inject=prctl:delay_enter={STARTS_S}000000:when=1", *argv]
    if verb == "frames":
        far_end = mirrord.folder / "far_end"
        far_end.write_text("#!/bin/sh\nexec " + " ".join([*slow, "--frames"]) + "\n")
        far_end.chmod(0o755)
        slow = mirrord.argv("watch", f"--ssh={far_end}", "x")
    guest = terminals(Terminal(slow, 24, 80, mirrord.env))
    wait_until(lambda: json.loads(mirrord.run("who", "--json", "shared").stdout))
    assert "sent away 1" in guests("remove", "alice").stdout.decode()
    assert guest.wait_exit() == 77
    assert b"the screen" not in guest.bytes() and b"ended your access" in guest.bytes()


def test_who_is_removed_while_the_host_is_asked_is_gone(mirrord, guests, terminals):
    key = a_key()
    guests.add("--file", guests.file("alice", key))
    show(mirrord)
    mirrord.run("lock", "--ask", "shared")
    guest = terminals(mirrord.terminal("view", "--as=alice", f"--key={fingerprint(key)}",
                                       f"--keys={guests.keys}", "shared"))
    guest.wait_for("waiting for the host")
    assert "sent away 1" in guests("remove", "alice").stdout.decode()
    assert guest.wait_exit() == 77 and b"the screen" not in guest.bytes()


def test_a_key_whose_line_is_gone_for_one_guest_is_not_the_others(mirrord, sshd, terminals):
    guests = Guests(mirrord, sshd.keys)
    both = {name: make_key(sshd, name)[0] for name in ("alice", "bob")}
    show(mirrord)
    for name, identity in both.items():
        guests.add("--file", identity.with_suffix(".pub"), f"--name={name}")
    alice, bob = (watch(terminals, sshd, identity) for identity in both.values())
    guests("remove", "bob")
    assert bob.wait_exit() == 77
    assert is_let_in(log_in(sshd, both["alice"]))
    assert alice.process.poll() is None


@pytest.fixture
def machine(folder, build):
    with new_machine(folder, build) as made:
        yield made


@pytest.mark.core
def test_on_a_relay_and_in_an_account_of_ones_own_no_file_has_to_be_named(machine, terminals):
    machine.add_user("alice")
    machine.run("mirrord relay setup --host=alice")
    machine.start_sshd()
    machine.host("alice", "shared", "sh", "-c", "echo the screen; exec sleep 100000")
    publics = {name: machine.keygen(name) for name in ("bob", "carol")}
    said = machine.run("mirrord guest add --yes --file=/root/.ssh/bob.pub --session=alice/shared --expires=1h")
    assert re.search(r"\nbob watches with:   ssh -C guest@relay   until 20\d\d-", said.stdout.decode()), said
    assert "no guests in" in machine.run("mirrord guest list", "alice").stdout.decode()
    machine.run("mirrord guest add --yes --file=- --name=carol", "alice", stdin=publics["carol"].encode())
    bob = terminals(machine.terminal(machine.ssh("bob", tty=True)))
    carol = terminals(machine.terminal(machine.ssh("carol", to="alice@relay", tty=True)))
    for guest in (bob, carol):
        guest.wait_for("the screen")
    who = json.loads(machine.run("mirrord who --json", "alice").stdout)
    assert sorted(viewer["name"] for viewer in who) == ["bob", "carol"]
    assert all(viewer["key"].startswith("SHA256:") for viewer in who)
    machine.run("mirrord doctor")  # finds nothing
    own = machine.root / "home/alice/.ssh"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (own, own / "authorized_keys")] == [0o700, 0o600]

    said = machine.run("mirrord guest remove carol", "alice").stdout.decode()
    assert "sent away 1 who watched" in said and carol.wait_exit() == 77
    assert bob.process.poll() is None
    said = machine.run("mirrord guest remove bob").stdout.decode()  # root, in a session of alice's
    assert "sent away 1 who watched" in said and bob.wait_exit() == 77
    assert (own / "authorized_keys").read_bytes() == b""
    assert machine.read("/var/lib/mirrord/guest/.ssh/authorized_keys") == ""
    for key, to in (("bob", "guest@relay"), ("carol", "alice@relay")):
        run = machine.run(machine.ssh(key, to=to), check=False)
        assert run.returncode == 255 and b"Permission denied" in run.stderr, run


# ---- from where keys come -----------------------------------------------------------------------


def test_keys_are_fetched_from_the_host_that_was_named_and_no_other(mirrord, guests, pages, folder):
    other = Pages(folder / "other")
    other.pages["/alice.keys"] = a_key().encode()
    key = a_key()
    pages.pages.update({
        "/alice.keys": key.encode(),
        "/moved": lambda get: get.answer(302, Location="/alice.keys"),
        "/away": lambda get: get.answer(302, Location=f"{other.url}/alice.keys"),
        "/plain": lambda get: get.answer(302, Location="http://localhost/alice.keys"),
        "/file": lambda get: get.answer(302, Location="file:///etc/passwd"),
        "/loop": lambda get: get.answer(302, Location="/loop"),
        "/broken": lambda get: get.answer(500),
        "/large": lambda get: get.answer(200, a_key().encode() * 4000),
        "/endless": lambda get: [get.answer(200, Content_Length=1 << 40)] +
                                [get.wfile.write(b"#" * 65536) for _ in range(1000)],
    })
    guests.env = pages.env()
    refused = {"/away": "leads to another host", "/plain": "leads to another host",
               "/file": "leads to another host", "/loop": "the server answers 302",
               "/broken": "the server answers 500", "/large": "more than 262144 bytes",
               "/endless": "more than 262144 bytes", "/nobody": "the server answers 404"}
    for path, words in refused.items():
        run = guests.add(f"--url={pages.url}{path}", "--name=x", check=False)
        assert run.returncode != 0 and words in run.stderr.decode(), (path, run)
    run = guests.add("--github=nobody", check=False)
    assert b"there is no nobody on GitHub" in run.stderr
    for url in ("http://localhost/x", "ftp://localhost/x", "file:///etc/passwd", "https://",
                "https://me:secret@localhost/x", "https://localhost/a b"):
        run = guests.add(f"--url={url}", "--name=x", check=False)
        assert run.returncode == 64 and b"no URL that begins with https://" in run.stderr, (url, run)
    guests.env = {**pages.env(), "SSL_CERT_FILE": str(other.authority)}
    run = guests.add("--github=alice", check=False)
    assert run.returncode == 69 and b"certificate" in run.stderr, run
    guests.env = {**pages.env(), "MIRRORD_GITHUB": pages.url.replace("https", "http")}
    assert guests.add("--github=alice", check=False).returncode == 64
    assert not guests.keys.exists()
    guests.env = pages.env()
    guests.add(f"--url={pages.url}/moved", "--name=alice")  # the same with a control: this works
    assert guests.list()["alice"]["keys"][0]["fingerprint"] == fingerprint(key)
    other.close()


def test_refresh_takes_over_what_github_has_now(mirrord, sshd, terminals, pages):
    guests = Guests(mirrord, sshd.keys, pages.env())
    identity, old = make_key(sshd, "old")
    kept, new = a_key(), a_key()
    pages.pages["/alice.keys"] = (old + kept).encode()
    show(mirrord)
    guests.add("--github=alice", "--expires=2h", "--session=shared", "--role=pair")
    guests.add("--file", guests.file("bob", a_key()))
    before = guests.list()
    guest = watch(terminals, sshd, identity)
    assert "alice, from github:alice: the same keys" in guests("refresh", "--yes").stdout.decode()
    pages.pages["/alice.keys"] = (kept + new).encode()
    run = guests("refresh", check=False)  # nobody is there to be asked
    assert run.returncode == 64 and guests.list() == before
    said = guests("refresh", "--yes").stdout.decode()
    assert f"- {fingerprint(old)}" in said and f"+ {fingerprint(new)}" in said
    after = guests.list()
    assert [key["fingerprint"] for key in after["alice"]["keys"]] == [fingerprint(kept), fingerprint(new)]
    for name in ("until", "session", "role", "from"):
        assert after["alice"][name] == before["alice"][name]
    assert after["bob"] == before["bob"]
    assert guest.wait_exit() == 77
    pages.pages["/alice.keys"] = b""
    run = guests("refresh", "--yes", "alice", check=False)
    assert run.returncode == 65 and b"has no keys; nothing changed" in run.stderr, run
    assert guests.list() == after


# ---- what is refused ----------------------------------------------------------------------------

KEY = a_key("alice@laptop")
DSA = wire_string(b"ssh-dss") + wire_string(b"\x01" * 40)
REFUSED = {
    "options in front": (f'command="/bin/sh" {KEY}', "has options in front of the key"),
    "a newline in the key": (KEY[:41] + "\n" + KEY[41:], "cut off"),
    "a newline and a line of one's own": (KEY.rstrip() + '\ncommand="id" ' + KEY, "options in front"),
    "a carriage return": (KEY.rstrip() + "\r" + KEY, "control character"),
    "a NUL": (KEY[:60] + "\0" + KEY[60:], "control character"),
    "another type than it says": (KEY.replace("ssh-ed25519", "ssh-rsa"), "its key is of another type"),
    "an old type": ("ssh-dss " + base64.b64encode(DSA).decode(), "is of DSA"),
    "a comment of 16 KiB": (KEY.rstrip() + "c" * 16384, "has a comment of 16396 bytes"),
    "a private key": ("-----BEGIN OPENSSH PRIVATE KEY-----\n", "is of a private key"),
    "another format": ("---- BEGIN SSH2 PUBLIC KEY ----\n", "is of another format"),
    "nothing": ("\n# nothing\n", "has no keys"),
    "a web page": ("<!doctype html><title>404</title>", "is no public key"),
    "too many": ("".join(a_key() for _ in range(65)), "has more than 64 keys"),
    "too much": ("#" * (1 << 20), "too large for keys"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_key_for_a_guest_is_refused_by_name(guests, name):
    text, words = REFUSED[name]
    guests.keys.write_bytes(OTHERS)
    run = guests.add("--file", guests.file("k", text), "--name=alice", check=False)
    assert run.returncode == 65 and words in run.stderr.decode(), run
    assert run.stderr.count(b"\n") == 1 and guests.keys.read_bytes() == OTHERS


@pytest.mark.parametrize("args, words", [
    (["--github=-alice"], "no name that GitHub has"), (["--github=a/b"], "no name that GitHub has"),
    (["--github=a%2fb"], "no name that GitHub has"), (["--github=.."], "no name that GitHub has"),
    (["--github=a?b"], "no name that GitHub has"), (["--github="], "no name that GitHub has"),
    (["--github=" + "a" * 40], "no name that GitHub has"), (["--github=a\nb"], "no name that GitHub has"),
    (["--github=žluťoučký"], "no name that GitHub has"), (["--github=a b"], "no name that GitHub has"),
    (["--name=a b"], "a guest's name must be"), (["--name=a\"b"], "a guest's name must be"),
    (["--name=$(id)"], "a guest's name must be"), (["--name=-x"], "must not begin with a dash"),
    (["--name=" + "a" * 65], "not be longer than 64"), (["--name="], "must not be empty"),
    (["--session=a b"], "without blanks"), (["--session=a\"b"], "letters, digits"),
    (["--session=a;id"], "letters, digits"), (["--session=../x"], "NAME or USER/NAME"),
    (["--session=a/b/c"], "slash"), (["--session="], "must not be empty"),
    (["--expires=yesterday"], "--expires takes"), (["--expires=2020-01-01"], "--expires takes"),
    (["--expires=0s"], "--expires takes"), (["--expires=2026-02-30"], "--expires takes"),
    (["--role=admin"], "view or pair"), (["--nonsense"], "unknown option"), (["alice"], "comes after --name"),
    (["--github=alice", "--url=https://x/"], "one of --github"), ([], "one of --github"),
])
def test_what_makes_no_sense_is_refused_before_anything_is_done(guests, args, words):
    source = [] if any("--github" in arg for arg in args) or not args else ["--file", guests.file("k", KEY)]
    run = guests.add(*source, *args, check=False)
    assert run.returncode == 64 and words in run.stderr.decode(), run
    assert not guests.keys.exists()


def test_a_key_that_is_there_already_is_refused_with_its_line(guests):
    key = guests.file("k", KEY)
    bare = KEY.split()[1]
    for text, words in {
        f"# x\n{KEY}": "line 2 of", f"\n\n  {KEY}": "line 3 of", f"ssh-ed25519\t{bare}\r\n": "line 1 of",
        f'command="id" {KEY}': "lets the key", f"restrict {KEY}": "lets the key",
        f'restrict,command="id" {KEY}': "with another command",
        f"ssh-ed25519 {bare} {'c' * 20000}\n": "line 1 of",
    }.items():
        guests.keys.write_bytes(text.encode())
        run = guests.add("--file", key, "--name=alice", check=False)
        assert run.returncode == 73 and words in run.stderr.decode(), (text, run)
        assert guests.keys.read_bytes() == text.encode()
    guests.keys.write_bytes(OTHERS)
    guests.add("--file", key, "--name=alice")
    run = guests.add("--file", key, "--name=bob", check=False)
    assert run.returncode == 73 and b"is alice's already" in run.stderr
    run = guests.add("--file", guests.file("other", a_key()), "--name=alice", check=False)
    assert run.returncode == 73 and b"is a guest already" in run.stderr
    assert list(guests.list()) == ["alice"]
    # Below ours it counts as well: sshd goes on to it when ours has expired.
    with open(guests.keys, "a") as file:
        file.write("\n" + KEY)
    run = guests.add("--file", key, "--name=alice", check=False)
    assert b"without restrictions" in run.stderr


@pytest.mark.parametrize("text, words", [
    (BEGIN, "nothing ends it"), (END, "did not begin"), (BEGIN + END + BEGIN + END, "once more")])
def test_a_part_of_ours_that_is_not_whole_is_left_to_a_person(guests, text, words):
    guests.keys.write_bytes(text)
    for run in (guests.add("--file", guests.file("k", KEY), check=False),
                guests("remove", "k", check=False), guests("list", check=False)):
        assert run.returncode == 65 and words in run.stderr.decode() and b"line " in run.stderr, run
    assert guests.keys.read_bytes() == text


def test_a_person_is_asked_and_may_say_no(guests, terminals):
    argv = guests.argv("add", "--file", guests.file("alice", KEY))
    run = guests("add", "--file", guests.file("alice", KEY), check=False)
    assert run.returncode == 64 and b"no terminal to ask on" in run.stderr and not guests.keys.exists()
    for answer, status in (("n\r", 64), ("\r", 64), ("y\r", 0)):
        terminal = terminals(Terminal(argv, 24, 100, guests.mirrord.env))
        terminal.wait_for("[y/N]")
        assert fingerprint(KEY).encode() in terminal.bytes()
        assert not guests.keys.exists()
        terminal.type(answer)
        assert terminal.wait_exit() == status
    assert list(guests.list()) == ["alice"]


# ---- the file -----------------------------------------------------------------------------------


def test_others_lines_stay_byte_for_byte(guests):
    key = guests.file("alice", KEY)
    for others in (OTHERS, b"", b"\n", b"\0", b"\r\n\r\n", b"x" * 70000, os.urandom(4096).replace(b"#", b"")):
        guests.keys.write_bytes(others)
        guests.add("--file", key)
        ours = guests.keys.read_bytes()
        assert ours.startswith(BEGIN) and ours.endswith(END + others) and ours.count(BEGIN) == 1
        guests.add("--file", guests.file("bob", a_key()))
        guests("remove", "alice")
        guests("remove", "bob")
        assert guests.keys.read_bytes() == others
    # and where somebody has put the part elsewhere, and a line into it
    guests.keys.write_bytes(b"a\n" + BEGIN + b"theirs\n" + END + b"b")
    guests.add("--file", key)
    assert re.fullmatch(re.escape(b"a\n" + BEGIN + b"theirs\n") + b"# guest alice .*\nrestrict.*\n" +
                        re.escape(END) + b"b", guests.keys.read_bytes())
    guests("remove", "alice")
    assert guests.keys.read_bytes() == b"a\n" + BEGIN + b"theirs\n" + END + b"b"


def test_owner_and_mode_stay_and_links_are_followed(guests):
    guests.keys.write_bytes(OTHERS)
    guests.keys.chmod(0o640)
    if os.getuid() == 0:
        os.chown(guests.keys, 12345, 54321)
    real = guests.keys.with_name("real")
    guests.keys.rename(real)
    guests.keys.symlink_to("real")
    guests.add("--file", guests.file("alice", KEY))
    now = real.stat()
    assert stat.S_IMODE(now.st_mode) == 0o640 and guests.keys.is_symlink() is True
    assert os.getuid() != 0 or (now.st_uid, now.st_gid) == (12345, 54321)
    assert b"--as=alice" in real.read_bytes()
    assert sorted(path.name for path in real.parent.iterdir()) == ["authorized_keys", "real"]


def test_what_is_no_place_for_keys_is_refused(guests):
    key = guests.file("alice", KEY)
    guests.keys.mkdir()
    assert guests.add("--file", key, check=False).returncode == 66
    guests.keys.rmdir()
    os.mkfifo(guests.keys)
    run = guests.add("--file", key, check=False)
    assert run.returncode == 66 and b"is no file" in run.stderr
    guests.keys.unlink()
    guests.keys.parent.chmod(0o770)
    run = guests.add("--file", key, check=False)
    assert run.returncode == 77 and b"others may write" in run.stderr
    guests.keys.parent.chmod(0o700)
    if os.getuid() == 0:  # a link of one account's to a file of another's
        target = guests.file("target", "of root's\n")
        guests.keys.symlink_to(target)
        os.lchown(guests.keys, 12345, 12345)
        run = guests.add("--file", key, check=False)
        assert run.returncode == 77 and b"of another account" in run.stderr
        assert target.read_text() == "of root's\n"


@pytest.mark.core
def test_many_at_once_are_all_added(guests, soak):
    """Each waits for the disk, and 30 s at most for the others: slow disks have time for so many."""
    guests.keys.write_bytes(OTHERS)
    keys = {f"guest{i}": a_key() for i in range(50 if soak else 20)}
    files = {name: guests.file(name, text) for name, text in keys.items()}
    running = [subprocess.Popen(guests.argv("add", "--yes", "--file", path), env=guests.mirrord.env,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
               for path in files.values()]
    said = [process.communicate(timeout=rig.DEADLINE_S)[0] for process in running]
    assert [process.returncode for process in running] == [0] * len(running), said
    assert {name: guest["keys"][0]["fingerprint"] for name, guest in guests.list().items()} == \
        {name: fingerprint(text) for name, text in keys.items()}
    assert guests.keys.read_bytes().endswith(END + OTHERS)


def system_calls(guests, args):
    """The calls that a command makes, in order: name, and how many of it there have been."""
    trace = guests.mirrord.folder / "trace"
    subprocess.run(["strace", "-qq", "-o", trace, *guests.argv(*args)], env=guests.mirrord.env, check=True,
                   stdin=subprocess.DEVNULL, capture_output=True)
    counts, calls = {}, []
    for line in trace.read_text().splitlines():
        name = line.split("(", 1)[0]
        if not name.isidentifier() or name in ("execve", "exit_group"):
            continue
        counts[name] = counts.get(name, 0) + 1
        calls.append((name, counts[name], line))
    return calls


def inject(guests, args, call, number, fault):
    return subprocess.run(["strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
                           "-e", f"inject={call}:{fault}:when={number}", *guests.argv(*args)],
                          env=guests.mirrord.env, stdin=subprocess.DEVNULL, capture_output=True, timeout=rig.DEADLINE_S)


def chosen(calls, every):
    """All calls from the lock on, and of those before (mostly the loader's) all or a few."""
    first = next(i for i, call in enumerate(calls) if call[0] == "flock")
    return calls if every else calls[:first:len(calls) // 8] + calls[first:]


@pytest.mark.core
@pytest.mark.skipif(bool(rig.missing("strace")), reason="strace is not installed")
@pytest.mark.parametrize("verb", ["add", "remove"])
def test_killed_at_any_system_call_the_file_is_the_old_or_the_new_one(guests, verb, soak, build):
    path = guests.file("alice", KEY)
    args = ["add", "--yes", "--file", path] if verb == "add" else ["remove", "alice"]
    guests.keys.write_bytes(OTHERS)
    guests.add("--file", path)
    states = {"add": OTHERS, "remove": guests.keys.read_bytes()}
    old = states[verb]
    guests.keys.write_bytes(old)
    calls = system_calls(guests, args)

    def when_is_nothing(data):  # the comment says when the guest was added
        return re.sub(rb"added \S+ by", b"added ? by", data)

    new = guests.keys.read_bytes()
    seen = set()
    for name, number, line in chosen(calls, soak or not rig.is_sanitized(build)):
        guests.keys.write_bytes(old)
        run = inject(guests, args, name, number, "signal=KILL")
        now = guests.keys.read_bytes()
        assert when_is_nothing(now) in (when_is_nothing(old), when_is_nothing(new)), (line, now)
        assert run.returncode in (-9, 137, 0), (line, run)
        seen.add(now == old)
    assert seen == {True, False}  # some kills came before the change, some after
    guests.keys.write_bytes(old)
    guests(*args)  # whatever was left behind is in nobody's way
    assert when_is_nothing(guests.keys.read_bytes()) == when_is_nothing(new)
    assert [path.name for path in guests.keys.parent.iterdir()] == ["authorized_keys"]


@pytest.mark.skipif(bool(rig.missing("strace")), reason="strace is not installed")
def test_a_fault_at_any_step_of_the_change_changes_nothing(guests):
    guests.keys.write_bytes(OTHERS)
    args = ["add", "--yes", "--file", guests.file("alice", KEY)]
    calls = system_calls(guests, args)
    guests.keys.write_bytes(OTHERS)
    first = next(i for i, call in enumerate(calls) if call[0] == "flock")
    last = next(i for i, call in enumerate(calls) if call[0].startswith("rename"))
    errors = {"write": "ENOSPC", "fsync": "EIO", "openat": "ENOSPC", "close": "EIO", "fchmod": "EPERM",
              "read": "EIO", "flock": "ENOLCK"}
    tried = 0
    for name, number, line in calls[first:last + 1]:
        error = errors.get("rename" if name.startswith("rename") else name,
                           "EIO" if name.startswith("rename") else None)
        if not error or (name == "close" and "authorized_keys" not in line and not tried):
            continue
        run = inject(guests, args, name, number, f"error={error}")
        if name in ("write", "fsync", "fchmod", "flock") or name.startswith("rename"):
            assert run.returncode != 0 and run.stderr.count(b"\n") == 1, (line, run)
        if run.returncode:
            assert guests.keys.read_bytes() == OTHERS, line
            assert [path.name for path in guests.keys.parent.iterdir()] == ["authorized_keys"], line
        else:  # nothing of it was lost, then
            assert list(guests.list()) == ["alice"], line
            guests.keys.write_bytes(OTHERS)
        tried += 1
    assert tried > 5


@pytest.mark.skipif(bool(rig.missing("strace")), reason="strace is not installed")
def test_what_another_program_adds_meanwhile_is_not_lost(guests):
    guests.keys.write_bytes(OTHERS)
    argv = guests.argv("add", "--yes", "--file", guests.file("alice", KEY))
    adding = subprocess.Popen(["strace", "-qq", "-o", "/dev/null", "-e", "trace=fsync",
                               "-e", "inject=fsync:delay_enter=2000000:when=1", *argv],
                              env=guests.mirrord.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE)
    wait_until(guests.keys.with_name("authorized_keys.mirrord-new").exists)
    with open(guests.keys, "ab") as file:
        file.write(a_key().encode())
    after = guests.keys.read_bytes()
    said = adding.communicate(timeout=rig.DEADLINE_S)[1]
    assert adding.returncode == 75 and b"somebody else has changed" in said, said
    assert guests.keys.read_bytes() == after
    assert [path.name for path in guests.keys.parent.iterdir()] == ["authorized_keys"]


def test_a_full_disk_changes_nothing(guests):
    guests.keys.write_bytes(OTHERS)
    path = guests.file("alice", KEY)

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))

    run = guests.add("--file", path, check=False, preexec_fn=limit)
    assert run.returncode == 74 and b"File too large" in run.stderr, run
    assert guests.keys.read_bytes() == OTHERS
    disk = guests.mirrord.folder / "disk"
    disk.mkdir()
    script = (f"mount -t tmpfs -o size=64k,mode=700 tmpfs {disk} && cp {guests.keys} {disk}/authorized_keys && "
              f"(dd if=/dev/zero of={disk}/full 2>/dev/null; true) && "
              f"(\"$@\" --authorized-keys={disk}/authorized_keys; echo status $?) && "
              f"cmp {guests.keys} {disk}/authorized_keys && ls -A {disk}")
    run = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh",
                          *guests.mirrord.argv("guest", "add", "--yes", "--file", path)],
                         env=guests.mirrord.env, capture_output=True, stdin=subprocess.DEVNULL)
    if b"unshare" in run.stderr or b"mount:" in run.stderr:
        pytest.skip("no mounts without root")
    assert b"status 74\nauthorized_keys\nfull\n" in run.stdout, run
    assert b"No space left" in run.stderr, run
