# SPDX-License-Identifier: ISC
"""`mirrord doctor` finds planted holes, and is silent where there is none."""

import json

import pytest
from machine import machine as new_machine

KEYS = "/var/lib/mirrord/guest/.ssh/authorized_keys"
SNIPPET = "/etc/ssh/sshd_config.d/mirrord.conf"
GOOD = 'restrict,pty,command="mirrord view --as bob alice/shared"'


@pytest.fixture
def relay(folder, build):
    """A machine with a relay, a session of alice's, and the key of bob."""
    with new_machine(folder, build) as machine:
        machine.add_user("alice")
        machine.run("mirrord relay setup --host=alice")
        machine.start_sshd()
        machine.key = machine.keygen("bob")
        machine.write(KEYS, f"{GOOD} {machine.key}")
        yield machine


def holes(machine, *options, user=None, before=()):
    """What the doctor finds, as lines "where: text", and what could not be told."""
    run = machine.run([*before, "mirrord", "doctor", "--json", *options], user, check=False)
    assert run.returncode in (0, 1), run.stderr
    found = json.loads(run.stdout)
    said = [f"{one['where']}: {one['text']}" for one in found if one["result"] == "hole"]
    assert bool(said) == run.returncode
    assert all(one["advice"] for one in found if one["result"] == "hole"), found
    return said, [f"{one['where']}: {one['text']}" for one in found if one["result"] == "unknown"]


def edit(old, new):
    return f"sed -i 's/{old}/{new}/' {SNIPPET}"


# A hole, how it is made, what the doctor says; then all is as before.
PLANTED = [
    (f"echo '' > {KEYS}; cat /root/.ssh/bob.pub >> {KEYS}", f"{KEYS}:2: nothing is forced"),
    (f"sed -i s/restrict,pty,// {KEYS}", f"{KEYS}:1: the key may forward ports, agents, displays"),
    (f"sed -i s/restrict/restrikt/ {KEYS}", f"{KEYS}:1: sshd refuses the key"),
    (f"sed -i 's/ ssh-ed25519/\\nssh-ed25519/' {KEYS}", f"{KEYS}:1: these options stand on a line"),
    (f"sed -i p {KEYS}", f"{KEYS}:2: the key stands in line 1 too"),
    (f"chmod 666 {KEYS}", "can be written by others (mode 0666)"),
    (f"chown guest {KEYS}", "the guests' own account, which could let others in"),
    ("chmod 777 /var/lib/mirrord/guest/.ssh", "can be written by others (mode 0777)"),
    ("chown guest /var/lib/mirrord/guest", "guests own its home"),
    ("usermod --shell /bin/bash guest", "guest: its shell is /bin/bash"),
    ("usermod --shell /usr/sbin/nologin guest", "nobody can watch"),
    ("usermod --password '$6$salt$x' guest", "guest: it has a password"),
    ("usermod --append --groups sudo guest", "guest: it is in the group sudo"),
    (edit("AllowTcpForwarding no", "AllowTcpForwarding yes"), "reach other machines"),
    (edit("DisableForwarding yes", "DisableForwarding no"), "forward ports, agents and displays"),
    (edit("X11Forwarding no", "X11Forwarding yes"), "forward a display"),
    (edit("MaxSessions 1", "MaxSessions 10"), "more sessions"),
    (edit("PasswordAuthentication no", "PasswordAuthentication yes"), "try passwords"),
    (edit("ForceCommand.*", "ForceCommand none"), "ForceCommand is none"),
    (f"rm {SNIPPET}", "ForceCommand is none"),
    ("sed -i '1i PermitUserEnvironment yes' /etc/ssh/sshd_config", "LD_PRELOAD"),
    ("sed -i '1i StrictModes no' /etc/ssh/sshd_config", "a file that others can write"),
    ("chmod 777 /run/mirrord/alice", "lets others write to it"),
    ("chown guest /run/mirrord", "its owner is uid"),
]
SAVED = f"{KEYS} {SNIPPET} /etc/ssh/sshd_config /etc/passwd /etc/shadow /etc/group /etc/gshadow"
RESTORE = (f"tar -xpf /root/saved -C /; chown root: {KEYS} /var/lib/mirrord/guest /run/mirrord; "
           "chmod 755 /var/lib/mirrord/guest/.ssh; chmod 2750 /run/mirrord/alice")


@pytest.mark.core
def test_each_planted_hole_is_found_and_a_good_set_up_is_passed_in_one_line(relay):
    assert holes(relay) == ([], [])
    assert len(relay.run("mirrord doctor").stdout.splitlines()) == 1
    relay.run(f"tar -cpf /root/saved {SAVED} 2>/dev/null")
    for plant, words in PLANTED:
        relay.run(plant)
        said, _ = holes(relay)
        assert any(words in line for line in said), (plant, said)
        relay.run(RESTORE)
    assert holes(relay) == ([], [])


def test_an_account_made_by_hand_is_looked_at_too(relay):
    relay.run("useradd --create-home --shell /bin/bash pair && mkdir /home/pair/.ssh")
    relay.write("/home/pair/.ssh/authorized_keys", f'command="tmux attach" {relay.key}')
    said = "\n".join(holes(relay, "--user=pair")[0])
    for words in ("its shell is /bin/bash", "something else than `mirrord view`: tmux attach",
                  "guests own its home", "may forward ports"):
        assert words in said, said


def test_a_users_own_keys_are_not_guests(relay):
    relay.run("mkdir -m 700 .ssh", "alice")
    keys = "/home/alice/.ssh/authorized_keys"
    other = relay.keygen("other")
    relay.write(keys, f"{other}\n{GOOD} {relay.key}\n")
    relay.run(f"chown alice {keys}")
    said, unknown = holes(relay, user="alice")
    assert said == [] and all("only root" in line for line in unknown)
    relay.write(keys, f'{relay.key}{GOOD} {relay.key}command="mirrord view" {other}')
    said = "\n".join(holes(relay, user="alice")[0])
    assert f"{keys}:2: the key stands in line 1 too" in said, said
    assert f"{keys}:3: the key may forward" in said, said


# ---- from outside --------------------------------------------------------------------------------

DOORS = ["another command", "a shell", "sftp", "forwarding to elsewhere", "forwarding from the relay",
         "forwarding from a socket", "forwarding of an agent", "forwarding of a display"]


def ssh_of(machine):
    return "--ssh=" + " ".join(machine.ssh("bob")[:-1])


@pytest.mark.core
def test_the_doors_of_a_good_relay_are_closed(relay):
    said, unknown = holes(relay, ssh_of(relay), "guest@relay")
    assert said == []
    # root may ask the kernel for a tunnel only where there is a device for it
    assert all(line.startswith("a tunnel") for line in unknown), unknown
    run = relay.run(["env", "XDG_RUNTIME_DIR=/run", "mirrord", "doctor", ssh_of(relay), "guest@relay"])
    assert len(run.stdout.splitlines()) == 1, run.stdout
    assert relay.run("find /run -name 'mirrord-*'").stdout == b""


@pytest.mark.core
def test_each_open_door_is_found(relay):
    """An account without what sshd_config has: what counts is the line of the key."""
    relay.run("useradd --create-home --shell /bin/bash pair && mkdir /home/pair/.ssh")
    keys = "/home/pair/.ssh/authorized_keys"
    relay.write("/etc/ssh/sshd_config.d/zz.conf", "X11Forwarding yes\nXAuthLocation /bin/true\n")
    relay.run("kill -HUP $(cat /run/sshd.pid)")
    relay.wait_sshd(2)
    opened = {
        "": DOORS,
        "restrict": ["another command", "a shell", "sftp", "a terminal"],
        "restrict,pty": ["another command", "a shell", "sftp"],
        "restrict,port-forwarding,pty," + GOOD[13:]: [
            "forwarding to elsewhere", "forwarding from the relay", "forwarding from a socket"],
        "restrict,X11-forwarding,pty," + GOOD[13:]: ["forwarding of a display"],
        GOOD: [],
    }
    for options, doors in opened.items():
        relay.write(keys, f"{options} {relay.key}")
        said, unknown = holes(relay, ssh_of(relay), "pair@relay", before=["ssh-agent"])
        assert sorted(line.split(":")[0] for line in said) == sorted(doors), (options, said, unknown)


def test_a_relay_that_cannot_be_reached_is_no_good_relay(relay):
    relay.write(KEYS, "")
    run = relay.run(["mirrord", "doctor", ssh_of(relay), "guest@relay"], check=False)
    assert run.returncode == 69 and b"Permission denied" in run.stderr, run.stderr
    run = relay.run(["mirrord", "doctor", "--ssh=no-such-ssh", "guest@relay"], check=False)
    assert run.returncode == 69 and b"no-such-ssh" in run.stderr, run.stderr
    for wrong in (["a", "b"], ["--user=x", "a"], ["-x"], [""]):
        assert relay.run(["mirrord", "doctor", *wrong], check=False).returncode == 64
