# SPDX-License-Identifier: ISC
"""Fixtures for end-to-end tests; rig.py has what they give."""

import os
import shutil
import signal
import tempfile
from pathlib import Path

import pytest
import rig

# A test that hangs fails. The sum of a test's own deadlines should be far below this.
TEST_LIMIT_S = 3600 if os.environ.get("MIRRORD_SOAK") else 300


def pytest_addoption(parser):
    parser.addoption("--shard", default="1/1", help="I/N: every Nth test from the Ith on")


def pytest_collection_modifyitems(config, items):
    which, count = (int(word) for word in config.getoption("--shard", "1/1").split("/"))
    kept = [item for at, item in enumerate(items) if at % count == which % count]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def pytest_configure(config):
    config.addinivalue_line("markers", "core: ./check runs it on the release build too")


@pytest.fixture(autouse=True)
def limit_of_a_test():
    def expired(_signal, _frame):
        raise AssertionError(f"the test took over {TEST_LIMIT_S} s")

    before = signal.signal(signal.SIGALRM, expired)
    signal.alarm(TEST_LIMIT_S)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="session")
def soak():
    """True in ./check --soak: counts of a hundred and more."""
    return bool(os.environ.get("MIRRORD_SOAK"))


@pytest.fixture(scope="session")
def build():
    return rig.build_dir()


@pytest.fixture
def folder():
    """A private folder with a short path: sockets live in it."""
    path = Path(tempfile.mkdtemp(prefix="mirrord-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def rundir(mirrord):
    """A private folder; the sockets of the test's sessions are in mirrord/ below it."""
    return mirrord.rundir


@pytest.fixture
def mirrord(build, folder):
    """mirrord with a private socket directory; sessions left running are ended."""
    runner = rig.Mirrord(build, folder)
    yield runner
    runner.close()


@pytest.fixture
def terminals():
    """Remembers terminals and tmux servers, and closes them: terminals(Terminal(...))."""
    opened = []

    def remember(terminal):
        opened.append(terminal)
        return terminal

    yield remember
    for terminal in reversed(opened):
        terminal.close()


@pytest.fixture
def sshd(folder, mirrord):
    """A private sshd whose forced commands find this build and this test's sessions."""
    server = rig.Sshd(folder / "sshd", mirrord.ssh_env)
    yield server
    server.close()
