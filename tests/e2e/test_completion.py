# SPDX-License-Identifier: ISC
"""bash, zsh and fish complete mirrord's command line: commands, options, live sessions and viewers."""

import contextlib
import os
import termios

import pytest
from rig import PROJECT, Terminal, missing, wait_until

FILES = PROJECT / "packaging" / "completions"


CAROL = b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIF/dtCCnZN/HVqLFdEGKvTZkXx6IiHorL0V7wFt3ABMg\n"


def choices(mirrord, *words):
    return mirrord.run("complete", "--", *words).stdout.decode().split()


def watched_session(mirrord, terminals):
    """A session of alice's with a viewer called bob."""
    mirrord.detached("standup", "sleep", "100000")
    viewer = terminals(mirrord.terminal("view", "--as", "bob", "standup"))
    wait_until(lambda: b"bob" in mirrord.run("who", "standup").stdout, what=viewer.bytes)


@pytest.mark.core
def test_what_may_come_next(mirrord, terminals, tmp_path):
    watched_session(mirrord, terminals)
    keys = f"--authorized-keys={tmp_path}/authorized_keys"  # not this account's own
    mirrord.run("guest", "add", "--yes", "--file=-", "--name=carol", keys, input=CAROL, stdin=None)
    commands = [line.split()[1] for line in mirrord.run("help").stdout.decode().splitlines()
                if line.startswith("  mirrord ")]
    assert set(choices(mirrord, "")) == {"help", *commands}
    assert set(choices(mirrord, "help", "")) == {"help", *commands}
    for words, expected in {
            ("wh",): ["who"],
            ("stop", ""): ["standup"],
            ("view", "st"): ["standup"],
            ("view", "x"): [],
            ("view", "--as", ""): ["bob"],
            ("dump", "--format=j"): ["--format=json"],
            ("dump", "--format=json", ""): ["standup"],
            ("web", "i"): ["invite", "invites"],
            ("web", "invites", "-"): ["--json"],
            ("web", "invite", "--session="): ["--session=standup"],
            ("render", ""): [":files"],
            ("watch", "guest@"): [":hosts"],
            ("--", "ls", "-"): [":command", "1"],
            ("-n", "x", "ls", ""): [":command", "2"],
            ("-n", ""): [],
            ("guest", "remove", keys, ""): ["carol"],
            ("guest", "add", "--session="): ["--session=standup"],
            ("guest", "add", "--name="): [],
            ("web", "revoke", ""): [],
            ("guest", "list", "-"): ["--json"],
            ("--publish=me@",): [":hosts"],
            ("kick", ""): ["bob"],
            ("kick", "-n", ""): ["standup"],
            ("--det",): ["--detach", "--detach-key="],
    }.items():
        wait_until(lambda: choices(mirrord, *words) == expected,  # who answers late is left out
                   what=lambda: (words, choices(mirrord, *words)))
    for command in commands:  # whatever the usage lines say
        mirrord.run("complete", "--", command, "--")
        mirrord.run("complete", "--", command, "a", "b", "")


# Each shell with nothing of its user's; what loads the completion, and shows a prompt.
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"],
             ". {files}/mirrord.bash; bind 'set bell-style none'; PS1='rea''dy> '\r"),
    "zsh": (["zsh", "-f", "-i"],
            "fpath=({files} $fpath); autoload -U compinit; compinit -D -u; PS1='rea''dy> '\r"),
    "fish": (["fish", "--no-config", "-i"],
             "source {files}/mirrord.fish; function fish_prompt; echo 'rea''dy> '; end\r"),
}
# What is typed before the tab, and what the line then is.
TYPED = {
    "mirrord ren": "mirrord render ",
    "mirrord view sta": "mirrord view standup",
    "mirrord view --as b": "mirrord view --as bob",
    "mirrord dump --format=j": "mirrord dump --format=json",
    "mirrord web rev": "mirrord web revoke",
    "mirrord web invite --session=s": "mirrord web invite --session=standup",
    "mirrord -- mirr": "mirrord -- mirrord",
}


@pytest.mark.core
@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes(mirrord, terminals, shell):
    if missing(shell):
        pytest.skip(f"needs {shell}")
    watched_session(mirrord, terminals)
    argv, load = SHELLS[shell]
    env = {**mirrord.env, "PATH": f"{mirrord.build}:{os.environ['PATH']}", "TERM": "dumb",
           "XDG_CONFIG_HOME": str(mirrord.folder), "XDG_DATA_HOME": str(mirrord.folder)}
    terminal = terminals(Terminal(argv, 40, 300, env, cwd=mirrord.folder))

    def edits():  # a line, so that it gets keys as they are typed
        return not terminal.modes()[3] & termios.ICANON

    wait_until(edits)
    terminal.type(load.format(files=FILES))
    terminal.wait_for("ready> ")
    wait_until(edits)
    for typed, line in TYPED.items():
        before = len(terminal.settled(0.1))
        terminal.type(typed)
        rest = line[len(typed):].encode()

        def completed():  # what answers late is left out: another tab asks again
            terminal.type("\t")
            with contextlib.suppress(AssertionError):
                terminal.wait_for(rest, 3, start=before + 1)
            return rest in terminal.bytes()[before + 1:]

        wait_until(completed, what=lambda: (line, terminal.bytes()[before:]))
        terminal.settled(0.1)
        terminal.type("\x15")  # the line is thrown away
