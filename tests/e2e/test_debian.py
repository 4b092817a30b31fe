# SPDX-License-Identifier: ISC
"""The .deb on a fresh Debian 12 of its own, with systemd as the first of its processes: --soak alone."""

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
import rig
from rig import children_of, kill_quietly, missing, wait_until
from test_packages import call, deb, soaking  # noqa: F401  (fixtures)

# Boots what stands in $1, in namespaces of its own: version 1 of control groups and version 2.
BOOT = """set -e
mount --make-rprivate /
mount --bind "$1" "$1"
mount -t proc proc "$1/proc"
mount -t sysfs -o ro sysfs "$1/sys"
if [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ]; then
	mount -t cgroup2 cgroup2 "$1/sys/fs/cgroup"
else
	mount -t tmpfs -o mode=755 tmpfs "$1/sys/fs/cgroup"
	mkdir "$1/sys/fs/cgroup/systemd"
	mount -t cgroup -o none,name=systemd cgroup "$1/sys/fs/cgroup/systemd"
fi
mount -t tmpfs -o mode=755 tmpfs "$1/dev"
for device in null zero full random urandom tty; do cp -a /dev/$device "$1/dev"; done
mkdir "$1/dev/pts" "$1/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts "$1/dev/pts"
ln -s pts/ptmx "$1/dev/ptmx"
ln -s /proc/self/fd "$1/dev/fd"
mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm"
mount -t tmpfs -o mode=755 tmpfs "$1/run"
ip link set lo up
hostname relay
cd "$1"
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=test chroot . /lib/systemd/systemd --log-target=journal
"""
PACKAGES = "systemd,systemd-sysv,dbus,libpam-systemd,dbus-user-session,openssh-server,man-db"
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def control_groups():
    """What stands in this process's groups of each hierarchy: systemd makes its own below them."""
    found = set()
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, names, path = line.split(":", 2)
        base = Path("/sys/fs/cgroup")
        for folder in (base / (names.removeprefix("name=") or "unified"), base):
            if (folder / path.lstrip("/")).is_dir():
                found |= {entry for entry in (folder / path.lstrip("/")).iterdir() if entry.is_dir()}
                break
    return found


class Debian:
    """A fresh one: run() is a line for its root's shell."""

    def __init__(self, root):
        self.root = root
        if missing("debootstrap", "unshare", "nsenter", "ip"):
            pytest.skip("needs debootstrap, util-linux and iproute2")
        call("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", root)
        self.groups = control_groups()
        self.holder = subprocess.Popen(
            ["unshare", "-p", "-m", "-C", "-u", "-i", "-n", "-f", "--kill-child", "sh", "-c", BOOT, "sh", root],
            stdin=subprocess.DEVNULL)
        self.init = str(wait_until(lambda: children_of(self.holder.pid))[0])
        wait_until(lambda: self.run("systemctl is-system-running", check=False).stdout == b"running\n", 120,
                   what=lambda: self.run("systemctl --failed", check=False).stdout)

    def argv(self, line, network=("-n",)):
        return ["nsenter", "-t", self.init, "-p", "-m", "-r", "-w", "-u", "-i", *network, "-C", "env", "-i",
                f"PATH={PATH}", "HOME=/root", "TERM=xterm-256color", "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive", "sh", "-c", line]

    def run(self, line, check=True):
        return call(*self.argv(line), check=check, stdin=subprocess.DEVNULL)

    def run_outside(self, line):
        """With the network of this machine, to fetch packages."""
        return call(*self.argv(line, ()), stdin=subprocess.DEVNULL)

    def says(self, line, check=False):
        return self.run(line, check=check).stdout.decode().strip()

    def user(self, line, name="alice"):
        uid = self.says(f"id -u {name}")
        return self.run(f"setpriv --reuid={name} --regid={name} --init-groups env HOME=/home/{name} USER={name} "
                        f"SHELL=/bin/bash XDG_RUNTIME_DIR=/run/user/{uid} {line}", check=False)

    def files(self):
        return set(self.says("find / -xdev -not -path '/var/cache/*' -not -path '/var/log/*' "
                             "-not -path '/tmp/*' -not -path '/home/*'").splitlines())

    def close(self):
        kill_quietly(int(self.init), signal.SIGKILL)
        self.holder.wait()
        for group in control_groups() - self.groups:
            for folder in [*sorted(group.rglob("*/"), reverse=True), group]:
                with contextlib.suppress(OSError):  # not empty: it is somebody else's
                    folder.rmdir()


@pytest.fixture
def debian(soaking, folder):  # noqa: F811
    if os.getuid() != 0:
        pytest.skip("needs root")
    made = Debian(folder / "debian")
    yield made
    made.close()


def test_a_debian_without_build_tools_runs_the_deb(debian, deb, terminals):  # noqa: F811
    debian.run("useradd -m -s /bin/bash alice; loginctl enable-linger alice")
    before = debian.files()
    shutil.copy(deb, debian.root / "root")
    debian.run_outside("apt-get update && apt-get install -y --no-install-recommends /root/*.deb")
    assert not debian.says("command -v gcc cmake")
    host = terminals(rig.Terminal(debian.argv("MIRRORD_DIR=/root/m mirrord -- bash --norc")))
    host.wait_for("# ")
    host.type("echo $((6*7)) is it\r")
    wait_until(lambda: "42 is it" in debian.says("MIRRORD_DIR=/root/m mirrord dump"))
    host.type("exit\r")
    assert host.wait_exit() == 0
    debian.run("rm -r /root/m")
    assert "watch a session" in debian.says("man mirrord-view")
    for scope, unit in ("--system", "system/mirrord-web@.service"), ("--user", "user/mirrord@.service"):
        run = debian.run(f"XDG_RUNTIME_DIR=/root systemd-analyze verify {scope} /usr/lib/systemd/{unit}")
        assert run.stderr == b"", run.stderr

    # A session of a user's that systemd starts, and stops without a failure.
    debian.user("systemctl --user enable --now mirrord@shared")
    assert b"detached" in debian.user("mirrord list").stdout
    keeper = debian.user("systemctl --user show -p MainPID --value mirrord@shared").stdout.decode().strip()
    shell = debian.says(f"cat /proc/{keeper}/task/{keeper}/children").split()[0]
    assert "NoNewPrivs:\t0" in debian.says(f"cat /proc/{shell}/status")  # sudo works in it
    debian.user("systemctl --user stop mirrord@shared")
    assert debian.user("systemctl --user is-active mirrord@shared").stdout == b"inactive\n"
    assert b"no session" in debian.user("mirrord list").stderr

    # What docs/security.md says can be taken from it.
    debian.run("mkdir -p /etc/systemd/user/mirrord@own.service.d && printf '[Service]\\nNoNewPrivileges=yes\\n"
               "RestrictSUIDSGID=yes\\nLockPersonality=yes\\n' >/etc/systemd/user/mirrord@own.service.d/own.conf")
    debian.user("systemctl --user daemon-reload")
    debian.user("systemctl --user start mirrord@own")
    assert b"detached" in debian.user("mirrord list").stdout
    assert debian.user("mirrord dump own").returncode == 0
    debian.user("systemctl --user stop mirrord@own")
    debian.run("rm -r /etc/systemd/user/mirrord@own.service.d")

    # A gateway for browsers, locked in twice, and a guest by ssh who watches while all of it is purged.
    debian.run("mirrord relay setup --host=alice && systemctl enable --now mirrord-web@alice")
    wait_until(lambda: debian.user("mirrord web invite --name=carol").returncode == 0)
    gateway = debian.says("systemctl show -p MainPID --value mirrord-web@alice")
    inner = debian.says(f"cat /proc/{gateway}/task/{gateway}/children").split()[0]
    assert "Seccomp_filters" in debian.says(f"cat /proc/{inner}/status")
    debian.user("mirrord -n s --detach -- sh -c 'echo the screen; exec sleep 1000'")
    debian.run("ssh-keygen -q -t ed25519 -N '' -f /root/bob && mirrord guest add --file=/root/bob.pub --name=bob --yes")
    bob = terminals(rig.Terminal(debian.argv(
        "ssh -tt -o StrictHostKeyChecking=no -i /root/bob guest@127.0.0.1")))
    bob.wait_for("the screen")
    debian.run("apt-get purge -y mirrord")
    bob.wait_exit()
    assert not debian.says("getent passwd guest; getent group guest")
    left = {path for path in debian.files() - before if not path.startswith(("/root/", "/run/"))}
    assert not any("mirrord" in path or "guest" in path for path in left), left
    assert "user@" not in debian.says("systemctl --failed --plain --no-legend")
    assert not debian.says("systemctl list-units --all --plain --no-legend 'mirrord*'")
