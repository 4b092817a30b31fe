# SPDX-License-Identifier: ISC
"""`mirrord web` under test: a gateway, and a session whose program prints what it is told to."""

import contextlib
import itertools
import os
import re
import subprocess

import pytest
import rig
from webpage import Page

LINK = re.compile(r"^(https?)://(\S+):(\d+)/#(\S+)$", re.M)


class Gateway:
    """`mirrord web` in the foreground; `token` is that of the link it printed."""

    def __init__(self, mirrord, *args):
        self.mirrord = mirrord
        self.output = mirrord.folder / "gateway"
        with open(self.output, "wb") as out:
            self.process = subprocess.Popen(
                mirrord.argv("web", *args), env=mirrord.env, stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, start_new_session=True)
        rig.wait_until(lambda: "More links" in self.said() or self.process.poll() is not None,
                       what=self.said)
        assert self.process.poll() is None, self.said()
        scheme, self.host, port, self.token = LINK.search(self.said()).groups()
        self.port, self.tls = int(port), scheme == "https"

    def said(self):
        return self.output.read_text()

    def porter(self):
        """The half that knows links and sessions."""
        return rig.wait_until(lambda: next((pid for pid in rig.children_of(self.process.pid)
                                            if not rig.is_zombie(pid)), None), what="a porter")

    def pid(self):
        """The half that browsers talk to, once it has locked itself down."""
        def locked():
            for pid in rig.children_of(self.porter()):
                with contextlib.suppress(OSError), open(f"/proc/{pid}/status") as file:
                    if not rig.is_zombie(pid) and "Seccomp:\t2" in file.read():
                        return pid
            return None
        return rig.wait_until(locked, what="a gateway that is locked down")

    def invite(self, *args):
        """The token of a new link."""
        return LINK.search(self.mirrord.run("web", "invite", *args).stdout.decode())[4]

    def page(self, token=None, **options):
        return Page(self.port, token or self.token, tls=self.tls, **options)

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(rig.END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def start(mirrord):
    """Starts gateways: start(...) with the arguments of `mirrord web`, on a free port."""
    started = []

    def gateway(*args, listen="127.0.0.1:0"):
        started.append(Gateway(mirrord, f"--listen={listen}", *args))
        return started[-1]

    yield gateway
    for one in started:
        one.close()
        assert "Sanitizer" not in one.said() and "runtime error" not in one.said(), one.said()


@pytest.fixture
def talk(mirrord):
    """A session whose program prints what it is told to: talk(text), through a fifo."""
    fifo = mirrord.folder / "fifo"
    os.mkfifo(fifo)
    mirrord.detached("s", "sh", "-c", f"stty raw; exec cat {fifo} 9<>{fifo}")
    pipe = open(fifo, "wb", buffering=0)
    yield lambda text: pipe.write(text.encode())
    pipe.close()


LETTERS = itertools.count(0x4E00)


def word():
    """Characters that no frame finds elsewhere on a screen, so that it has to write them."""
    return "".join(chr(next(LETTERS)) for _ in range(3))


def refused(gateway, token):
    """The reason that a token is refused for."""
    page = gateway.page(token)
    reason = page.bye()
    page.close()
    assert not page.frames
    return reason
