"""The checks for leaks see what they look for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.end_to_end.leaks import SPARE, family, grown, handles, strays
from tests.eventually import eventually


def test_handles_that_are_not_closed_are_seen(tmp_path: Path) -> None:
    me = {"tests": os.getpid()}
    before = handles(me)
    assert grown(before, handles(me)) == []
    opened = [os.open(tmp_path, os.O_RDONLY) for _ in range(SPARE + 10)]
    try:
        assert len(grown(before, handles(me))) == 1
    finally:
        for descriptor in opened:
            os.close(descriptor)


def test_processes_that_nobody_waits_for_are_seen() -> None:
    parent = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    dead = subprocess.Popen(["true"])
    try:
        eventually(lambda: family(os.getpid()).get(dead.pid) == "Z")
        found = strays(os.getpid(), {parent.pid: "sleeps"}, {})
        assert f"{dead.pid} is a zombie" in found
        assert not [words for words in found if "nobody waits" in words]
        # Of another family.
        assert strays(parent.pid, {dead.pid: "true"}, {}) == [f"nobody waits for {dead.pid}: true"]
    finally:
        parent.kill()
        parent.wait()
        dead.wait()
    assert f"{dead.pid} is a zombie" not in strays(os.getpid(), {}, {})
