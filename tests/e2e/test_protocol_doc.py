# SPDX-License-Identifier: ISC
"""docs/protocol.md says what the programs do: its example is played, its limits are compared."""

import getpass
import re

import pytest
import rig
import wire
from test_mirror import start  # noqa: F401  (a fixture)

DOC = (rig.PROJECT / "docs/protocol.md").read_text()


def example():
    """Lines of the example as (direction, bytes or .. each)."""
    for line in DOC.split("<!-- view-example -->")[1].split("\n## ")[0].splitlines():
        match = re.match(r"    ([<>]) ((?:[0-9a-f]{2}|\.\.)(?: (?:[0-9a-f]{2}|\.\.))*)", line)
        if match:
            yield match[1], match[2].split(" ")


def matches(pattern, data):
    parts = (b".*" if word == ".." else re.escape(bytes.fromhex(word)) for word in pattern)
    return re.fullmatch(b"".join(parts), data, re.DOTALL)


def test_the_example_is_what_a_mirror_says(start):  # noqa: F811
    if getpass.getuser() != "root":
        pytest.skip("the example's host is root")
    mirror = start()
    peer, answered = None, 0
    for direction, words in example():
        if direction == ">":
            data = bytes.fromhex("".join(words))
            if data[1] == wire.HELLO:
                peer = wire.Peer.connect(mirror.path)
            peer.send(data)
            continue
        if words[:3] == ["..", "42", "00"]:
            mirror.feed(b"hi")
        found = peer.next()
        assert matches(words, wire.message(*found)), (words, found)
        answered += 1
    assert answered >= 6


def test_the_limits_are_those_of_the_header():
    header = (rig.PROJECT / "server/base/proto.h").read_text()
    defined = re.findall(r"#define (LIMIT_\w+) +\(?([^/)\n]*?)\)? +//", header)
    documented = re.findall(r"^\| (LIMIT_\w+) \| (.*?) \|", DOC, re.MULTILINE)
    assert sorted(documented) == sorted(defined)


def test_every_message_has_its_row():
    header = (rig.PROJECT / "server/base/proto.h").read_text()
    for name, value in re.findall(r"\b(?:VIEW|KEEPER|MIRROR|CONTROL)_(\w+) = 0x(\w\w)", header):
        assert re.search(rf"^\| {value} \| {name} \|", DOC, re.MULTILINE), name
