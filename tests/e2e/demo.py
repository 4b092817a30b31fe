# SPDX-License-Identifier: ISC
"""./run --demo: a host's session, a private sshd, a guest who logs in, and both screens side by side.

Needs no terminal. Status 0 if the guest's screen is the host's, cell by cell, else 1.
"""

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

import rig
import screens

ROWS, COLS = 16, 58
FORCED = 'restrict,pty,command="mirrord view --as alice shared"'

# What the session shows: it draws, goes to the alternate screen and back, scrolls a region, moves
# about. The answers to all of this are in the final screen.
SCRIPT = r"""
printf '\033]2;the demo\007\033[1;32mhost@relay\033[m:\033[34m~\033[m$ ls\r\n'
printf '\033[34mdocs\033[m  \033[34mserver\033[m  \033[34mvt\033[m  \033[32mrun\033[m  \033[32mcheck\033[m\r\n'
printf '\033[?1049h\033[2J\033[5;5Hsomething on the alternate screen\033[?1049l'
for i in 41 42 43 44 45 46 47; do printf "\033[${i}m $i \033[m"; done
for i in 0 20 40 60 80 100 120 140 160 180 200 220 240; do
	printf '\033[48;2;%d;90;%dm#\033[m' "$i" "$((255 - i))"
done
printf '\r\n\033[3mitalic\033[m \033[4munderlined\033[m \033[9mstruck\033[m \033[7mreverse\033[m\r\n'
printf 'příliš žluťoučký kůň  漢字かな  한국어  e\314\201a\314\210\r\n'
printf '┌────────┬────────┐\r\n│ ██████ │ ▓▓▒▒░░ │\r\n└────────┴────────┘\r\n'
printf '\033[10;14r\033[14;1H'
for i in 1 2 3 4 5 6 7 8 9; do printf '\r\nline %d of a region that scrolls' "$i"; done
printf '\033[r\033[10;40H\033[33mwritten afterwards\033[m'
printf '\033[16;1H\033[1;32mhost@relay\033[m:\033[34m~\033[m$ '
exec sleep 100000
"""


def guest_shows(session, guest):
    """The host's and the guest's grids, and what differs."""
    host = screens.from_host(session.screen("shared"))
    witness = rig.libvterm_screen(session.build, guest.bytes(), ROWS, COLS)
    shown = screens.from_witness(witness)
    return host, shown, screens.difference(*screens.nearest(host, shown))


def who(session):
    return json.loads(session.run("who", "--json", "shared").stdout)[0]


def side_by_side(left, right):
    def fit(row):
        width = sum(c[1] for c in row)
        return "".join(c[0] for c in row) + " " * (COLS - width)

    rule = "-" * COLS
    print(f" {'the host':{COLS}}   {'the guest, through ssh'}")
    print(f"+{rule}+ +{rule}+")
    for row_left, row_right in zip(left, right):
        print(f"|{fit(row_left)}| |{fit(row_right)}|")
    print(f"+{rule}+ +{rule}+")


def run_demo(folder):
    session = rig.Mirrord(rig.build_dir(), folder)
    script = folder / "script.sh"
    script.write_text(SCRIPT)
    sshd = guest = None
    try:
        session.detached("shared", "sh", str(script), rows=ROWS, cols=COLS)
        sshd = rig.Sshd(folder / "sshd", session.ssh_env)
        print(f"A session of {COLS}x{ROWS}, and an sshd on 127.0.0.1 port {sshd.port}. A guest's key:")
        print(f"  {FORCED} ssh-ed25519 ...")
        identity = sshd.guest("alice", FORCED)
        env = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "LANG": "C.UTF-8"}
        guest = rig.Terminal(sshd.ssh(identity), ROWS, COLS, env)
        try:
            rig.wait_until(lambda: guest_shows(session, guest)[2] is None, poll_s=0.1)
        except AssertionError:
            pass
        host, shown, differs = guest_shows(session, guest)
        rig.wait_until(lambda: who(session)["bytes"] == len(guest.bytes()), what="who to know")
        print(session.run("who", "shared").stdout.decode().rstrip())
        side_by_side(host, shown)
        if differs:
            print(f"They differ: {differs}")
            return 1
        print(f"Equal: all {ROWS * COLS} cells, with their colours, after {len(guest.bytes())} bytes.")
        return 0
    finally:
        for thing in (guest, sshd, session):
            if thing:
                thing.close()


def main():
    folder = Path(tempfile.mkdtemp(prefix="mirrord-"))
    try:
        return run_demo(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


sys.exit(main())
