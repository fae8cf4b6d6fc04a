"""Holding and releasing one part of a running demo: files under the run folder, which the runner obeys.

RUN/runner.lock   flock held by the living runner
RUN/state.json    {"runner": pid, "parts": {name: {"pid", "state", "restarts", "since"}}}
RUN/held/PART     exists while a part is to be held
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from demo.child import State
from demo.parts import RunnerError

LOCK, STATE, HELD = "runner.lock", "state.json", "held"
POLL = 0.1  # seconds


@contextlib.contextmanager
def only_runner(run_folder: Path) -> Iterator[None]:
    """Holds the run folder for one runner; raises RunnerError when another has it."""
    run_folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + 5 * POLL
    with (run_folder / LOCK).open("a") as lock:
        # `read_state` holds the lock for an instant: only one that stays is another runner.
        while not _locked(lock, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise RunnerError(f"A demo is already running with {run_folder.parent}; stop it first.")
            time.sleep(POLL / 5)
        yield


def _locked(lock: TextIO, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def read_state(run_folder: Path) -> dict[str, dict[str, Any]]:
    """What the running parts do, by name; raises RunnerError when no runner is running."""
    none = RunnerError(f"No demo is running with {run_folder.parent}.")
    try:
        with (run_folder / LOCK).open() as lock:
            if _locked(lock, fcntl.LOCK_SH):
                raise none
        parts: dict[str, dict[str, Any]] = json.loads((run_folder / STATE).read_text())["parts"]
    except FileNotFoundError:
        raise none from None
    return parts


def write_state(run_folder: Path, parts: dict[str, dict[str, Any]]) -> None:
    fresh = run_folder / f"{STATE}.new"
    fresh.write_text(json.dumps({"runner": os.getpid(), "parts": parts}, indent=1))
    fresh.replace(run_folder / STATE)


def hold(run_folder: Path, part: str, timeout: float = 30.0) -> None:
    """Stops `part` of the running demo and keeps it stopped; returns when it has ended. Raises RunnerError."""
    _known(run_folder, part)
    held = run_folder / HELD
    held.mkdir(exist_ok=True)
    (held / part).touch()
    _wait(run_folder, part, {State.HELD}, timeout)


def release(run_folder: Path, part: str, timeout: float = 60.0) -> None:
    """Starts a held `part` again; returns when it is ready. Raises RunnerError."""
    _known(run_folder, part)
    (run_folder / HELD / part).unlink(missing_ok=True)
    _wait(run_folder, part, {State.READY, State.DONE}, timeout)


def is_held(run_folder: Path, part: str) -> bool:
    return (run_folder / HELD / part).exists()


def forget_held(run_folder: Path) -> None:
    """A new run begins with nothing held."""
    for mark in (run_folder / HELD).glob("*"):
        mark.unlink(missing_ok=True)


def _known(run_folder: Path, part: str) -> None:
    names = read_state(run_folder)
    if part not in names:
        raise RunnerError(f"The demo has no part {part!r}; its parts are {', '.join(names)}.")


def _wait(run_folder: Path, part: str, wanted: set[State], timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while (state := read_state(run_folder)[part]["state"]) not in wanted:
        if time.monotonic() > deadline:
            raise RunnerError(f"The part {part} is still {state} after {timeout:g} s; see its log.")
        time.sleep(POLL)
