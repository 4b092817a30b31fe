# SPDX-License-Identifier: ISC
"""`mirrord relay setup` on a machine of the test's own, with real useradd and sshd."""

import pytest
from machine import machine as new_machine
from rig import missing, wait_until

SYSTEM = ("/etc", "/run", "/var/lib", "/home", "/usr/local")
KEYS = "/var/lib/mirrord/guest/.ssh/authorized_keys"
SNIPPET = "/etc/ssh/sshd_config.d/mirrord.conf"


@pytest.fixture
def machine(folder, build):
    with new_machine(folder, build) as made:
        yield made


def lines(run):
    return run.stdout.decode().splitlines()


def verbs(run):
    """What was done: the lines of the steps by their first words."""
    words = ("make", "mend", "write", "have", "remove", "keep", "restore")
    return [line.split()[0] for line in lines(run) if line.split()[0] in words]


def refused(machine, *options):
    """A set-up that fails, and leaves the machine as it was. Returns what it says."""
    before = machine.files(*SYSTEM)
    run = machine.run(["mirrord", "relay", "setup", *options], check=False)
    assert run.returncode != 0, run.stdout
    assert machine.files(*SYSTEM) == before
    assert machine.run("getent passwd guest", check=False).returncode == 2
    return run.stderr.decode()


def test_a_dry_run_says_the_same_and_does_nothing(machine):
    machine.add_user("alice")
    before = machine.files(*SYSTEM)
    dry = machine.run("mirrord relay setup --host=alice --dry-run")
    assert machine.files(*SYSTEM) == before
    real = machine.run("mirrord relay setup --host=alice")
    steps = len(verbs(real))
    assert steps > 6 and lines(dry)[:steps] == lines(real)[:steps]


@pytest.mark.core
def test_a_guest_watches_and_the_account_is_good_for_nothing_else(machine, terminals):
    for name in ("alice", "mallory"):
        machine.add_user(name)
    pid = machine.start_sshd()
    said = machine.run("mirrord relay setup --host=alice").stdout.decode()
    assert f"process {pid}" in said
    machine.wait_sshd(2)
    machine.host("alice", "shared", "sh", "-c", "echo the screen; exec sleep 100000")
    key = machine.keygen("bob")
    machine.write(KEYS, f'restrict,pty,command="mirrord view --as bob alice/shared" {key}')
    guest = terminals(machine.terminal(machine.ssh("bob", tty=True)))
    guest.wait_for("the screen")
    who = machine.run("mirrord who", "alice").stdout.decode()
    assert "bob" in who and "ssh" in who, who

    shadow = [line for line in machine.read("/etc/shadow").splitlines() if "guest:" in line]
    assert shadow[0].split(":")[1] == "*"
    its_own = machine.run("find /etc /run /var /usr/local /home -user guest -o "
                          "-group guest -perm /020 -not -type s").stdout.decode()
    assert its_own == ""
    # the group's bit lets guests look into the directory, and others not
    assert machine.run("ls /run/mirrord/alice", "mallory", check=False).returncode != 0
    guest.type("q")
    assert guest.wait_exit() == 0


# What a guest may ask for, with the words of the refusal; each line is a door of plain sshd's.
LINES = {
    "": "no command",
    "restrict,pty": "no command",
    'command="/bin/sh"': "not `mirrord view`",
    'command="mirrord list"': "not `mirrord view`",
    'command="mirrord view; sh"': "",
    'command="/home/alice/mirrord-view view"': "not `mirrord view`",
}


def test_no_line_of_a_key_opens_more_than_the_screen(machine):
    machine.add_user("alice")
    machine.run("mirrord relay setup --host=alice")
    machine.start_sshd()
    machine.host("alice", "shared", "sh", "-c", "echo the screen; exec sleep 100000")
    key = machine.keygen("bob")
    for options, words in LINES.items():
        machine.write(KEYS, f"{options} {key}")
        run = machine.run(machine.ssh("bob", command=["id"]), check=False)
        said = (run.stdout + run.stderr).decode()
        assert run.returncode != 0 and "uid=" not in said and words in said, (options, said)
    run = machine.run(["scp", *machine.ssh("bob")[1:-1], "guest@relay:/etc/passwd", "/tmp/"],
                      check=False)
    assert run.returncode != 0


def test_a_host_is_told_which_line_to_hand_out(machine, terminals):
    for name in ("alice", "carol"):
        machine.add_user(name)
    machine.run("mirrord relay setup --host=alice")
    machine.keygen("bob")
    host = terminals(machine.terminal("mirrord", "alice"))
    host.wait_for("guests watch with   ssh -C guest@relay")
    wait_until(lambda: b"shared" in machine.run("mirrord list", "alice").stdout)
    said = machine.run("mirrord invite", "alice").stdout.decode()
    assert said.startswith("ssh -C guest@relay\n") and "nobody has a key yet" in said
    add = "mirrord guest add --yes --file=/root/.ssh/bob.pub"
    machine.run(f"{add} --session=alice/shared --expires=2030-01-02T03:04Z")
    said = lines(machine.run("mirrord invite shared", "alice"))
    assert said[0] == "ssh -C guest@relay" and said[1].startswith("    bob, until 2030-01-02"), said
    machine.run(f"{add} --session=alice/other")
    assert "bob" not in machine.run("mirrord invite", "alice").stdout.decode()
    # an account that guests come to without root's help
    machine.host("carol", "shared", "sleep", "100000")
    assert machine.run("mirrord invite", "carol", check=False).returncode == 69
    machine.run("mirrord guest add --yes --file=- --name=bob", "carol",
                stdin=machine.read("/root/.ssh/bob.pub").encode())
    assert lines(machine.run("mirrord invite", "carol")) == ["ssh -C carol@relay", "    bob"]
    machine.run("mirrord stop", "alice")


@pytest.mark.parametrize("locked", [False, True])
def test_an_account_that_hosts_nothing_ends_what_its_guests_watch(machine, terminals, locked):
    """It may look at alice's session, as others of the guests' group, and lets bob and eve in by itself."""
    for name in ("alice", "dave"):
        machine.add_user(name)
    machine.run("mirrord relay setup --host=alice && usermod -aG guest dave")
    machine.start_sshd()
    machine.host("alice", "shared", "sh", "-c", "echo the screen; exec sleep 100000")
    guests = {}
    for name in ("bob", "eve"):
        key = machine.keygen(name).encode()
        machine.run(f"mirrord guest add --yes --file=- --name={name} --session=alice/shared", "dave",
                    stdin=key)
        guests[name] = terminals(machine.terminal(machine.ssh(name, to="dave@relay", tty=True)))
        guests[name].wait_for("the screen")
    if locked:
        machine.run("mirrord lock", "alice")
    said = machine.run("mirrord guest remove bob", "dave").stdout.decode()
    assert "sent away 1 who watched" in said
    assert guests["bob"].wait_exit() == 77
    assert b"your access has ended" in guests["bob"].bytes()
    assert guests["eve"].process.poll() is None
    guests["eve"].type("q")
    assert guests["eve"].wait_exit() == 0


def test_what_comes_after_the_snippet_holds_for_everybody(machine):
    machine.write("/etc/ssh/sshd_config.d/zz.conf", "MaxAuthTries 5\nAllowTcpForwarding local\n")
    machine.run("mirrord relay setup")
    for user, forwarding in (("root", "local"), ("guest", "no")):
        config = machine.run(f"/usr/sbin/sshd -T -C user={user},host=x,addr=192.0.2.1")
        config = config.stdout.decode().splitlines()
        assert "maxauthtries 5" in config
        assert f"allowtcpforwarding {forwarding}" in config


@pytest.mark.core
def test_a_second_time_nothing_changes_and_a_host_can_be_added(machine):
    for name in ("alice", "carol"):
        machine.add_user(name)
    machine.run("mirrord relay setup --host=alice")
    made = machine.files(*SYSTEM)
    assert set(verbs(machine.run("mirrord relay setup"))) == {"have"}
    assert machine.files(*SYSTEM) == made
    said = machine.run("mirrord relay setup --host=carol")
    assert sorted(verb for verb in verbs(said) if verb != "have") == ["make", "write"]
    now = machine.files(*SYSTEM)
    for name in ("alice", "carol"):
        mode, uid, gid, _ = now[f"/run/mirrord/{name}"]
        assert mode == oct(0o042750)
        assert machine.run(f"stat -c %U:%G /run/mirrord/{name}").stdout == b"%s:guest\n" % name.encode()
    # what systemd-tmpfiles makes after a restart is what was made now
    machine.run("rm -r /run/mirrord && systemd-tmpfiles --create /etc/tmpfiles.d/mirrord.conf")
    assert {name: entry for name, entry in machine.files("/run").items()} == {
        name: entry for name, entry in now.items() if name.startswith("/run")}


@pytest.mark.core
def test_undo_leaves_the_machine_as_it_was(machine):
    machine.add_user("alice")
    before = machine.files(*SYSTEM)
    machine.run("mirrord relay setup --user=visitors --host=alice")
    assert machine.files(*SYSTEM) != before
    dry = machine.run("mirrord relay setup --undo --dry-run")
    real = machine.run("mirrord relay setup --undo")
    assert verbs(dry) == verbs(real) and set(verbs(real)) == {"remove"}
    assert machine.files(*SYSTEM) == before
    assert "nothing to undo" in machine.run("mirrord relay setup --undo").stdout.decode()


def test_a_set_up_that_is_killed_anywhere_can_be_undone(machine):
    if missing("strace"):
        pytest.skip("needs strace")
    machine.add_user("alice")
    before = machine.files(*SYSTEM)
    for call in ("rename", "mkdir", "lchown", "fsync"):
        for when in range(1, 40):
            run = machine.run(["strace", "-qq", "-o", "/dev/null", "-e", f"inject={call}:signal=KILL:"
                               f"when={when}", "mirrord", "relay", "setup", "--host=alice"], check=False)
            if run.returncode == 0:
                break
            machine.run("mirrord relay setup --undo")
            assert machine.files(*SYSTEM) == before, (call, when)
        assert run.returncode == 0 and when > 3, (call, when)
        machine.run("mirrord relay setup --undo")


def test_undo_keeps_what_others_have_written(machine):
    machine.run("mirrord relay setup")
    machine.write(KEYS, "# a key of somebody's\n")
    said = machine.run("mirrord relay setup --undo").stdout.decode()
    assert f"keep    {KEYS}" in said
    assert machine.read(KEYS) == "# a key of somebody's\n"
    assert machine.run("getent passwd guest", check=False).returncode == 2
    machine.run("mirrord relay setup")
    assert machine.read(KEYS) == "# a key of somebody's\n"


def test_a_directory_that_was_tampered_with_is_mended(machine):
    machine.add_user("alice")
    machine.run("mirrord relay setup --host=alice")
    made = machine.files(*SYSTEM)
    machine.run("chmod 777 /run/mirrord/alice && chown nobody /run/mirrord")
    assert verbs(machine.run("mirrord relay setup")).count("mend") == 2
    assert machine.files(*SYSTEM) == made


def test_a_mirrord_that_others_could_change_is_not_what_guests_get(machine):
    machine.add_user("alice")
    before = machine.files(*SYSTEM)
    for where in ("/home/alice/mirrord", "/usr/local/odd dir/mirrord"):
        machine.run(["sh", "-c", 'mkdir -p "${1%/*}"; cp /usr/local/bin/mirrord "$1"', "sh", where])
        run = machine.run([where, "relay", "setup"], check=False)
        assert run.returncode == 78 and b"only root to change it" in run.stderr, run.stderr
        machine.run(["sh", "-c", 'rm "$1"; rmdir "${1%/*}" || :', "sh", where])
    machine.run("chmod 777 /usr/local/bin")
    assert machine.run("mirrord relay setup", check=False).returncode == 78
    machine.run("chmod 755 /usr/local/bin")
    assert machine.files(*SYSTEM) == before


PLANTED = {
    "a configuration that sshd does not take": (
        lambda m: m.write("/etc/ssh/sshd_config.d/a.conf", "NoSuchKeyword yes\n"), "as it is"),
    "an earlier Match that opens a door": (
        lambda m: m.write("/etc/ssh/sshd_config.d/a.conf", "Match User g*\nAllowTcpForwarding yes\n"),
        "AllowTcpForwarding no"),
    "a configuration that includes nothing": (
        lambda m: m.write("/etc/ssh/sshd_config", "UsePAM yes\n"), "has to include"),
    "a snippet of somebody's": (
        lambda m: m.write(SNIPPET, "# mine\n"), "is not as mirrord made it"),
    "a directory of somebody's": (
        lambda m: m.run("mkdir -m 777 /run/mirrord"), "mode 0777"),
    "a file for a directory": (
        lambda m: m.write("/var/lib/mirrord/guest", ""), "is no directory"),
    "a group of the account's name": (
        lambda m: m.run("groupadd guest"), "group guest exists"),
    "a record that is damaged": (
        lambda m: m.write("/var/lib/mirrord/relay.record", "something\n"), "damaged"),
}


@pytest.mark.core
def test_what_is_in_the_way_is_named_and_nothing_is_left(machine):
    for what, (plant, words) in PLANTED.items():
        machine.run("rm -rf /run/mirrord /var/lib/mirrord /etc/ssh/sshd_config.d/*")
        machine.run("cp /etc/ssh/sshd_config /root/; ! getent group guest || groupdel guest")
        plant(machine)
        said = refused(machine)
        assert words in said, (what, said)
        machine.run("cp /root/sshd_config /etc/ssh/")
    machine.run("rm -rf /run/mirrord /var/lib/mirrord /etc/ssh/sshd_config.d/*")
    machine.run("! getent group guest || groupdel guest")
    machine.run("mirrord relay setup")  # with nothing in the way


def test_an_account_that_is_somebodys_is_left_alone(machine):
    machine.add_user("alice")
    before = machine.files(*SYSTEM)
    for options, words in ((["--user=alice"], "did not make"), (["--host=nobody-known"], "no account"),
                           (["--user=root"], "no name"), (["--user=-x"], "no name"),
                           (["--user=a,b"], "no name"), (["word"], "one word too many")):
        run = machine.run(["mirrord", "relay", "setup", *options], check=False)
        assert run.returncode != 0 and words in run.stderr.decode(), (options, run.stderr)
    for line in ("mirrord relay setup", "mirrord relay setup --undo"):
        run = machine.run(line, "alice", check=False)
        assert run.returncode == 77 and b"only root" in run.stderr
    assert machine.files(*SYSTEM) == before


def test_an_account_in_use_is_removed_when_it_is_not(machine, terminals):
    machine.start_sshd()
    machine.run("mirrord relay setup")
    machine.wait_sshd(2)
    key = machine.keygen("bob")
    machine.write(KEYS, f'restrict,pty,command="mirrord view --wait --as bob" {key}')
    guest = terminals(machine.terminal(machine.ssh("bob", tty=True)))
    wait_until(lambda: machine.run("pgrep -u guest mirrord", check=False).stdout,
               what=lambda: guest.bytes())
    run = machine.run("mirrord relay setup --undo", check=False)
    assert run.returncode == 75 and b"account guest stays" in run.stderr
    guest.type("q")
    guest.wait_exit()
    wait_until(lambda: machine.run("mirrord relay setup --undo", check=False).returncode == 0)
    assert machine.run("getent passwd guest", check=False).returncode == 2
