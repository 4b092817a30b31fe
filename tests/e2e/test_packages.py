# SPDX-License-Identifier: ISC
"""What is installed: manual pages, units, the .deb, and all of it under another name. test_debian.py has it on a
Debian of its own."""

import os
import re
import shlex
import shutil
import subprocess

import pytest
import rig
from machine import machine as new_machine
from rig import PROJECT, Mirrord, missing


def call(*argv, check=True, **options):
    run = subprocess.run([str(word) for word in argv], capture_output=True, timeout=600, **options)
    if check and run.returncode != 0:
        raise AssertionError(f"{argv}: status {run.returncode}: "
                             f"{run.stdout.decode()[-3000:]}{run.stderr.decode()[-3000:]}")
    return run


def commands_of(mirrord):
    lines = mirrord.run("help").stdout.decode().splitlines()
    return [line.split()[1] for line in lines if line.startswith("  mirrord ")]


def install(build, folder, prefix):
    call("cmake", "--install", build, "--prefix", prefix, env={**os.environ, "DESTDIR": str(folder)})


@pytest.fixture
def deb(build, folder):
    if missing("dpkg", "dpkg-shlibdeps", "cpack"):
        pytest.skip("needs dpkg, dpkg-dev and cpack")
    if rig.is_sanitized(build):
        pytest.skip("a package is made of the release")
    call("cpack", "--config", build / "CPackConfig.cmake", "-B", folder / "cpack")
    return next((folder / "cpack").glob("*.deb"))


@pytest.fixture
def soaking(soak):
    if not soak:
        pytest.skip("takes minutes: ./check --soak")


@pytest.mark.core
def test_every_command_has_a_manual_page(mirrord, build, folder):
    install(build, folder, "/usr")
    pages = folder / "usr/share/man/man1"
    assert {page.name for page in pages.iterdir()} == {
        "mirrord.1", *(f"mirrord-{name}.1" for name in commands_of(mirrord))}
    for page in pages.iterdir():
        lint = call("mandoc", "-Tlint", "-Wwarning", page, check=False)
        assert lint.returncode == 0, lint.stdout
        text = call("mandoc", "-Tascii", "-O", "width=78", page).stdout.decode().replace("_\b", "")
        for heading in ("NAME", "SYNOPSIS", "DESCRIPTION"):
            assert heading[0] + "\b" + heading[0] in text, (page, heading)
        assert len(text) > 300, text


@pytest.mark.core
def test_systemd_takes_the_units(build, folder):
    if missing("systemd-analyze"):
        pytest.skip("needs systemd-analyze")
    with new_machine(folder, build) as machine:
        local = machine.root / "usr/local"
        shutil.rmtree(local / "bin")
        install(build, folder / "installed", "/usr/local")
        shutil.copytree(folder / "installed/usr/local", local, dirs_exist_ok=True)
        for scope, unit in (("--user", "user/mirrord@.service"),
                            ("--system", "system/mirrord-web@.service")):
            run = machine.run("XDG_RUNTIME_DIR=/root "
                              f"systemd-analyze verify --man=no {scope} "
                              f"/usr/local/lib/systemd/{unit}", check=False)
            assert run.returncode == 0 and run.stderr == b"", run.stderr
        run = machine.run("systemd-analyze security --offline=yes --threshold=20 "
                          "/usr/local/lib/systemd/system/mirrord-web@.service", check=False)
        assert run.returncode == 0, run.stdout[-1500:]


# dpkg with a root of its own, where no program is run: what is in the package, and what purge leaves.
@pytest.mark.core
def test_the_deb_installs_works_and_leaves_nothing(deb, folder, terminals):
    if os.getuid() != 0:
        pytest.skip("needs root, for dpkg")
    root = folder / "root"
    (root / "var/lib/dpkg/updates").mkdir(parents=True)
    (root / "var/lib/dpkg/info").mkdir()
    (root / "var/lib/dpkg/status").touch()
    before = {path for path in root.rglob("*")}
    dpkg = ("dpkg", f"--root={root}", "--force-script-chrootless", "--force-depends", "--log=/dev/null")
    call(*dpkg, "--install", deb)

    installed = Mirrord(root / "usr/bin", folder)
    libraries = call("ldd", installed.binary).stdout.decode()
    assert "not found" not in libraries and str(PROJECT) not in libraries, libraries
    host = terminals(installed.terminal("--", "bash", "--norc"))
    host.wait_for("$ " if os.getuid() else "# ")
    host.type("echo $((6*7)) is it\r")
    installed.wait_row("shared", "42 is it")
    viewer = terminals(installed.terminal("view"))
    viewer.wait_for("42 is it")
    host.type("exit\r")
    assert host.wait_exit() == 0 and viewer.wait_exit() == 0
    page = call("man", "-M", root / "usr/share/man", "mirrord-view",
                env={"PATH": os.environ["PATH"], "MANPAGER": "cat"}) if shutil.which("man") else None
    assert not page or b"watch a session in this terminal" in page.stdout

    # what `relay setup` left is part of a purge
    record = root / "var/lib/mirrord/relay.record"
    (root / "etc").mkdir()
    (root / "etc/of-the-relay").write_text("x")
    record.parent.mkdir(parents=True)
    record.write_text("mirrord made, 1\nfile 00000000 /etc/of-the-relay\n")
    call(*dpkg, "--remove", "mirrord")
    assert record.exists() and (root / "etc/of-the-relay").exists()
    call(*dpkg, "--purge", "mirrord")
    left = {path for path in root.rglob("*")} - before
    left = {path for path in left if "var/lib/dpkg" not in str(path)}
    assert left <= {root / "etc"}, left


TEXTS = re.compile(r'"mirrord: |`mirrord |mirrord (view|watch|publish|relay|guest|web|attach|who) ')


def test_the_program_is_named_by_one_definition():
    """A tool for Kubernetes is called mirrord too: what is printed says MIRRORD_NAME."""
    wrong = []
    for path in sorted([*PROJECT.glob("server/**/*.[ch]"), *PROJECT.glob("web/*.[ch]")]):
        for line in path.read_text().splitlines():
            texts = re.findall(r'"(?:[^"\\]|\\.)*"', line.split("//")[0])
            if any(TEXTS.search(text) for text in texts) and "AUTHKEYS_BEGIN" not in line:
                wrong.append(f"{path.relative_to(PROJECT)}: {line.strip()}")
    assert wrong == []


def test_it_is_built_and_installed_under_another_name(soaking, folder, terminals):
    here = folder / "build"
    call("cmake", "-S", PROJECT, "-B", here, "-G", "Ninja", "-DMIRRORD_NAME=screenshare")
    call("cmake", "--build", here)
    install(here, folder / "there", "/usr")
    names = [path.name for path in (folder / "there").rglob("*") if path.is_file()]
    wrong = [name for name in names if "mirrord" in name]
    assert not wrong and {"screenshare", "screenshare-web", "screenshare-view.1", "screenshare-who.1",
                          "_screenshare", "screenshare@.service"} <= set(names), names
    unit = next((folder / "there").rglob("screenshare@.service")).read_text()
    assert "ExecStart=screenshare " in unit
    assert "screenshare-web@" in (here / "packaging/debian/postrm").read_text()

    other = Mirrord(folder / "there/usr/bin", folder)
    other.binary = folder / "there/usr/bin/screenshare"
    other.env["PATH"] = f"{other.binary.parent}:{other.env['PATH']}"
    for command in ["help"], *(["help", name] for name in ("web", "view", "watch", "guest", "who")):
        text = other.run(*command).stdout
        assert text.startswith(b"usage: screenshare ") and b"mirrord" not in text, text
    for command in (["view", "--what"], ["who", "x"], ["kick"], ["nothing"], ["web", "--what"],
                    ["relay", "what"], ["lock", "--what"], ["list", "x"], ["attach", "x"], ["say", "x"]):
        run = other.run(*command, check=False)
        assert run.returncode and run.stderr.startswith(b"screenshare: "), run.stderr
        assert b"mirrord" not in run.stderr, run.stderr
    other.detached("shared", "sh", "-c", "echo the screen; sleep 100000")
    other.wait_row("shared", "the screen")
    viewer = terminals(other.terminal("view"))
    viewer.wait_for("the screen")
    # What a watcher asks for there is called as it is itself.
    sshd = rig.Sshd(folder / "sshd", {**other.ssh_env, "PATH": other.env["PATH"]})
    try:
        for line in ('restrict,command="screenshare view --as alice shared"', "restrict"):
            identity = sshd.guest(f"key{len(line)}", line)
            ssh = shlex.join(sshd.ssh(identity, tty=False)[:-1])
            watcher = terminals(other.terminal("watch", f"--ssh={ssh}", f"{rig.account()}@127.0.0.1"))
            watcher.wait_for("the screen")
    finally:
        sshd.close()
    other.close()
