"""What the demo's processes hold, from /proc (proc(5)): open handles, and processes that nobody waits for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

SPARE = 64
"""Handles a process may open after it has become ready: pools of connections to the database and the engine."""


def handles(pids: Mapping[str, int]) -> dict[str, int]:
    """How many files, sockets and pipes each process has open, by the name of its part."""
    return {name: len(list(Path(f"/proc/{pid}/fd").iterdir())) for name, pid in pids.items()}


def grown(before: Mapping[str, int], after: Mapping[str, int]) -> list[str]:
    return [
        f"{name} has {after[name]} open handles, and had {before[name]} when it was ready"
        for name in before.keys() & after.keys()
        if after[name] > before[name] + SPARE
    ]


def family(root: int) -> dict[int, str]:
    """The state (proc(5): R, S, T, Z, ...) of every process that descends from `root`, itself included."""
    parents: dict[int, int] = {}
    states: dict[int, str] = {}
    for place in Path("/proc").glob("[0-9]*"):
        try:
            # The name stands in brackets and may hold anything.
            states[int(place.name)], parent = (place / "stat").read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        parents[int(place.name)] = int(parent)
    found = {root: states.get(root, "")}
    while more := {pid: states[pid] for pid, parent in parents.items() if parent in found and pid not in found}:
        found |= more
    return found


def strays(root: int, ours: Mapping[int, str], parts: Mapping[str, int]) -> list[str]:
    """Of `ours` (command lines by pid) those that do not descend from `root`; its dead kin; frozen parts."""
    kin = family(root)
    return [
        *(f"nobody waits for {pid}: {command}" for pid, command in ours.items() if pid not in kin),
        *(f"{pid} is a zombie" for pid, state in kin.items() if state == "Z"),
        *(f"{name} is frozen" for name, pid in parts.items() if kin.get(pid) == "T"),
    ]
