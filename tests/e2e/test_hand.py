# SPDX-License-Identifier: ISC
"""The host's hand: what a host sees of those who watch, and can do about it."""

import json
import os
import signal

from rig import wait_until

TICKER = "i=0; while :; do i=$((i+1)); echo line $i of many; sleep 0.05; done"


def people(mirrord, name="s"):
    return json.loads(mirrord.run("who", "--json", name).stdout)


def test_who_tells_the_frame_rate_and_what_it_costs(mirrord, terminals):
    mirrord.detached("s", "sh", "-c", TICKER)
    viewer = terminals(mirrord.terminal("view", "s"))
    viewer.wait_for("of many")
    (busy,) = wait_until(lambda: [who for who in people(mirrord) if who["fps"] >= 5],
                         what=lambda: people(mirrord))
    assert busy["fps"] <= 30
    assert busy["printed"] > 100 and busy["ratio"] == busy["bytes"] / busy["printed"]
    first = people(mirrord)[0]["printed"]
    wait_until(lambda: people(mirrord)[0]["printed"] > first + 100)


def test_who_knows_of_a_quiet_session_that_nothing_is_shown(mirrord, terminals):
    mirrord.detached("s", "sh", "-c", "echo quiet; exec sleep 1000")
    mirrord.wait_row("s", "quiet")
    viewer = terminals(mirrord.terminal("view", "s"))
    viewer.wait_for("quiet")
    wait_until(lambda: people(mirrord)[0]["bytes"])
    wait_until(lambda: people(mirrord)[0]["fps"] == 0)
    (who,) = people(mirrord)
    assert (who["printed"], who["ratio"]) == (0, None)
    row = mirrord.run("who", "s").stdout.decode().splitlines()[1].split()
    assert row[-3] == "0.0" and row[-1] == "-", row


def test_a_new_mirror_counts_what_comes_after_it(mirrord, terminals):
    entry = mirrord.detached("s", "sh", "-c", TICKER)
    viewer = terminals(mirrord.terminal("view", "s"))
    viewer.wait_for("of many")
    wait_until(lambda: people(mirrord)[0]["bytes"] > 1000)
    os.kill(mirrord.mirror_pid(entry), signal.SIGKILL)
    (who,) = wait_until(lambda: [who for who in people(mirrord) if who["bytes"]])
    assert who["bytes"] < len(viewer.bytes()) and who["fps"] < 40
