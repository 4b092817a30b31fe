# SPDX-License-Identifier: ISC
"""Many readers of frames in one process: bench/swarm, for tests and benches."""

import json
import subprocess
import threading

import rig

SAMPLED = 20  # readers that decode all they get


class Swarm:
    """`words` say where: a socket of bench/fansend's, or a gateway's port and a token.
    `seen` holds (mark, nanoseconds) for each reader that decodes."""

    def __init__(self, program, words, readers):
        self.seen, self.answers = {}, []
        self.process = subprocess.Popen(
            [str(program), f"--readers={readers}", f"--sampled={min(readers, SAMPLED)}",
             "--", *words],  # a token may begin with a hyphen
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        for line in self.process.stdout:
            if line.startswith(b"M "):
                at, number, reader = map(int, line.split()[1:])
                self.seen.setdefault(reader, []).append((number, at))
            elif line.startswith(b"{"):
                self.answers.append(json.loads(line))
            else:
                self.answers.append(self.process.stdout.read(int(line)).decode())

    def say(self, order):
        self.process.stdin.write(order.encode() + b"\n")
        self.process.stdin.flush()

    def ask(self, order):
        """The answer to `report` or `screen`; a reader that found a fault has ended the swarm."""
        count = len(self.answers)
        self.say(order)
        rig.wait_until(lambda: len(self.answers) > count or self.process.poll() is not None)
        assert len(self.answers) > count, f"the swarm ended with {self.process.returncode}"
        return self.answers[-1]

    def all_current(self, deadline_s=rig.DEADLINE_S):
        """Waits until every reader that is not stopped has the newest screen that any of them has."""
        return rig.wait_until(lambda: (now := self.ask("report"))["current"] == now["readers"]
                              and now["newest"] and now,
                              deadline_s, lambda: f"readers up to date: {self.answers[-1:]}")

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.thread.join(rig.END_S)
