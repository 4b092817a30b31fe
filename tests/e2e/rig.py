# SPDX-License-Identifier: ISC
"""What end-to-end tests and the demo stand on: real terminals, a real sshd, witnesses, sessions.

Nothing here knows pytest. Every process is a child of ours or is named by mirrord's own answers, and
is ended by its id.
"""

import contextlib
import errno
import fcntl
import json
import os
import pty
import pwd
import random
import select
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import termios
import threading
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
DEADLINE_S = 60.0  # for anything that takes milliseconds on a quiet machine: others may use this one
END_S = 10.0  # for what is told to end, before it is killed: who stands still is no failure then
POLL_S = 0.02


def build_dir():
    """The build under test: $MIRRORD_BUILD, or the newest one there is."""
    if os.environ.get("MIRRORD_BUILD"):
        return Path(os.environ["MIRRORD_BUILD"]).resolve()
    built = [PROJECT / "build" / name for name in ("release", "asan", "dev")]
    built = [path for path in built if (path / "mirrord").exists()]
    if not built:
        raise SystemExit("no build to test: run cmake --preset release and build it")
    return max(built, key=lambda path: (path / "mirrord").stat().st_mtime)


def is_sanitized(build):
    return "MIRRORD_SANITIZE:STRING=\n" not in (Path(build) / "CMakeCache.txt").read_text()


def send_until_full(sock, message):
    """Sends it again and again until nobody has read for a while: how often, and what is left of the last."""
    sock.setblocking(False)
    count, rest, waited = 0, b"", 0
    while waited < 20:
        if not rest:
            count, rest = count + 1, message
        try:
            rest, waited = rest[sock.send(rest):], 0
        except BlockingIOError:
            waited += 1
            time.sleep(POLL_S)
    sock.setblocking(True)
    return count, rest


def wait_until(condition, deadline_s=DEADLINE_S, what="", poll_s=POLL_S):
    """Polls until `condition()` is true and returns its value; else fails and says what was seen."""
    end = time.monotonic() + deadline_s
    while True:
        late = time.monotonic() > end  # before the look: the last one counts, however long we slept
        value = condition()
        if value:
            return value
        if late:
            saw = what() if callable(what) else what
            raise AssertionError(f"not within {deadline_s} s: {saw or condition}; last {value!r}")
        time.sleep(poll_s)


def missing(*programs):
    """Which of the programs are not installed."""
    return [name for name in programs if shutil.which(name) is None]


# ---- processes, by id ---------------------------------------------------------------------------


def process_state(pid):
    """The state letter of /proc/PID/stat, or None when there is no such process."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rsplit(")", 1)[1].split()[0]


def is_alive(pid):
    return process_state(pid) not in (None, "Z", "X")


def is_zombie(pid):
    return process_state(pid) == "Z"


def children_of(pid):
    """Ids of the children of a process, zombies too."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += [int(word) for word in task.read_text().split()]
    return found


def cmdline(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1]
    except OSError:
        return []


def open_fds(pid):
    """What each open fd of a process leads to."""
    fds = {}
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            fds[int(entry.name)] = os.readlink(entry)
    return fds


def context_switches(pid):
    """How often a process has run and been put aside, over all its threads."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if "ctxt_switches" in line:
                total += int(line.split()[1])
    return total


def wait_asleep(pids, span_s, most=0, deadline_s=DEADLINE_S):
    """Waits for a span in which each of these processes ran so many times `most`. What was under way may
    end first: that nothing wakes them is said of those with nothing to do."""
    def counts():
        return {pid: context_switches(pid) for pid in pids}

    def asleep():
        now = counts()
        woken = {pid: now[pid] - before[pid] for pid in pids if now[pid] - before[pid] > most}
        if woken:
            seen.append(woken)
            since[0] = time.monotonic()
            before.update(now)
        return time.monotonic() - since[0] >= span_s

    before, since, seen = counts(), [time.monotonic()], []
    wait_until(asleep, deadline_s, lambda: f"{span_s} s of sleep; woken {seen[-9:]}", poll_s=0.1)


def kill_quietly(pid, sig=signal.SIGKILL):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sig)


# ---- a terminal: a PTY whose output a thread collects -------------------------------------------


def set_size(fd, rows, cols):
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))


def get_size(fd):
    rows, cols, _, _ = struct.unpack("HHHH", fcntl.ioctl(fd, termios.TIOCGWINSZ, bytes(8)))
    return rows, cols


def _own_terminal():
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP):  # ignored in what a script runs
        signal.signal(number, signal.SIG_DFL)                      # with &, or with nohup


class Terminal:
    """A child on a PTY of its own. bytes() is all that reached the terminal; `resizes` says from
    which byte on it had which size. It answers no query unless `answers` is given: pairs of (what
    the program sends, what the terminal replies)."""

    def __init__(self, argv, rows=24, cols=80, env=None, cwd=None, answers=()):
        self.rows, self.cols = rows, cols
        self.resizes = [(0, rows, cols)]
        self.output = bytearray()
        self.answers = answers
        self.lock = threading.Lock()
        self.master, self.slave = pty.openpty()  # slave kept: what stands in the PTY when the
        set_size(self.slave, rows, cols)         # child ends can then still be read
        self.modes_before = termios.tcgetattr(self.slave)
        self.tty_name = os.ttyname(self.slave)
        self.process = subprocess.Popen(
            [str(word) for word in argv], stdin=self.slave, stdout=self.slave, stderr=self.slave,
            start_new_session=True, preexec_fn=_own_terminal, env=env, cwd=cwd)
        self.pid = self.process.pid
        self.reading = threading.Event()  # cleared: the terminal is stuck, and takes no more bytes
        self.reading.set()
        self.stopping = False
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while not self.stopping:
            if not self.reading.wait(0.05):
                continue
            try:
                if not self._readable(0.05):
                    continue
                with self.lock:  # who holds it and finds nothing to read has seen everything
                    data = os.read(self.master, 65536)
                    self.output += data
            except (OSError, ValueError) as error:
                if getattr(error, "errno", errno.EBADF) in (errno.EIO, errno.EBADF):
                    return
                raise
            for query, answer in self.answers:
                for _ in range(data.count(query)):
                    os.write(self.master, answer)

    def _readable(self, seconds):
        return select.select([self.master], [], [], seconds)[0]

    def bytes(self):
        with self.lock:
            return bytes(self.output)

    def drained(self):
        """Whether all that was written to the terminal so far is in bytes()."""
        with self.lock:
            return not self.reader.is_alive() or not self._readable(0)

    def type(self, data):
        data = data.encode() if isinstance(data, str) else data
        while data:
            data = data[os.write(self.master, data):]

    def resize(self, rows, cols):
        with self.lock:
            self.resizes.append((len(self.output), rows, cols))
        self.rows, self.cols = rows, cols
        set_size(self.master, rows, cols)

    def modes(self):
        """The terminal's termios, as its programs left it."""
        return termios.tcgetattr(self.slave)

    def wait_for(self, needle, deadline_s=DEADLINE_S, start=0):
        needle = needle.encode() if isinstance(needle, str) else needle
        wait_until(lambda: needle in self.bytes()[start:], deadline_s,
                   lambda: f"{needle!r} on the terminal; it ended with {self.bytes()[-2000:]!r}")

    def wait_exit(self, deadline_s=DEADLINE_S):
        """The child's exit status, once all it wrote has been read."""
        try:
            status = self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.process.args} did not end; "
                                 f"its terminal ends with {self.bytes()[-2000:]!r}") from None
        if self.reading.is_set():
            wait_until(self.drained, deadline_s, "the last of the output")
        return status

    def settled(self, quiet_s=0.3, deadline_s=DEADLINE_S):
        """Waits until nothing more has come for a while, and returns all there was. It says nothing
        of a program that has not begun: where something has to come, wait for that."""
        seen = [-1, 0.0]

        def quiet():
            length = len(self.bytes())
            if length != seen[0]:
                seen[:] = [length, time.monotonic()]
            return time.monotonic() - seen[1] >= quiet_s

        wait_until(quiet, deadline_s, "quiet on the terminal")
        return self.bytes()

    def hang_up(self):
        """Takes the terminal away, as when its window is closed."""
        self.stopping = True
        self.reader.join(END_S)
        for fd in (self.slave, self.master):
            with contextlib.suppress(OSError):
                os.close(fd)

    def close(self):
        if self.process.poll() is None:
            kill_quietly(self.pid, signal.SIGHUP)
            try:
                self.process.wait(END_S)
            except subprocess.TimeoutExpired:
                kill_quietly(self.pid)
                self.process.wait()
        self.hang_up()


# ---- witnesses: other people's terminals --------------------------------------------------------


class Tmux:
    """A private tmux server whose only pane runs one command: a guest's terminal, and a witness."""

    def __init__(self, folder, argv, rows, cols, env, term="tmux-256color"):
        self.socket = str(Path(folder) / "tmux")
        self.env = {**env, "TERM": "xterm-256color"}
        conf = Path(folder) / "tmux.conf"
        conf.write_text(
            f"set -g default-terminal {term}\n"
            "set -g status off\nset -g escape-time 0\nset -g remain-on-exit on\n"
            "set -g history-limit 0\nset -g default-shell /bin/sh\n")
        command = " ".join(shlex.quote(str(word)) for word in argv)
        subprocess.run(["tmux", "-S", self.socket, "-f", str(conf), "-u", "new-session", "-d",
                        "-x", str(cols), "-y", str(rows), "exec " + command],
                       check=True, env=self.env, stdin=subprocess.DEVNULL)
        self.server_pid = int(self.show("#{pid}"))

    def _tmux(self, *args):
        return subprocess.run(["tmux", "-S", self.socket, *args], check=True, env=self.env,
                              stdin=subprocess.DEVNULL, capture_output=True).stdout.decode()

    def text(self):
        """Its rows as text, trailing blanks removed."""
        return [row.rstrip(" ") for row in self._tmux("capture-pane", "-p").split("\n")[:-1]]

    def ansi(self):
        """Its rows with SGR, trailing blanks kept."""
        return self._tmux("capture-pane", "-e", "-N", "-p").split("\n")[:-1]

    def show(self, form):
        return self._tmux("display-message", "-p", form).rstrip("\n")

    def resize(self, rows, cols):
        self._tmux("resize-window", "-x", str(cols), "-y", str(rows))

    def type(self, text):
        self._tmux("send-keys", "-l", text)

    def close(self):
        with contextlib.suppress(subprocess.CalledProcessError):
            self._tmux("kill-server")
        with contextlib.suppress(AssertionError):
            wait_until(lambda: not is_alive(self.server_pid), END_S)
        kill_quietly(self.server_pid)


def libvterm_screen(build, data, rows, cols):
    """What libvterm's own screen layer makes of bytes that reached a terminal: the other witness."""
    argv = [str(Path(build) / "tests" / "witness_main"), f"--size={cols}x{rows}"]
    run = subprocess.run(argv, input=data, capture_output=True)
    if run.returncode != 0:
        raise AssertionError(f"{argv}: {run.returncode}: {run.stderr.decode()}")
    return json.loads(run.stdout)


# ---- sshd: the real one, private ----------------------------------------------------------------


def free_port():
    """A port that nobody listens at, and that the kernel gives to nobody who names none."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(first * 2 // 3, first) if first > 3000 else 0
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return probe.getsockname()[1]


def account():
    return pwd.getpwuid(os.getuid()).pw_name


def _password_is_locked():
    """Whether an sshd without PAM would refuse this account (only root's can tell)."""
    with contextlib.suppress(OSError):
        for line in Path("/etc/shadow").read_text().splitlines():
            name, password = line.split(":")[:2]
            if name == account():
                return password.startswith("!")
    return False


class Sshd:
    """A real sshd on a free loopback port, with keys of its own, run by and for this account. Another
    address goes with the command that runs it where that is one."""

    def __init__(self, folder, env, address="127.0.0.1", within=()):
        self.address, self.within = address, list(within)
        self.folder = Path(folder)
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.log = self.folder / "sshd.log"
        self.log.touch()
        self.keys = self.folder / "authorized_keys"
        self.keys.touch(mode=0o600)
        self._keygen("host_key")
        set_env = " ".join(f'"{key}={value}"' for key, value in env.items())
        self.config = (
            f"ListenAddress {address}\nHostKey {self.folder}/host_key\n"
            f"AuthorizedKeysFile {self.keys}\nPidFile none\nStrictModes no\n"
            f"UsePAM {'yes' if _password_is_locked() else 'no'}\nPasswordAuthentication no\n"
            "KbdInteractiveAuthentication no\nPermitRootLogin yes\nUseDNS no\nPrintMotd no\n"
            "PrintLastLog no\nAllowTcpForwarding yes\nAllowAgentForwarding yes\nX11Forwarding yes\n"
            "AcceptEnv LANG LC_*\nSubsystem sftp /usr/lib/openssh/sftp-server\nLogLevel VERBOSE\n"
            f"MaxStartups 200\nSetEnv {set_env}\n")
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        self._start()

    def _keygen(self, name):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f",
                        str(self.folder / name)], check=True, stdin=subprocess.DEVNULL)

    def _start(self):
        for _ in range(5):  # a port found free may be taken before sshd has it
            self.port = free_port()
            config = self.folder / "sshd_config"
            config.write_text(f"Port {self.port}\n{self.config}")
            self.log.write_bytes(b"")
            with open(self.log, "ab") as log:
                self.process = subprocess.Popen(
                    [*self.within, "/usr/sbin/sshd", "-D", "-e", "-f", str(config)], stdin=subprocess.DEVNULL,
                    stdout=log, stderr=log, start_new_session=True)
            wait_until(lambda: self.process.poll() is not None or
                       b"Server listening" in self.log.read_bytes(), what="sshd listening")
            if self.process.poll() is None:
                return
        raise AssertionError(f"sshd does not start: {self.log.read_text()}")

    def guest(self, name, options):
        """Adds a key with options such as 'restrict,pty,command="..."'; returns its path."""
        path = self.folder / f"id_{name}"
        self._keygen(path.name)
        with open(self.keys, "a") as keys:
            keys.write(f"{options} {path.with_suffix('.pub').read_text()}")
        return path

    def ssh(self, identity, *options, tty=True, agent=False, command=()):
        """The command line of a guest's ssh, which reads no configuration but this."""
        agent = [] if agent else ["-o", "IdentityAgent=none"]
        return ["ssh", "-F", "none", "-p", str(self.port), "-i", str(identity),
                "-o", "IdentitiesOnly=yes", *agent, "-o", "BatchMode=yes",
                "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={self.folder}/known",
                "-o", "LogLevel=ERROR", *(["-tt"] if tty else []), *options,
                f"{account()}@{self.address}", *command]

    def close(self):
        for pid in children_of(self.process.pid):
            kill_quietly(pid, signal.SIGTERM)
        self.process.terminate()
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


# ---- mirrord ------------------------------------------------------------------------------------


class Mirrord:
    """Runs mirrord of one build with a private directory for its sockets."""

    def __init__(self, build, folder, env=None):
        self.build = Path(build)
        self.binary = self.build / "mirrord"
        self.folder = Path(folder)
        self.rundir = self.folder / "run"
        (self.rundir / "mirrord").mkdir(mode=0o700, parents=True, exist_ok=True)
        self.rundir.chmod(0o700)
        kept = ("PATH", "USER", "LOGNAME", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TMPDIR")
        self.env = {key: os.environ[key] for key in kept if key in os.environ}
        self.env.update(MIRRORD_DIR=str(self.rundir / "mirrord"), LANG="C.UTF-8",
                        TERM="xterm-256color", SHELL="/bin/bash", HOME=str(self.folder), HISTFILE="/dev/null")
        # What a sanitizer says of a keeper or a mirror; close() looks at it.
        self.reports = self.folder / "reports"
        self.env["MIRRORD_MIRROR_STDERR"] = str(self.reports)
        self.env.update(env or {})
        # What sshd gives a forced command, so that it finds this build and these sessions.
        self.ssh_env = {key: self.env[key] for key in
                        ("MIRRORD_DIR", "HOME", "LANG", "ASAN_OPTIONS", "UBSAN_OPTIONS")
                        if key in self.env}
        self.ssh_env["PATH"] = f"{self.build}:/usr/local/bin:/usr/bin:/bin"
        self.keepers = set()

    def argv(self, *args):
        return [str(self.binary), *[str(word) for word in args]]

    def run(self, *args, check=True, timeout=DEADLINE_S, env=None, **options):
        """Runs a command without a terminal."""
        run = subprocess.run(self.argv(*args), capture_output=True, timeout=timeout,
                             env={**self.env, **(env or {})},
                             **{"stdin": subprocess.DEVNULL, **options})
        if check and run.returncode != 0:
            raise AssertionError(f"mirrord {args}: status {run.returncode}: {run.stderr.decode()}")
        return run

    def terminal(self, *args, rows=24, cols=80, env=None, **options):
        """mirrord in the foreground of a terminal."""
        return Terminal(self.argv(*args), rows, cols, {**self.env, **(env or {})}, **options)

    def detached(self, name, *command, rows=24, cols=80, env=None, cwd=None):
        """A session without a host's terminal. Returns its entry of `mirrord list`."""
        self.run("-n", name, "--detach", f"--size={cols}x{rows}", "--", *command, env=env, cwd=cwd)
        return self.info(name)

    def sessions(self):
        listed = json.loads(self.run("list", "--json").stdout)
        self.keepers.update(entry["keeper"] for entry in listed if "keeper" in entry)
        return listed

    def info(self, name):
        """The entry of `mirrord list --json` for one session, once it answers."""
        return wait_until(
            lambda: next((entry for entry in self.sessions()
                          if entry["name"] == name and "keeper" in entry), None),
            what=f"session {name} in mirrord list")

    def mirror_pid(self, entry):
        """The mirror: the keeper's child that is not the command. None between two."""
        for pid in children_of(entry["keeper"]):
            if pid != entry["child"] and not is_zombie(pid):
                return pid
        return None

    def dump(self, name, form="text"):
        return self.run("dump", f"--format={form}", name).stdout.decode()

    def screen(self, name):
        """The host's screen as JSON."""
        return json.loads(self.dump(name, "json"))

    def rows(self, name):
        return self.dump(name).split("\n")[:-1]

    def wait_row(self, name, text, deadline_s=DEADLINE_S):
        """Waits until some row of the host's screen holds `text`."""
        wait_until(lambda: any(text in row for row in self.rows(name)), deadline_s,
                   lambda: f"{text!r} on the screen {self.rows(name)}")

    def close(self):
        """Ends what a test left running, by the ids that mirrord itself named."""
        with contextlib.suppress(Exception):
            for entry in self.sessions():
                self.run("stop", entry["name"], check=False)
        for pid in self.keepers:
            with contextlib.suppress(AssertionError):
                wait_until(lambda pid=pid: not is_alive(pid), END_S)
            if is_alive(pid) and b"mirrord" in b" ".join(cmdline(pid)[:1]):
                for child in children_of(pid):
                    kill_quietly(child)
                kill_quietly(pid)
        said = self.reports.read_text(errors="replace") if self.reports.exists() else ""
        assert "Sanitizer" not in said and "runtime error" not in said, said
