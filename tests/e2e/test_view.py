# SPDX-License-Identifier: ISC
"""`mirrord view`, `who` and `dump` on real terminals, with sessions of their own."""

import contextlib
import json
import os
import pwd
import signal
import socket
import subprocess
import threading
import time

import pytest
import rig
import wire

LEFT = b"\x1b[?1049l"  # the last thing that leaving does to the picture


def cat(mirrord, name="s", **options):
    """A session that shows what it is told to: a function that prints, and its entry in the list."""
    fifo = mirrord.folder / f"{name}.fifo"
    os.mkfifo(fifo)
    entry = mirrord.detached(name, "sh", "-c", f"exec cat <>{fifo}", **options)
    writer = os.open(fifo, os.O_RDWR)
    return (lambda data: os.write(writer, data.encode())), entry


def view(mirrord, terminals, *args, wait_for="", **options):
    terminal = terminals(mirrord.terminal("view", *args, **options))
    if wait_for:
        terminal.wait_for(wait_for)
    return terminal


def assert_restored(terminal):
    assert terminal.modes() == terminal.modes_before
    assert LEFT in terminal.bytes()
    assert b"\x1b[?25h" in terminal.bytes().rsplit(b"\x1b[?1049h", 1)[-1]  # cursor shown again


def rows_of(mirrord, guest):
    """What a guest's terminal shows, its bytes read by `mirrord render`."""
    run = render(mirrord, guest.bytes(), f"--size={guest.cols}x{guest.rows}")
    return run.stdout.decode().split("\n")[:-1]


# ---- watching and leaving -----------------------------------------------------------------------


@pytest.mark.core
def test_a_guest_sees_the_screen_and_leaves_with_q(mirrord, terminals):
    say, _ = cat(mirrord)
    say("hello world\n")
    guest = view(mirrord, terminals, "s", wait_for="hello world")
    say("and more\n")
    guest.wait_for("and more")
    guest.type("q")
    assert guest.wait_exit() == 0
    assert_restored(guest)
    assert mirrord.info("s")


def test_ctrl_c_leaves(mirrord, terminals):
    say, _ = cat(mirrord)
    say("hello\n")
    guest = view(mirrord, terminals, "s", wait_for="hello")
    guest.type("\x03")
    assert guest.wait_exit() == 0
    assert_restored(guest)


@pytest.mark.core
def test_whatever_else_a_guest_types_does_nothing(mirrord, terminals):
    mirrord.detached("s", "sh", "-c", "echo ready; exec cat")
    mirrord.wait_row("s", "ready")
    before = mirrord.dump("s")
    guest = view(mirrord, terminals, "s", wait_for="ready")
    guest.type(bytes(byte for byte in range(256) if byte not in b"q\x03"))
    guest.type(b"\x1b[200~pasted\r\x1b[201~ \x1b[<0;3;3M \x1b]52;c;aGk=\x07 \x1bP1+r\x1b\\ \x1b[5n")
    guest.type(b"x" * 60000)
    guest.type("\x03")
    assert guest.wait_exit() == 0
    assert mirrord.dump("s") == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT])
def test_a_signal_restores_the_terminal(mirrord, terminals, number):
    say, _ = cat(mirrord)
    say("hello\n")
    guest = view(mirrord, terminals, "s", wait_for="hello")
    os.kill(guest.pid, number)
    assert guest.wait_exit() == 128 + number
    assert_restored(guest)


def test_a_guest_who_is_not_answered_can_leave(mirrord, terminals):
    _, entry = cat(mirrord)
    pid = rig.wait_until(lambda: mirrord.mirror_pid(entry))
    os.kill(pid, signal.SIGSTOP)
    guest = view(mirrord, terminals, "s")
    rig.wait_until(lambda: rig.process_state(guest.pid) == "S")
    guest.type("\x03")
    assert guest.wait_exit() == -signal.SIGINT
    assert guest.modes() == guest.modes_before


def test_a_crash_restores_the_terminal(mirrord, terminals):
    say, _ = cat(mirrord)
    say("hello\n")
    guest = view(mirrord, terminals, "s", wait_for="hello")
    os.kill(guest.pid, signal.SIGABRT)
    assert guest.wait_exit() == -signal.SIGABRT
    assert_restored(guest)


def test_a_signal_restores_a_terminal_that_is_stuck(mirrord, terminals):
    say, _ = cat(mirrord)
    say("hello\n")
    guest = view(mirrord, terminals, "s", wait_for="hello")
    guest.reading.clear()
    for number in range(40):
        say("".join(f"{number}-{row * number}\n" for row in range(200)))
        time.sleep(0.01)
    os.kill(guest.pid, signal.SIGTERM)
    rig.wait_until(lambda: guest.process.poll() is not None)
    assert guest.process.returncode == 128 + signal.SIGTERM
    assert guest.modes() == guest.modes_before


def test_a_guest_whose_terminal_goes_is_gone(mirrord, terminals):
    say, entry = cat(mirrord)
    say("hello\n")
    guest = view(mirrord, terminals, "s", wait_for="hello")
    guest.hang_up()
    rig.wait_until(lambda: guest.process.poll() is not None)
    rig.wait_until(lambda: json.loads(mirrord.run("who", "--json", "s").stdout) == [])


@pytest.mark.core
def test_the_end_of_the_session_ends_the_view(mirrord, terminals):
    say, _ = cat(mirrord)
    say("hello\n")
    guest = view(mirrord, terminals, "s", wait_for="hello")
    mirrord.run("stop", "s")
    assert guest.wait_exit() == 0
    assert_restored(guest)
    assert b"the session has ended" in guest.bytes().rsplit(LEFT, 1)[1]


# ---- sizes --------------------------------------------------------------------------------------


def test_a_guests_size_never_reaches_the_host(mirrord, terminals):
    fifo = mirrord.folder / "go"
    os.mkfifo(fifo)
    mirrord.detached("s", "sh", "-c", f"stty size; read x <{fifo}; stty size; exec cat",
                     rows=30, cols=100)
    guest = view(mirrord, terminals, "s", rows=10, cols=40, wait_for="30 100")
    guest.resize(50, 200)
    guest.resize(12, 33)
    fifo.write_text("\n")
    rig.wait_until(lambda: mirrord.rows("s")[:2] == ["30 100", "30 100"])


@pytest.mark.core
def test_a_smaller_terminal_shows_a_window_that_can_be_moved(mirrord, terminals):
    say, _ = cat(mirrord, rows=40, cols=120)
    say("".join(f"\x1b[{row};1Hrow-{row}-\x1b[{row};100Hend-{row}-" for row in range(1, 41)))
    say("\x1b[40;1H")
    guest = view(mirrord, terminals, "s", rows=10, cols=60, wait_for="row-40-")
    guest.wait_for("120x40 seen through 60x10")
    shows = lambda: rows_of(mirrord, guest)
    rig.wait_until(lambda: [row.split("-")[1:2] for row in shows()] == [[str(row)] for row in range(31, 41)],
                   what=shows)
    guest.type("\x1b[A" * 40)
    rig.wait_until(lambda: shows()[0].startswith("row-1-"), what=shows)
    guest.type("\x1b[C" * 120)
    rig.wait_until(lambda: shows()[0].endswith("end-1-"), what=shows)
    guest.type("0")
    rig.wait_until(lambda: shows()[9].startswith("row-40-"), what=shows)


def test_a_storm_of_resizes_ends_in_the_right_picture(mirrord, folder, terminals):
    if rig.missing("tmux"):
        pytest.skip("no tmux to look with")
    say, _ = cat(mirrord)
    say("".join(f"line {row}\n" for row in range(10)) + "typed so far")
    guest = terminals(rig.Tmux(folder, mirrord.argv("view", "s"), 24, 80, mirrord.env))
    rig.wait_until(lambda: guest.text()[10] == "typed so far")
    for size in range(60):
        guest.resize(10 + size % 30, 40 + size * 7 % 90)
        if size % 10 == 0:
            say(".")
    guest.resize(24, 80)
    rig.wait_until(lambda: guest.text() == mirrord.rows("s"), what=guest.text)


def test_a_stopped_guest_goes_on_with_the_newest_screen(mirrord, terminals):
    say, _ = cat(mirrord)
    say("before\n")
    guest = view(mirrord, terminals, "s", wait_for="before")
    os.kill(guest.pid, signal.SIGSTOP)
    rig.wait_until(lambda: rig.process_state(guest.pid) == "T")
    for number in range(300):
        say("".join(f"{number * 100 + row}\n" for row in range(100)))
    mirrord.wait_row("s", "29999")  # the host was not held up
    guest.resize(30, 90)
    guest.resize(24, 80)
    seen = len(guest.bytes())
    os.kill(guest.pid, signal.SIGCONT)
    rig.wait_until(lambda: render(mirrord, guest.bytes()[seen:]).stdout.decode() == mirrord.dump("s"))
    assert len(guest.settled()[seen:]) < 4000  # of 300 screens, one


def test_after_a_stop_all_is_painted_anew(mirrord, terminals):
    say, _ = cat(mirrord)
    say("all of it\n")
    guest = view(mirrord, terminals, "s", wait_for="all of it")
    seen = len(guest.settled())
    os.kill(guest.pid, signal.SIGSTOP)
    rig.wait_until(lambda: rig.process_state(guest.pid) == "T")
    os.kill(guest.pid, signal.SIGCONT)
    guest.wait_for("all of it", start=seen)
    assert b"\x1b[?1049h" in guest.bytes()[seen:]


# ---- which session ------------------------------------------------------------------------------


def test_without_a_session_it_says_so(mirrord, terminals):
    guest = view(mirrord, terminals)
    assert guest.wait_exit() == 69
    assert guest.bytes() == b"mirrord: there is no session\r\n"
    guest = view(mirrord, terminals, "nope")
    assert guest.wait_exit() == 69
    assert guest.bytes() == b'mirrord: there is no session called "nope"\r\n'
    assert guest.modes() == guest.modes_before


def test_it_waits_for_a_session_if_told_to(mirrord, terminals):
    guest = view(mirrord, terminals, "--wait", "s", wait_for="waiting for it")
    rig.wait_asleep([guest.pid], 1, most=9)
    say, _ = cat(mirrord)
    say("here at last\n")
    guest.wait_for("here at last")


@pytest.mark.parametrize("leave, status", [(b"q", 0), (b"\x03", 0), (signal.SIGTERM, -15)])
def test_waiting_ends_as_watching_does(mirrord, terminals, leave, status):
    guest = view(mirrord, terminals, "--wait", "s", wait_for="waiting for it")
    rig.wait_until(lambda: guest.modes() != guest.modes_before)
    if isinstance(leave, bytes):
        guest.type(leave)
    else:
        os.kill(guest.pid, leave)
    assert guest.wait_exit() == status
    assert guest.modes() == guest.modes_before


def test_without_a_terminal_it_says_what_to_use(mirrord):
    cat(mirrord)
    for env in ({}, {"SSH_CONNECTION": "::1 1 ::1 2"}):
        run = mirrord.run("view", "s", check=False, env=env)
        assert run.returncode == 64
        assert run.stdout == b""
        assert run.stderr.count(b"\n") == 1
        assert b"not a terminal" in run.stderr and (b"ssh -t" in run.stderr) == bool(env)


def test_a_session_does_not_watch_itself(mirrord):
    mirrord.detached("s", "sh", "-c", f"{mirrord.binary} view s; echo status $?; exec cat")
    mirrord.wait_row("s", "status 64")
    assert "from outside" in mirrord.dump("s")


@pytest.mark.parametrize("args", [["--as", "a" * 65], ["--as", "a\x1b[2J"], ["a", "b"], ["--nope"]])
def test_wrong_arguments_are_refused(mirrord, terminals, args):
    guest = view(mirrord, terminals, *args)
    assert guest.wait_exit() == 64
    assert b"\x1b[2J" not in guest.bytes()


# ---- the mirror dies ----------------------------------------------------------------------------


@pytest.mark.core
def test_viewers_stay_when_the_mirror_is_killed(mirrord, terminals, soak):
    say, entry = cat(mirrord)
    say("before\n")
    guest = view(mirrord, terminals, "--as", "alice", "s", wait_for="before")
    for count in range(100 if soak else 5):
        pid = rig.wait_until(lambda: mirrord.mirror_pid(entry))
        os.kill(pid, signal.SIGKILL)
        rig.wait_until(lambda pid=pid: mirrord.mirror_pid(entry) not in (None, pid))
        say(f"after {count}\n")
        guest.wait_for(f"after {count}")
    assert guest.bytes().count(b"\x1b[?1049h") == 1  # nothing was left and entered again
    rig.wait_until(lambda: [who["name"] for who in
                            json.loads(mirrord.run("who", "--json", "s").stdout)] == ["alice"])


# ---- another version ----------------------------------------------------------------------------


@pytest.mark.parametrize("answer, words", [
    (wire.message(wire.WELCOME, wire.varint(9) + b"whatever"), b"version 9"),
    (wire.message(wire.BYE, wire.varint(76) + wire.text("the viewer speaks version 1")),
     b"the viewer speaks version 1"),
    (wire.message(wire.BYE, wire.varint(76) + wire.text("evil \x1b]0;title\x07")), b"goodbye"),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n" + bytes(100), b"does not speak mirrord's protocol"),
    (wire.message(wire.FRAME, b"\x01"), b"does not speak mirrord's protocol"),
])
def test_a_foreign_session_gets_one_line_and_status_76(mirrord, terminals, answer, words):
    directory = mirrord.rundir / "mirrord"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(directory / "s.view"))
    listener.listen(8)
    kept = []

    def serve():
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            kept.append(sock)
            with contextlib.suppress(BrokenPipeError):  # who only looked whether we listen
                sock.sendall(answer)

    server = threading.Thread(target=serve, daemon=True)
    server.start()
    try:
        guest = view(mirrord, terminals, "s")
        assert guest.wait_exit() == 76
        assert words in guest.bytes()
        assert guest.bytes().count(b"\n") == 1 and b"\x1b" not in guest.bytes()
        assert mirrord.run("dump", "s", check=False).returncode == 76
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for sock in kept:
            sock.close()
        server.join(5)


# ---- who ----------------------------------------------------------------------------------------


def test_who_tells_who_watches(mirrord, terminals):
    say, _ = cat(mirrord, rows=30, cols=100)
    say("hello\n")
    assert mirrord.run("who", "s").stdout == b"nobody watches\n"
    first = view(mirrord, terminals, "--as", "alice", "s", rows=24, cols=80, wait_for="hello",
                 env={"SSH_CONNECTION": "192.0.2.7 50000 192.0.2.1 22"})
    view(mirrord, terminals, "s", rows=50, cols=132, wait_for="hello")

    def told():
        people = json.loads(mirrord.run("who", "--json", "s").stdout)
        whole = len(people) == 2 and people[0]["bytes"] == len(first.bytes())
        return people if whole and people[1]["frames"] else None

    alice, other = rig.wait_until(told)
    assert (alice["name"], alice["via"], alice["from"]) == ("alice", "ssh", "192.0.2.7")
    assert (alice["rows"], alice["cols"], alice["clipped"]) == (24, 80, True)
    assert 0 < alice["lag_us"] < 10e6
    assert abs(alice["since"] - time.time()) < 60
    assert other["name"] == pwd.getpwuid(os.getuid()).pw_name
    assert (other["via"], other["from"], other["clipped"]) == ("local", "", False)
    table = mirrord.run("who", "s").stdout.decode().splitlines()
    assert len(table) == 4 and "192.0.2.7" in table[1] and "80x24" in table[1], table
    assert table[2] == "  clipped" and max(map(len, table)) <= 80, table
    first.resize(40, 120)
    rig.wait_until(lambda: json.loads(mirrord.run("who", "--json", "s").stdout)[0]["rows"] == 40)


ASK = """
import sys
sys.path.insert(0, sys.argv[1])
import wire
def peer(role):
    peer = wire.Peer.connect(sys.argv[2])
    peer.send(wire.hello(role=role, name="alice"))
    return peer
viewer = peer(wire.ROLE_VIEW)
viewer.wait(wire.FRAME)
for kind in wire.WHO, wire.DUMP:
    asker = peer(wire.ROLE_QUERY)
    asker.send(wire.message(kind))
    print(wire.Reader(asker.wait(wire.BYE)).varint())
sys.stdout.flush()
sys.stdin.read()
"""


@pytest.mark.parametrize("account, name", [("guest", "alice"), ("member", "nobody")])
def test_only_guest_accounts_name_themselves_and_only_the_host_asks(mirrord, account, name):
    """A guest account is one whose primary group is the group of the session's directory."""
    if os.getuid() != 0 or rig.missing("setpriv"):
        pytest.skip("needs root, to be other users")
    guests, nobody = 54321, pwd.getpwnam("nobody")
    directory = mirrord.folder / "dir"
    directory.mkdir()
    os.chown(directory, 0, guests)
    os.chmod(directory, 0o2750)
    mirrord.folder.chmod(0o711)
    mirrord.env["MIRRORD_DIR"] = str(directory)
    cat(mirrord)
    here = mirrord.folder / "wire"
    here.mkdir()
    (here / "wire.py").write_text((rig.PROJECT / "tests/e2e/wire.py").read_text())
    ids = {"guest": [f"--regid={guests}", "--clear-groups"],
           "member": [f"--regid={nobody.pw_gid}", f"--groups={guests}"]}[account]
    with subprocess.Popen(
            ["setpriv", f"--reuid={nobody.pw_uid}", *ids, "--", "/usr/bin/python3", "-B", "-c", ASK,
             here, directory / "s.view"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as guest:
        assert [int(guest.stdout.readline()) for _ in range(2)] == [77, 77]
        people = json.loads(mirrord.run("who", "--json", "s").stdout)
        assert [who["name"] for who in people] == [name]
        guest.stdin.close()
        assert guest.wait(rig.DEADLINE_S) == 0


# ---- dump and render ----------------------------------------------------------------------------


@pytest.mark.core
def test_dump_prints_each_format(mirrord):
    say, _ = cat(mirrord, rows=5, cols=20)
    say("\x1b[31mred\x1b[m  \nplain  \n")
    mirrord.wait_row("s", "plain")
    assert mirrord.dump("s") == "red\nplain\n\n\n\n"
    assert json.loads(mirrord.dump("s", "json"))["rows"]
    assert "\x1b[" in mirrord.dump("s", "ansi")
    assert "<html" in mirrord.dump("s", "html").lower()
    assert mirrord.run("dump", "--format=vt", "s").stdout
    assert mirrord.run("dump", "--format=nope", "s", check=False).returncode == 64
    assert mirrord.run("dump", "nope", check=False).returncode == 69


def render(mirrord, data, *args, **options):
    return subprocess.run(mirrord.argv("render", *args), input=data, capture_output=True,
                          env=mirrord.env, check=False, timeout=rig.DEADLINE_S, **options)


@pytest.mark.core
def test_render_prints_the_final_screen(mirrord):
    file = mirrord.folder / "stream"
    file.write_bytes(b"one\r\ntwo   \r\n\x1b[1;5Hfive")
    wanted = b"one five\ntwo\n\n"
    assert render(mirrord, b"", "--size=20x3", str(file)).stdout == wanted
    assert render(mirrord, file.read_bytes(), "--size=20x3").stdout == wanted
    assert render(mirrord, file.read_bytes(), "--size=20x3", "-").stdout == wanted
    run = render(mirrord, b"\x1b[1mx", "--format=json", "--size=1x1")
    assert json.loads(run.stdout)


@pytest.mark.parametrize("args, status", [
    (["--size=5"], 64), (["--size=foo"], 64), (["--size=5x5x"], 64), (["--size=-5x5"], 64), (["--format=png"], 64), (["a", "b"], 64),
    (["/nonexistent/file"], 66)])
def test_render_refuses_what_it_cannot_do(mirrord, args, status):
    run = render(mirrord, b"", *args)
    assert run.returncode == status
    assert run.stdout == b"" and run.stderr.startswith(b"mirrord: ")


@pytest.mark.parametrize("size, rows", [("0x5", 24), ("5x0", 24), ("0x0", 24), ("1001x5", 5)])
def test_render_takes_sizes_as_hosting_does(mirrord, size, rows):
    run = render(mirrord, b"", f"--size={size}")
    assert run.returncode == 0 and run.stdout == b"\n" * rows
    assert run.stderr == (b"mirrord: --size=1001x5 is cut to 1000x5: a screen has at most 1000x1000 "
                          b"cells\n" if size == "1001x5" else b"")


def test_render_says_when_it_cannot_write(mirrord):
    with open("/dev/full", "wb") as full:
        run = subprocess.run(mirrord.argv("render"), stdin=subprocess.DEVNULL, stdout=full,
                             stderr=subprocess.PIPE, env=mirrord.env, check=False)
    assert run.returncode == 74 and b"No space left" in run.stderr


# ---- idle ---------------------------------------------------------------------------------------


def test_who_and_dump_are_answered_while_mirrors_die(mirrord, soak):
    say, entry = cat(mirrord)
    say("hello\n")
    mirrord.wait_row("s", "hello")
    for _ in range(50 if soak else 5):
        pid = rig.wait_until(lambda: mirrord.mirror_pid(entry))
        asking = [subprocess.Popen(mirrord.argv(*words, "s"), env=mirrord.env,
                                   stdout=subprocess.PIPE) for words in (["dump"], ["who"])]
        os.kill(pid, signal.SIGKILL)
        said = [asked.communicate(timeout=rig.DEADLINE_S)[0] for asked in asking]
        assert said[0].startswith(b"hello\n") and said[1] == b"nobody watches\n"
