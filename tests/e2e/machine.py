# SPDX-License-Identifier: ISC
"""A machine of a test's own, made of namespaces: its own /etc, /run, /tmp, /var/lib, /usr/local,
homes and network, so that real useradd, sshd and files of the system's can be tried as root. Nothing of it outlives
the test: the mounts go with the process that holds them."""

import contextlib
import hashlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from rig import DEADLINE_S, END_S, Terminal, children_of, kill_quietly, missing, wait_until

# Everything a set-up may write to, made in the new mount namespace. $1: a folder that is ours.
MOUNTS = """set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 machine "$1"
mkdir -p "$1/etc" "$1/lib" "$1/run/sshd" "$1/local/bin" "$1/home" "$1/root"
chmod 700 "$1/root"
cp -a /etc/. "$1/etc"
rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/ssh/sshd_config.d/*
chmod 755 "$1/run/sshd"
mount --bind "$1/etc" /etc
mount --bind "$1/run" /run
mount --bind "$1/lib" /var/lib
mount --bind "$1/local" /usr/local
mount --bind "$1/home" /home
mount --bind "$1/root" /root
mount -t tmpfs -o mode=1777 tmp /tmp
ip link set lo up
hostname relay
echo '127.0.0.1 localhost relay' > /etc/hosts
ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key
echo ready
exec sleep 100000
"""


def why_not():
    """Why no machine can be made here, or None."""
    if os.getuid() != 0:
        return "needs root, for accounts and mounts"
    lacking = missing("unshare", "nsenter", "ip", "useradd", "ssh-keygen")
    if lacking:
        return f"needs {', '.join(lacking)}"
    trial = subprocess.run(["unshare", "-m", "-n", "-u", "true"], capture_output=True)
    return None if trial.returncode == 0 else "needs namespaces"


class Number:
    """A number that no other machine has meanwhile, of whatever process: `place`."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_UNIX)
        for self.place in range(60):
            with contextlib.suppress(OSError):
                self.socket.bind(f"\0mirrord-test-machine-{self.place}")
                return
        raise AssertionError("sixty machines at once")

    def close(self):
        self.socket.close()


class Machine:
    def __init__(self, folder, build):
        self.folder = Path(folder)
        self.folder.mkdir()
        self.build = Path(build)
        self.sshd = None
        self.sessions = []
        self.number = Number()
        self.holder = subprocess.Popen(
            ["unshare", "-m", "-n", "-u", "sh", "-c", MOUNTS, "sh", str(self.folder)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if self.holder.stdout.readline() != b"ready\n":
            self.holder.kill()
            pytest.fail(f"no machine: {self.holder.communicate()[1].decode()}")
        self.root = Path(f"/proc/{self.holder.pid}/root")  # its files, seen from here
        self.install()

    def install(self):
        """mirrord as `cmake --install` would put it there."""
        for program in self.build.glob("mirrord*"):
            shutil.copy(program, self.root / "usr/local/bin")
        # Machines share this one's processes, and userdel looks whether an account has any: so the system
        # accounts of two that run at the same time must not have the same numbers.
        first = 300 + self.number.place * 10
        with open(self.root / "etc/login.defs", "a") as file:
            file.writelines(f"SYS_{kind}_{end} {first + (9 if end == 'MAX' else 0)}\n"
                            for kind in ("UID", "GID") for end in ("MIN", "MAX"))

    def argv(self, command, user=None):
        """What runs `command` (words, or a line for sh) on the machine as root or `user`."""
        words = ["sh", "-c", command] if isinstance(command, str) else [str(w) for w in command]
        home = f"/home/{user}" if user else "/root"
        env = ["env", f"--chdir={home}", "-i", f"HOME={home}", f"USER={user or 'root'}", "LANG=C.UTF-8",
               "TERM=xterm-256color", "SHELL=/bin/sh",
               "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]
        env += [f"{key}={os.environ[key]}" for key in ("ASAN_OPTIONS", "UBSAN_OPTIONS")
                if key in os.environ]
        as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
        return ["nsenter", "-t", str(self.holder.pid), "-m", "-n", "-u",
                *as_user, *env, *words]

    def run(self, command, user=None, check=True, stdin=b"", timeout=DEADLINE_S):
        run = subprocess.run(self.argv(command, user), input=stdin, capture_output=True,
                             timeout=timeout)
        if check and run.returncode != 0:
            raise AssertionError(f"{command}: status {run.returncode}: "
                                 f"{run.stdout.decode()}{run.stderr.decode()}")
        return run

    def terminal(self, command, user=None, rows=24, cols=80):
        return Terminal(self.argv(command, user), rows, cols)

    def add_user(self, name):
        self.run(["useradd", "--create-home", "--shell", "/bin/bash", name])

    def host(self, user, name, *command):
        """A session of that user's without a terminal."""
        self.run(["mirrord", "-n", name, "--detach", "--", *command], user)
        self.sessions.append((user, name))

    def write(self, path, text, mode=0o644):
        path = self.root / str(path).lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def read(self, path):
        return (self.root / str(path).lstrip("/")).read_text()

    def keygen(self, name, user=None):
        """A key pair without a passphrase in the user's ~/.ssh; returns the public line."""
        home = f"/home/{user}" if user else "/root"
        self.run(f"mkdir -p -m 700 {home}/.ssh && "
                 f"ssh-keygen -q -t ed25519 -N '' -C {name} -f {home}/.ssh/{name}", user)
        return self.read(f"{home}/.ssh/{name}.pub")

    def start_sshd(self):
        """Returns its process id."""
        self.log = self.folder.parent / "sshd.log"
        with open(self.log, "ab") as log:
            self.sshd = subprocess.Popen(self.argv(["/usr/sbin/sshd", "-D", "-e"]),
                                         stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.wait_sshd(1)
        return int(self.read("/run/sshd.pid"))

    def wait_sshd(self, times):
        """Until it has begun to listen so many times: once more after each reload."""
        def listening():
            return self.log.read_text().count("Server listening on 0.0.0.0") >= times
        wait_until(listening, what=lambda: self.log.read_text())
        wait_until((self.root / "run/sshd.pid").exists)

    def ssh(self, key, *options, to="guest@relay", tty=False, command=()):
        return ["ssh", "-i", f"/root/.ssh/{key}", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
                "-o", "StrictHostKeyChecking=no", "-o", "LogLevel=ERROR",
                *(["-tt"] if tty else []), *options, to, *command]

    def files(self, *folders, but=()):
        """Every file below: mode, owner, contents; without what useradd keeps beside its files."""
        found = {}
        for folder in folders:
            base = self.root / folder.lstrip("/")
            for path in [base, *sorted(base.rglob("*"))]:
                name = "/" + str(path.relative_to(self.root))
                if name in but or name in ("/etc/passwd-", "/etc/group-", "/etc/shadow-",
                                           "/etc/gshadow-", "/etc/subuid-", "/etc/subgid-",
                                           "/etc/.pwd.lock"):
                    continue
                stat = path.lstat()
                body = ""
                if path.is_symlink():
                    body = os.readlink(path)
                elif path.is_file():
                    body = hashlib.sha256(path.read_bytes()).hexdigest()
                found[name] = (oct(stat.st_mode), stat.st_uid, stat.st_gid, body)
        return found

    def close(self):
        for user, name in self.sessions:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.run(["mirrord", "stop", name], user, check=False)
        if self.sshd:
            for pid in (self.sshd.pid, *children_of(self.sshd.pid)):
                kill_quietly(pid, signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.sshd.wait(END_S)
            kill_quietly(self.sshd.pid)
            self.sshd.wait()
        self.holder.kill()
        self.holder.wait()
        self.number.close()


@contextlib.contextmanager
def machine(folder, build):
    reason = why_not()
    if reason:
        pytest.skip(reason)
    made = Machine(Path(folder) / "machine", build)
    try:
        yield made
    finally:
        made.close()


def quote(words):
    return " ".join(shlex.quote(str(word)) for word in words)
