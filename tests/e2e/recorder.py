# SPDX-License-Identifier: ISC
"""Run inside a session: writes down every byte that is typed into it and every change of its size.

usage: recorder.py TYPED SIZES
"""

import fcntl
import os
import signal
import struct
import sys
import termios
import tty


def main():
    typed = open(sys.argv[1], "ab", buffering=0)
    sizes = open(sys.argv[2], "a", buffering=1)

    def note_size(_signal=None, _frame=None):
        rows, cols, _, _ = struct.unpack("HHHH", fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))
        sizes.write(f"{cols}x{rows}\n")

    signal.signal(signal.SIGWINCH, note_size)
    tty.setraw(0)
    note_size()
    os.write(1, b"\x1b[?2004h\x1b[?1000h\x1b[?1006hrecorder ready\r\n")
    while True:
        data = os.read(0, 4096)
        if not data:
            return
        typed.write(data)


main()
