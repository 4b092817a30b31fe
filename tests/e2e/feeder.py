# SPDX-License-Identifier: ISC
"""Run in a tmux pane: writes to its terminal what comes through a FIFO, byte for byte.

usage: feeder.py FIFO
"""

import os
import sys
import tty

tty.setraw(0)
while True:
    with open(sys.argv[1], "rb") as fifo:
        for data in iter(lambda: fifo.read1(65536), b""):
            while data:
                data = data[os.write(1, data):]
