# SPDX-License-Identifier: ISC
"""What the tests of the host's side share: a session in a terminal, and what is said to bad input."""



def start(mirrord, terminals, *args, **options):
    return terminals(mirrord.terminal(*args, **options))


def flags(modes):
    """The parts of termios that a program changes: input, output and local flags."""
    return [modes[0], modes[1], modes[3]]


def put_back(terminal):
    return flags(terminal.modes()) == flags(terminal.modes_before)


def bash(mirrord, terminals, *args, name="shared", **options):
    """bash in the foreground with a prompt that says nothing but READY."""
    terminal = start(mirrord, terminals, "-n", name, *args, "--", "bash", "--norc",
                     env={"PS1": "READY$ "}, **options)
    terminal.wait_for("READY$ ")
    return terminal


def say(terminal, command, expected):
    """Types a command and waits for what it prints; `expected` must not stand in the command."""
    start_at = len(terminal.bytes())
    terminal.type(command + "\n")
    terminal.wait_for(expected, start=start_at)


def refused(mirrord, *args, status, says, env=None):
    run = mirrord.run(*args, check=False, env=env)
    assert run.returncode == status, run.stderr
    assert says in run.stderr.decode()
    assert run.stderr.count(b"\n") == 1
    return run
