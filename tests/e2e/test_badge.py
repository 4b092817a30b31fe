# SPDX-License-Identifier: ISC
"""`typing hidden`: shown to viewers while a program reads what the host types without showing it."""

import shlex
import time

import pytest
import rig
from machine import machine as new_machine
from rig import wait_until
from test_hand import events  # noqa: F401  (a fixture)
from test_view import rows_of, view

BADGE = "typing hidden"
LOOKED_S = 1  # after the last key or output the terminal's modes are looked at for 0.7 s


def shell(mirrord, terminals, name="s"):
    host = terminals(mirrord.terminal("-n", name, "--", "bash", "--norc", env={"PS1": "READY> "}))
    host.wait_for("READY> ")
    return host


def shown(mirrord, guest):
    return BADGE in "".join(rows_of(mirrord, guest))


HIDING = {
    "read -s": ("read -s -p 'say: ' x", "say: ", "secret\n"),
    "read -s -n 1": ("read -s -n 1 -p 'say: ' x", "say: ", "k"),
    "getpass": ("/usr/bin/python3 -c 'import getpass; getpass.getpass(\"say: \")'", "say: ", "x\n"),
    "without a prompt": ("read -s x", "", "secret\n"),
    "ssh's passphrase": ("ssh-keygen -q -t ed25519 -f $HOME/made", "passphrase", "\x03"),
}


@pytest.mark.parametrize("what", HIDING)
def test_a_badge_follows_what_hides_typing(mirrord, terminals, what):
    host = shell(mirrord, terminals)
    guest = view(mirrord, terminals, "--as", "bob", "s", wait_for="READY>")
    command, prompt, answer = HIDING[what]
    assert BADGE.encode() not in guest.settled()
    host.type(command + "\n")
    host.wait_for(prompt)
    guest.wait_for(BADGE)
    host.type(answer)
    wait_until(lambda: not shown(mirrord, guest))
    host.type("echo done\n")
    guest.wait_for("done")
    assert not shown(mirrord, guest)


KEY_BY_KEY = {
    "a raw-mode program": "/usr/bin/python3 -c 'import sys, tty; tty.setraw(0); "
                          "print(\"rea\" + \"dy\", flush=True); sys.stdin.read(5)'",
    "one that takes lines apart": "/usr/bin/python3 -c 'import sys, tty; tty.setcbreak(0); "
                                  "print(\"rea\" + \"dy\", flush=True); sys.stdin.read(5)'",
    "a line editor": "echo rea''dy",
    "less": "echo ready | less",
    "more": "yes ready | more",
    "vim": "echo ready >$HOME/file; vim -u NONE $HOME/file",
    "top": "echo rea''dy; top",
    "htop": "echo rea''dy; htop",
}


@pytest.mark.parametrize("what", KEY_BY_KEY)
def test_no_badge_for_programs_that_show_what_is_typed_themselves(mirrord, terminals, events, what):  # noqa: F811
    if rig.missing(*([what] if " " not in what else [])):
        pytest.skip(f"no {what}")
    host = shell(mirrord, terminals)
    stream = events()
    host.type(KEY_BY_KEY[what] + "\n")
    host.wait_for("ready")
    host.type("jk")
    mirrord.run("say", "-n", "s", "look")
    stream.wait("said", text="look")
    time.sleep(LOOKED_S)
    assert "typing-hidden" not in stream.names(), host.bytes()[-1500:]


ASKING = {  # what is typed, and what is seen of the program that asks
    "sudo": ("sudo -k id", "password for host:"),
    "sudo that shows stars": ("sudo -k id", "password for host:"),
    "su": ("su -c id root", "assword:"),
    "ssh": ("ssh -o StrictHostKeyChecking=no -o LogLevel=ERROR host@localhost", "password:"),
}


@pytest.mark.parametrize("what", ASKING)
def test_a_badge_follows_programs_that_ask_for_a_password(mirrord, build, folder, terminals, what):
    """On a machine of its own, for they ask of accounts that have one."""
    command, prompt = ASKING[what]
    lacking = rig.missing(shlex.split(command)[0])
    if lacking:
        pytest.skip(f"no {lacking[0]}")
    with new_machine(folder, build) as machine:
        machine.add_user("host")
        machine.run("echo host:correct | chpasswd")
        if what == "sudo that shows stars":
            machine.write("/etc/sudoers.d/stars", "Defaults pwfeedback\n", mode=0o440)
        if what == "ssh":
            machine.start_sshd()
        host = terminals(machine.terminal(["env", "PS1=READY> ", "mirrord", "-n", "s", "--", "bash", "--norc"],
                                          "host"))
        host.wait_for("READY> ")
        guest = terminals(machine.terminal("mirrord view s", "host"))
        guest.wait_for("READY>")
        assert BADGE.encode() not in guest.settled()
        host.type(command + "\n")
        host.wait_for(prompt)
        guest.wait_for(BADGE)
        host.type("\x03")
        wait_until(lambda: not shown(mirrord, guest), what=lambda: rows_of(mirrord, guest))
        machine.run(["mirrord", "stop", "s"], "host")
        assert host.wait_exit() is not None
