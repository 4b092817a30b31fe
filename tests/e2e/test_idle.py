# SPDX-License-Identifier: ISC
"""Idle costs nothing: no process of a session wakes up while nothing happens."""

import time

import pytest
import rig
from rig import wait_until


@pytest.mark.core
def test_an_idle_session_wakes_no_process(mirrord, terminals, soak):
    host = terminals(mirrord.terminal("-n", "shared", "--", "sh", "-c",
                                      "echo all quiet; exec sleep 100000"))
    host.wait_for("all quiet")
    entry = mirrord.info("shared")
    views = [terminals(mirrord.terminal("view", "shared")) for _ in range(2)]
    for view in views:
        view.wait_for("all quiet")
    pids = {"front": host.pid, "keeper": entry["keeper"], "mirror": mirrord.mirror_pid(entry),
            **{f"view {i}": view.pid for i, view in enumerate(views)}}

    def counts():
        return {name: rig.context_switches(pid) for name, pid in pids.items()}

    seen = [counts(), time.monotonic()]

    def quiet():  # what follows the first screens has happened
        now = counts()
        if now != seen[0]:
            seen[:] = [now, time.monotonic()]
        return time.monotonic() - seen[1] > 1.5

    wait_until(quiet, 30, lambda: f"quiet processes: {counts()}")
    before = counts()
    time.sleep(60 if soak else 10)  # this is what is measured
    assert counts() == before
