# SPDX-License-Identifier: ISC
"""Idle costs nothing: no process of a session wakes up while nothing happens."""

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
    pids = [host.pid, entry["keeper"], wait_until(lambda: mirrord.mirror_pid(entry)),
            *(view.pid for view in views)]
    rig.wait_asleep(pids, 60 if soak else 10, deadline_s=240 if soak else rig.DEADLINE_S)
