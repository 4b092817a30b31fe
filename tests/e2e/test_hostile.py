# SPDX-License-Identifier: ISC
"""Inputs that others found to break terminals: libvterm by itself crashes or hangs on 81 of them."""

import subprocess
import tarfile
from pathlib import Path

import pytest
import rig

FUZZ = rig.PROJECT.parent / "shared" / "corpus" / "conformance" / "fuzz"
SECONDS = 240  # for all of them; each takes milliseconds

pytestmark = pytest.mark.skipif(
    not FUZZ.is_dir(), reason="../shared/corpus/conformance/fuzz is not there")


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    with tarfile.open(FUZZ / "ghostty-corpus.tar.xz") as archive:
        archive.extractall(folder)
    return folder


@pytest.mark.core
def test_what_crashes_libvterm_is_rendered(build, inputs):
    rows = (FUZZ / "CRASHERS_libvterm_0.1.4.tsv").read_text().splitlines()[1:]
    assert len(rows) == 81
    for row in rows:
        path = inputs / row.split("\t")[2]
        shown = subprocess.run([build / "mirrord", "render", "--size=80x24", path],
                               capture_output=True, timeout=rig.DEADLINE_S)
        assert shown.returncode == 0, (path, shown.stderr)
        assert shown.stdout.count(b"\n") == 24


def test_every_hostile_input_leaves_a_whole_screen(build, inputs):
    files = [str(path) for path in Path(inputs).rglob("*") if path.is_file()]
    assert len(files) > 3900
    replay = subprocess.run([build / "tests" / "fuzz_stream", *files], capture_output=True,
                            timeout=SECONDS)
    assert replay.returncode == 0, replay.stderr[-2000:]
