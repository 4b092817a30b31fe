# SPDX-License-Identifier: ISC
"""The list of system calls in docs/security.md is the list that the kernel enforces."""

import pytest
import rig


def documented():
    table = (rig.PROJECT / "docs/security.md").read_text().split("<!-- sandbox-table -->")[1]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]]
            for line in table.splitlines() if line.startswith("| ")]
    return {(role, call, condition or "-") for role, call, condition, _ in rows[1:]}


@pytest.mark.core
def test_every_system_call_outside_of_the_documented_list_kills(mirrord):
    run = mirrord.run("sandbox-test", check=False, timeout=240, text=True)
    if run.returncode == 69:
        pytest.skip("a sanitized build has a wider list")
    assert run.stderr == ""
    assert run.returncode == 0
    lines = [line.split(" ", 2) for line in run.stdout.splitlines()]
    found = {tuple(line) for line in lines if line[0] not in ("landlock", "seccomp")}
    assert found == documented()
    assert ["seccomp", "yes"] in lines


@pytest.mark.core
def test_mirror_and_view_run_locked_down(mirrord, terminals):
    entry = mirrord.detached("s", "sh", "-c", "echo hello; exec cat")
    guest = terminals(mirrord.terminal("view", "s"))
    guest.wait_for("hello")
    for pid in (mirrord.mirror_pid(entry), guest.pid):
        with open(f"/proc/{pid}/status") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"  # a filter
        with open(f"/proc/{pid}/limits") as file:
            core = next(line for line in file if line.startswith("Max core file size"))
        assert core.split()[4:6] == ["0", "0"]
