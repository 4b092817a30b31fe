# SPDX-License-Identifier: ISC
"""The README's relay, followed literally: its lines are taken out of the file and typed, on a machine of the
test's own that is the relay, Alice's machine and Bob's, each by an account."""

import contextlib
import re

import pytest
import rig
from machine import machine as new_machine
from rig import PROJECT, Terminal

WHO = {"on the relay, as root": None, "on the relay, as alice": "alice",
       "on Alice's machine": "laptop", "on Bob's machine": "bob"}
# What programs ask a new user, and the answer.
ASKED = ((b"(yes/no/[fingerprint])? ", b"yes\r"), (b"[y/N] ", b"y\r"))

# A github.com of the machine's own, which it trusts: gives out /bob.keys.
GITHUB = """
import http.server, ssl, sys
keys = open('/home/bob/.ssh/id_ed25519.pub', 'rb').read()
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = keys if self.path == '/bob.keys' else b''
        self.send_response(200 if body else 404)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
server = http.server.ThreadingHTTPServer(('127.0.0.1', 443), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain('/root/github.pem', '/root/github.key')
server.socket = context.wrap_socket(server.socket, server_side=True)
print('ready', flush=True)
server.serve_forever()
"""


def blocks(section):
    """The blocks of a section: who types them, and the lines."""
    text = (PROJECT / "README.md").read_text()
    body = text[text.index(section) + len(section):]
    body = re.split(r"^##+ ", body, flags=re.M)[0]
    found = []
    for block in re.findall(r"(?:^    .*\n)+", body, flags=re.M):
        first, *lines = [line[4:] for line in block.splitlines()]
        found.append((WHO[first.removeprefix("# ")], [line.split("  #")[0].strip() for line in lines]))
    return found


@pytest.fixture
def relay(folder, build):
    if rig.missing("openssl"):
        pytest.skip("needs openssl")
    with new_machine(folder, build) as machine:
        for name in ("alice", "laptop", "bob"):
            machine.add_user(name)
        for name in ("laptop", "bob"):
            machine.keygen("id_ed25519", name)
        machine.run("mkdir -m 700 .ssh", "alice")  # who can log in to her account from her machine
        machine.write("/home/alice/.ssh/authorized_keys", machine.read("/home/laptop/.ssh/id_ed25519.pub"))
        machine.run("chown alice:alice /home/alice/.ssh/authorized_keys")
        machine.run("echo 127.0.0.1 github.com >>/etc/hosts")
        machine.run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
                    "-keyout github.key -out github.pem -subj /CN=github.com "
                    "-addext subjectAltName=DNS:github.com && mkdir -p /etc/ssl/certs && "
                    "cat github.pem >>/etc/ssl/certs/ca-certificates.crt")
        machine.start_sshd()
        yield machine


def follow(relay, section, terminals, guests="guest"):
    """Types a section's lines. Returns each terminal that is left open, by its line."""
    github = terminals(relay.terminal(["/usr/bin/python3", "-c", GITHUB]))
    github.wait_for("ready")
    left = {}
    for user, lines in blocks(section):
        for line in lines:
            terminal = terminals(Terminal(relay.argv(line, user), 24, 80, answers=ASKED))
            if "--publish" in line:
                terminal.wait_for("published at")
                terminal.wait_for(f"guests of that relay watch with   ssh -C {guests}@relay\r\n")
                terminal.type("echo as the README says: $((6*7))\r")
                left[line] = terminal
            elif user == "bob":
                terminal.wait_for("as the README says: 42")
                left[line] = terminal
            else:
                assert terminal.wait_exit() == 0, (line, terminal.bytes())
                left[line] = terminal
    return left


@pytest.fixture
def ended(relay):
    """Ends what was hosted, for the processes in the background."""
    yield
    with contextlib.suppress(AssertionError):
        relay.run("mirrord stop", "laptop")


@pytest.mark.core
def test_a_relay_with_root(relay, terminals, ended):
    left = follow(relay, "### With root: an account for guests", terminals)
    assert b"bob" in left["mirrord guest list"].bytes()
    assert relay.run("mirrord invite", "laptop").stdout.startswith(b"ssh -C guest@relay\n")
    publishing = next(terminal for line, terminal in left.items() if "--publish" in line)
    assert b"    the last of their keys ends 20" in publishing.bytes()
    assert b"no hole in" in left["mirrord doctor"].bytes()
    for line in ("ssh -C guest@relay", "mirrord watch guest@relay"):  # bob was removed
        assert left[line].wait_exit() != 255, line


@pytest.mark.core
def test_a_relay_without_root(relay, terminals, ended):
    left = follow(relay, "### Without root: in Alice's own account", terminals, guests="alice")
    assert relay.run("mirrord invite", "laptop").stdout.startswith(b"ssh -C alice@relay\n")
    left["ssh -C alice@relay"].wait_exit()
    own = relay.read("/home/alice/.ssh/authorized_keys")
    assert own == relay.read("/home/laptop/.ssh/id_ed25519.pub")
