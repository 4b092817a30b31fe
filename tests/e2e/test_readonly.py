# SPDX-License-Identifier: ISC
"""Read-only is structural: whatever a viewer sends, nothing reaches the session's terminal."""

import contextlib
import json
import os
import random
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest
import rig
import wire
from rig import Terminal, wait_until

HERE = Path(__file__).resolve().parent
FORCED = 'restrict,pty,command="mirrord view --as alice shared"'

# What terminals and people send, and what might be taken for it. Neither q nor ^C: those leave.
SEQUENCES = [
    b"\x1b[A\x1b[B\x1b[C\x1b[D\x1bOA\x1bOP\x1b[1;5A\x1b[15~\x1b[3~",  # keys
    b"\x1b[200~rm -rf /tmp/nothing\r\n\x1b[201~",  # a paste
    b"\x1b[200~never ended",
    b"\x1b[201~",
    b"\x1b[<0;5;5M\x1b[<0;5;5m\x1b[M !!\x1b[<64;1;1M",  # mouse
    b"\x1b[I\x1b[O",  # focus
    b"\x1b[0n\x1b[12;40R\x1b[?62;c\x1b[>1;10;0c\x1b[?2026;2$y",  # answers of terminals
    b"\x1bP1+r544e=787465726d\x1b\\\x1bP1$r0m\x1b\\\x1b]11;rgb:0000/0000/0000\x07",
    b"\x1b[97;5u\x1b[27;5;97~\x1b[99;1:3u",  # keyboard protocols
    b"\x1b[8;50;132t\x1b[4;600;800t\x1b[18t",  # sizes
    b"\x1b_Ga=t\x1b\\\x1b^hidden\x1b\\\x1bX sos \x1b\\",
    b"\x9b8;50;132t\x9dxyz\x9c\x90w\x9c\r\n",
    bytes(range(0x80, 0x100)),
    "žluťoučký 漢字 🎉\r\n".encode(),
    b"id\r\nexit\r\n:wZ\r\n\x04\x1a\x1c\x11\x13",
]


def start_recorder(mirrord, terminals, rows=24, cols=80):
    """A hosted session whose command writes down what is typed. Returns host, its entry, the files."""
    typed, sizes = mirrord.folder / "typed", mirrord.folder / "sizes"
    host = terminals(mirrord.terminal(
        "-n", "shared", "--", "/usr/bin/python3", HERE / "recorder.py", typed, sizes,
        rows=rows, cols=cols))
    host.wait_for("recorder ready")
    return host, mirrord.info("shared"), typed, sizes


def expect_untouched(host, typed, sizes):
    """Only now the host types: if a viewer's byte had come before, it would stand before this."""
    host.type("the host's own typing")
    wait_until(lambda: typed.read_bytes().endswith(b"own typing"), what=lambda: typed.read_bytes())
    assert typed.read_bytes() == b"the host's own typing"
    assert sizes.read_text() == "80x24\n"


def guest_terminal(sshd, terminals, identity, *options, rows=30, cols=100, **kwargs):
    env = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8"}
    return terminals(Terminal(sshd.ssh(identity, "-e", "none", *options, **kwargs), rows, cols, env))


@pytest.mark.core
def test_nothing_a_guest_sends_through_ssh_reaches_the_session(mirrord, sshd, terminals):
    host, _, typed, sizes = start_recorder(mirrord, terminals)
    identity = sshd.guest("alice", FORCED)
    guest = guest_terminal(sshd, terminals, identity)
    guest.wait_for("recorder ready")
    for data in SEQUENCES:
        guest.type(data)
    guest.type(bytes(byte for byte in range(256) if byte not in b"q\x03"))
    for rows, cols in ((10, 20), (50, 200), (1, 1), (24, 80)):
        guest.resize(rows, cols)
    guest.settled()
    assert guest.process.poll() is None, "the guest was thrown out"
    for leave in (b"q", b"\x03"):
        leaving = guest_terminal(sshd, terminals, identity)
        leaving.wait_for("recorder ready")
        leaving.type(leave)
        assert leaving.wait_exit() == 0
    expect_untouched(host, typed, sizes)


@pytest.mark.core
def test_nothing_a_guest_sends_to_the_far_end_of_watch_reaches_the_session(mirrord, sshd, terminals):
    host, entry, typed, sizes = start_recorder(mirrord, terminals)
    identity = sshd.guest("alice", FORCED)
    lines = [b"".join(SEQUENCES), bytes(range(256)) * 4, random_messages(3)]
    link_hello = wire.message(1, wire.MAGIC + b"\1" + wire.varint(50) + wire.varint(132) +
                              wire.text("") + b"\0\0")
    for line in lines:
        for start in (b"", wire.hello(wire.ROLE_VIEW, 50, 132, "eve"), link_hello):
            run = subprocess.run(
                sshd.ssh(identity, tty=False, command=["mirrord", "view", "--frames"]),
                input=start + line, capture_output=True, timeout=rig.DEADLINE_S,
                env={"PATH": os.environ["PATH"]})
            assert run.returncode != 255, run.stderr
    wait_until(lambda: mirrord.mirror_pid(entry))
    expect_untouched(host, typed, sizes)


def random_messages(seed):
    chance = random.Random(seed)
    return b"".join(wire.message(kind, chance.randbytes(chance.choice((0, 1, 5, 40))))
                    for kind in range(256) for _ in range(2))


@pytest.mark.core
def test_nothing_sent_straight_into_the_view_socket_reaches_the_session(mirrord, terminals):
    host, entry, typed, sizes = start_recorder(mirrord, terminals)
    path = wait_view_socket(mirrord)
    lines = [b"".join(SEQUENCES), bytes(range(256)) * 4, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
             random_messages(1)]
    lines += [wire.message(kind, b"id\r\n") for kind in range(256)]
    for role in (wire.ROLE_VIEW, wire.ROLE_QUERY, 2):
        for line in lines:
            for start in (b"", wire.hello(role, 50, 132, "eve")):
                peer = wire.Peer.connect(path)
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    peer.send(start + line)
                peer.close()
    # It still serves others, and the session is as it was.
    wait_until(lambda: mirrord.mirror_pid(entry))
    mirrord.wait_row("shared", "recorder ready")
    expect_untouched(host, typed, sizes)


def wait_view_socket(mirrord, name="shared"):
    return wait_until(lambda: next(iter(mirrord.rundir.rglob(f"{name}.view")), None))


def test_the_sockets_are_closed_to_other_users(mirrord):
    if os.getuid() != 0:
        pytest.skip("needs root, to be another user")
    mirrord.detached("shared", "sleep", "1000")
    for path in mirrord.rundir.rglob("shared.*"):
        assert path.stat().st_mode & 0o077 == 0, path
    # Even where the folders would let another user through.
    for path in (mirrord.folder, mirrord.rundir, mirrord.rundir / "mirrord"):
        path.chmod(0o755)
    code = ("import socket, sys\nfor path in sys.argv[1:]:\n  try:\n"
            "    socket.socket(socket.AF_UNIX).connect(path); print('open', path)\n"
            "  except PermissionError: print('closed')\n")
    sockets = sorted(str(path) for path in mirrord.rundir.rglob("shared.*"))
    run = subprocess.run(["/usr/bin/python3", "-c", code, *sockets], user=65534, group=65534,
                         extra_groups=[], capture_output=True, text=True, check=True)
    assert run.stdout == "closed\n" * len(sockets) and len(sockets) == 2


def parse_writes(trace, pty_fds):
    """What strace saw being written to any of these fds, as bytes."""
    data = bytearray()
    for line in trace.read_text().splitlines():
        call = re.search(r'(?:write|sendto)\((\d+)(?:<[^>]*>)?, "((?:[^"\\]|\\.)*)"', line)
        if call and int(call[1]) in pty_fds:
            data += call[2].encode().decode("unicode_escape").encode("latin-1")
    return bytes(data)


def test_the_keeper_writes_nothing_but_the_hosts_typing_to_the_pty(mirrord, sshd, terminals):
    host, entry, typed, sizes = start_recorder(mirrord, terminals)
    keeper = entry["keeper"]
    trace = mirrord.folder / "trace"
    strace = subprocess.Popen(
        ["strace", "-f", "-xx", "-s", "65536", "-e", "trace=write,writev,pwrite64,sendto,sendmsg,"
         "splice,sendfile,ioctl", "-o", str(trace), "-p", str(keeper)],
        stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        attached = strace.stderr.readline()
        if b"attached" not in attached:
            pytest.skip(f"strace cannot attach here: {attached.decode().strip()}")
        pty_fds = {fd for fd, path in rig.open_fds(keeper).items() if path.endswith("/ptmx")}
        assert pty_fds, rig.open_fds(keeper)
        guest = guest_terminal(sshd, terminals, sshd.guest("alice", FORCED))
        guest.wait_for("recorder ready")
        for data in SEQUENCES:
            guest.type(data)
        for role in (wire.ROLE_VIEW, wire.ROLE_QUERY):
            peer = wire.Peer.connect(wait_view_socket(mirrord))
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                peer.send(wire.hello(role, 50, 132, "eve") + random_messages(2))
            peer.close()
        guest.resize(60, 160)
        guest.settled()
        expect_untouched(host, typed, sizes)
    finally:
        strace.send_signal(signal.SIGINT)
        strace.wait(rig.DEADLINE_S)
    lines = trace.read_text()
    assert parse_writes(trace, pty_fds) == b"the host's own typing"
    # No other way of writing, and no change of size or of modes.
    for fd in pty_fds:
        assert not re.search(rf"(writev|pwrite64|sendmsg|splice|sendfile)\({fd}\b", lines)
        assert not re.search(rf"ioctl\({fd}\b[^,]*, (TIOCSWINSZ|TCSETS\w*|TIOCSTI)", lines)


# ---- what a guest's key is good for -------------------------------------------------------------


@pytest.fixture
def watched(mirrord, sshd):
    mirrord.detached("shared", "sh", "-c", "echo the screen; exec sleep 1000")
    mirrord.wait_row("shared", "the screen")
    return sshd


def run_ssh(argv, deadline_s=rig.DEADLINE_S):
    env = {"PATH": os.environ["PATH"], "TERM": "xterm", "LANG": "C.UTF-8"}
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=deadline_s,
                          env=env)


class Echo:
    """A TCP service that says 'reached' to whoever comes."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(16)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self.listener.accept()
                peer.sendall(b"reached")
                peer.close()

    def close(self):
        self.listener.close()


def through(port, request=b"", answer_len=0):
    """What comes when one connects to a local forward; b'' if nothing does."""
    end = time.monotonic() + rig.DEADLINE_S
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), rig.DEADLINE_S) as peer:
                if request:
                    peer.sendall(request[:3])
                    peer.recv(2)
                    peer.sendall(request[3:])
                    peer.recv(10)
                return peer.recv(100)
        except ConnectionRefusedError:  # ssh has not opened it yet
            if time.monotonic() > end:
                return b""
            time.sleep(0.05)
        except (ConnectionResetError, socket.timeout):
            return b""


def socks_request(port):
    return b"\x05\x01\x00" + b"\x05\x01\x00\x01\x7f\x00\x00\x01" + port.to_bytes(2, "big")


@contextlib.contextmanager
def running(argv):
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("restricted", [True, False], ids=["guest", "control"])
def test_forwarding_to_the_relays_network_is_refused(watched, restricted):
    identity = watched.guest("alice", FORCED if restricted else 'command="sleep 100"')
    target = Echo()
    expected = b"" if restricted else b"reached"
    local, dynamic = rig.free_port(), rig.free_port()
    with running(watched.ssh(identity, "-N", "-L", f"{local}:127.0.0.1:{target.port}",
                             tty=False)):
        assert through(local) == expected
    with running(watched.ssh(identity, "-N", "-D", str(dynamic), tty=False)):
        assert through(dynamic, socks_request(target.port)) == expected
    target.close()


@pytest.mark.parametrize("restricted", [True, False], ids=["guest", "control"])
def test_forwarding_from_the_relay_is_refused(watched, restricted):
    identity = watched.guest("alice", FORCED if restricted else 'command="sleep 100"')
    argv = watched.ssh(identity, "-N", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1",
                       tty=False)
    if restricted:
        run = run_ssh(argv)
        assert run.returncode == 255 and b"forwarding failed" in run.stderr, run.stderr
        return
    with running(argv) as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)


@pytest.mark.parametrize("restricted", [True, False], ids=["guest", "control"])
def test_agent_and_display_are_not_forwarded(mirrord, watched, terminals, restricted):
    seen = mirrord.folder / "environment"
    line = FORCED if restricted else f'command="env > {seen}; exec mirrord view --as alice shared"'
    identity = watched.guest("alice", line)
    agent = mirrord.folder / "agent"
    keyring = subprocess.Popen(["ssh-agent", "-D", "-a", str(agent)], stdout=subprocess.DEVNULL)
    try:
        wait_until(agent.exists)
        env = {"PATH": os.environ["PATH"], "TERM": "xterm", "LANG": "C.UTF-8",
               "SSH_AUTH_SOCK": str(agent), "DISPLAY": "127.0.0.1:99"}
        argv = watched.ssh(identity, "-A", "-X", agent=True)
        guest = terminals(Terminal(argv, 24, 80, env))
        guest.wait_for("the screen")
        viewer = json.loads(mirrord.run("who", "--json", "shared").stdout)
        pids = [entry["pid"] for entry in viewer_list(viewer)]
        assert len(pids) == 1
        environ = Path(f"/proc/{pids[0]}/environ").read_bytes()
        assert (b"SSH_AUTH_SOCK" in environ) == (not restricted)
        assert not (restricted and b"DISPLAY=" in environ)
    finally:
        keyring.terminate()
        keyring.wait()


def viewer_list(who):
    return who["viewers"] if isinstance(who, dict) else who


def test_sftp_and_other_commands_are_refused(mirrord, watched, terminals):
    identity = watched.guest("alice", FORCED)
    mark = mirrord.folder / "mark"
    for command in (f"touch {mark}", f"sh -c 'touch {mark}'", f"mirrord stop shared; touch {mark}",
                    "internal-sftp"):
        run = run_ssh(watched.ssh(identity, tty=False, command=[command]))
        assert run.returncode != 0
        assert run.stderr.count(b"\n") <= 1 and run.stdout == b"", (run.stdout, run.stderr)
    run = run_ssh(watched.ssh(identity, "-s", tty=False, command=["sftp"]))
    assert run.returncode != 0 and run.stdout == b""
    guest = guest_terminal(watched, terminals, identity, command=[f"touch {mark}"])
    guest.wait_for("the screen")  # whatever was asked for, this is what there is
    assert not mark.exists()
    assert mirrord.rows("shared")[0] == "the screen"
