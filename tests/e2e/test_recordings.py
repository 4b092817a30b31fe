# SPDX-License-Identifier: ISC
"""Recordings of real programs, painted for a guest: tmux shows the host's screen, at 20 moments spread
over each recording and at its end. (tests/unit/test_paint_corpus.c does the same with libvterm's own screen
layer, after every frame.)"""

import json
import os
import subprocess

import pytest
import rig
import screens
from rig import PROJECT, wait_until

CASTS = sorted((PROJECT.parent / "shared/corpus/casts/dev").glob("*.cast"))
SAMPLES = 21


def samples_of(build, cast):
    run = subprocess.run([str(build / "tests" / "samples_main"), str(cast), str(SAMPLES)],
                         capture_output=True, check=True)
    return [json.loads(line) for line in run.stdout.splitlines()]


@pytest.mark.core
@pytest.mark.skipif(not CASTS, reason="no recordings in ../shared/corpus")
@pytest.mark.skipif(rig.is_sanitized(rig.build_dir()), reason="the release shows the same")
@pytest.mark.parametrize("cast", CASTS, ids=[path.stem for path in CASTS])
def test_a_recording_is_shown_by_tmux(build, folder, terminals, cast):
    samples = samples_of(build, cast)
    rows, cols = samples[0]["rows"], samples[0]["cols"]
    fifo = folder / "fifo"
    os.mkfifo(fifo)
    env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    tmux = terminals(rig.Tmux(folder, ["/usr/bin/python3", PROJECT / "tests/e2e/feeder.py", fifo],
                              rows, cols, env))
    differences = []
    with open(fifo, "wb", buffering=0) as pipe:
        for at, sample in enumerate(samples):
            if (sample["rows"], sample["cols"]) != (rows, cols):
                rows, cols = sample["rows"], sample["cols"]
                tmux.resize(rows, cols)
            pipe.write(sample["ansi"].encode())
            host = screens.from_host(sample["screen"])

            def differs():
                return screens.difference(host, screens.from_tmux(tmux.ansi(), cols), "tmux")

            try:
                wait_until(lambda: differs() is None, 30)
            except AssertionError:
                differences.append(f"sample {at}: {differs()}")
    assert differences == []
