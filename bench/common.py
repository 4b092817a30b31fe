# SPDX-License-Identifier: ISC
"""What bench/link, bench/latency and bench/throughput share: eyes, feeders, hosts, figures, tables."""

import argparse
import bisect
import contextlib
import json
import math
import os
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT / "tests" / "e2e"))
sys.dont_write_bytecode = True
import rig  # noqa: E402

CORPUS = PROJECT.parent / "shared" / "corpus"
RESULTS = Path(os.environ.get("MIRRORD_BENCH_RESULTS") or PROJECT / "bench" / "results")
PYTHON = "/usr/bin/python3"
SAMPLE_S = 0.02  # the age of the screen is sampled so often
START_S = 60.0   # until a guest's first screen


def build_dir():
    """The mirrord that is measured: the release build; $MIRRORD_BUILD names another."""
    return Path(os.environ.get("MIRRORD_BUILD") or PROJECT / "build" / "release").resolve()


def program(name):
    """What measures: always of this tree."""
    path = PROJECT / "build" / "release" / "bench" / name
    if not path.exists():
        raise SystemExit(f"{path} is not built: cmake --preset release && "
                         "cmake --build --preset release")
    return str(path)


def arguments(summary):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    parser = argparse.ArgumentParser(description=summary)
    parser.add_argument("--quick", action="store_true", help="a subset, once")
    parser.add_argument("--repeat", type=int, help="how often each is measured, in turn")
    parser.add_argument("--only", help="only systems that this regular expression finds")
    return parser


def subset(quick, title, whole, some):
    """`some` of the whole with --quick, which says what is left out; else all."""
    left_out = [str(one) for one in whole if one not in some]
    if not quick:
        return list(whole)
    if left_out:
        print(f"skipped: {title}, for --quick: {', '.join(left_out)}")
    return [one for one in whole if one in some]


# ---- figures ------------------------------------------------------------------------------------


def quantile(values, part):
    ordered = sorted(values)
    if not ordered:
        return math.nan
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def middle(values):
    values = [value for value in values if value is not None and not math.isnan(value)]
    return statistics.median(values) if values else math.nan


def least(values):
    """The run that others disturbed least."""
    return min(values, default=math.nan)


def spread(values):
    """Half of max - min as a part of the median."""
    values = [value for value in values if value is not None and not math.isnan(value)]
    centre = middle(values)
    return (max(values) - min(values)) / 2 / centre if len(values) > 1 and centre else 0.0


def draw_times(draws):
    """When a number was drawn, from the feeder's log of batches: a function."""
    numbers = [number for number, _ in draws]
    times = [at for _, at in draws]
    return lambda number: times[bisect.bisect_left(numbers, number)] if number > 0 else times[0]


def delays_ms(draws, seen):
    """For each draw, how long until the guest's screen showed it or something newer."""
    numbers = [number for number, _ in seen]
    out = []
    for number, drawn in draws:
        at = bisect.bisect_left(numbers, number)
        if at < len(seen):
            out.append((seen[at][1] - drawn) / 1e6)
    return out


def ages_ms(draws, seen, end_ns):
    """Now minus when the newest visible mark was drawn, every 20 ms from the first draw on until the
    last mark is visible, or `end_ns`."""
    drawn_at, at, newest, out = draw_times(draws), 0, 0, []
    now = draws[0][1] + int(SAMPLE_S * 1e9)
    while now <= end_ns and newest < draws[-1][0]:
        while at < len(seen) and seen[at][1] <= now:
            newest = seen[at][0]
            at += 1
        out.append((now - drawn_at(newest)) / 1e6)
        now += int(SAMPLE_S * 1e9)
    return out


def table(header, rows):
    rows = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(header))]
    for row in rows:
        print("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                        for i, (cell, width) in enumerate(zip(row, widths))).rstrip())
    print(flush=True)


def save(name, results):
    RESULTS.mkdir(parents=True, exist_ok=True)
    revision = subprocess.run(["git", "-C", str(build_dir()), "describe", "--always", "--dirty"],
                              capture_output=True, text=True, check=False).stdout.strip()
    path = RESULTS / f"{name}.json"
    path.write_text(json.dumps({"revision": revision, "when": time.strftime("%F %T"), **results},
                               indent=1) + "\n")
    print(f"written: {path}", flush=True)


# ---- processes ----------------------------------------------------------------------------------


def cpu_ns(pids):
    """CPU time of processes with all their threads; those that are gone count 0."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{pid}/task").iterdir():
                total += int((task / "schedstat").read_text().split()[0])
    return total


class Eye:
    """A guest's terminal: bench/eye around a command. `seen` holds (mark, nanoseconds)."""

    def __init__(self, argv, rows=24, cols=80, env=None, drain=False):
        self.seen, self.status, self.bytes = [], None, 0
        self.process = subprocess.Popen(
            [program("eye"), *(["--drain"] if drain else []), f"--size={cols}x{rows}", "--",
             *[str(word) for word in argv]],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in self.process.stdout:
            words = line.split()
            if words[0] == "M":
                self.seen.append((int(words[2]), int(words[1])))
                self.bytes = int(words[3])
            else:
                self.status, self.bytes = int(words[1]), int(words[2])

    def newest(self):
        return self.seen[-1][0] if self.seen else -1

    def wait_mark(self, number, deadline_s):
        """Whether the mark showed in time."""
        end = time.monotonic() + deadline_s
        while self.newest() < number and time.monotonic() < end and self.status is None:
            time.sleep(0.01)
        return self.newest() >= number

    def child(self):
        """The command's process."""
        return rig.wait_until(lambda: next(iter(rig.children_of(self.process.pid)), None))

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.thread.join(5)


class Feeder:
    """The command line of a feeder, its start and its log."""

    def __init__(self, folder, work):
        folder = Path(folder)
        self.go, self.log = folder / "go", folder / "log"
        for path in (self.go, self.log):
            path.unlink(missing_ok=True)
        os.mkfifo(self.go)
        self.argv = [PYTHON, str(PROJECT / "bench" / "feeder"), work, str(self.go), str(self.log)]

    def start(self, **numbers):
        fd = None
        end = time.monotonic() + 20
        while fd is None:  # without a reader the open fails
            try:
                fd = os.open(self.go, os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                if time.monotonic() > end:
                    raise TimeoutError("the feeder does not run") from None
                time.sleep(0.01)
        os.write(fd, (json.dumps(numbers) + "\n").encode())
        os.close(fd)

    def wait(self, deadline_s):
        end = time.monotonic() + deadline_s
        while not self.log.exists():
            if time.monotonic() > end:
                raise TimeoutError(f"the feeder is not done within {deadline_s:.0f} s")
            time.sleep(0.01)
        return json.loads(self.log.read_text())


TMUX_CONF = """set -g status off
set -g escape-time 0
set -g default-shell /bin/sh
set -g default-terminal tmux-256color
set -g history-limit 2000
set -g update-environment ""
"""


class TmuxHost:
    """A session in a tmux server of our own."""

    def __init__(self, folder, argv, rows, cols, env):
        self.socket = str(Path(folder) / "tmux.sock")
        conf = Path(folder) / "tmux.conf"
        conf.write_text(TMUX_CONF)
        self.env = {**env, "TERM": "xterm-256color"}
        self._tmux("-f", str(conf), "-u", "new-session", "-d", "-s", "bench", "-x", str(cols),
                   "-y", str(rows), "exec " + shlex.join(argv))
        self.pid = int(self._tmux("display-message", "-p", "#{pid}"))
        self.view = ["tmux", "-S", self.socket, "-u", "attach", "-r", "-t", "bench"]
        self.attach = ["tmux", "-S", self.socket, "-u", "attach", "-t", "bench"]

    def _tmux(self, *args):
        return subprocess.run(["tmux", "-S", self.socket, *args], check=True, env=self.env,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout

    def pids(self):
        return [self.pid]

    def close(self):
        with contextlib.suppress(subprocess.CalledProcessError):
            self._tmux("kill-server")
        with contextlib.suppress(AssertionError):
            rig.wait_until(lambda: not rig.is_alive(self.pid), 5)


class MirrordHost:
    """A detached session of mirrord."""

    NAME = "bench"

    def __init__(self, folder, argv, rows, cols, env):
        self.mirrord = rig.Mirrord(build_dir(), folder, env)
        self.entry = self.mirrord.detached(self.NAME, *argv, rows=rows, cols=cols)
        self.view = self.mirrord.argv("view", self.NAME)

    def pids(self):
        return [self.entry["keeper"], self.mirrord.mirror_pid(self.entry)]

    def viewers(self):
        """The processes that watch, here."""
        people = json.loads(self.mirrord.run("who", "--json", self.NAME).stdout)
        return [person["pid"] for person in people]

    def close(self):
        self.mirrord.close()


def session_env(folder):
    """The environment of sessions, viewers and what sshd starts: nothing of the caller's."""
    return {"PATH": f"{build_dir()}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "MIRRORD_DIR": str(Path(folder) / "run/mirrord"), "HOME": str(folder), "LANG": "C.UTF-8",
            "TERM": "xterm-256color", "SHELL": "/bin/sh"}


@contextlib.contextmanager
def private_folder():
    with tempfile.TemporaryDirectory(prefix="mirrord-bench-", ignore_cleanup_errors=True) as name:
        yield Path(name)
