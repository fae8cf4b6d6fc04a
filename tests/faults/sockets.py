"""Whose connection it is: the process at the other end of a local TCP connection, from /proc (proc(5))."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path


def served_by(local_port: int, pids: Mapping[str, int]) -> str:
    """The name of the process of `pids` that is connected to our `local_port`."""
    inodes = {
        f"socket:[{fields[9]}]"
        for fields in map(str.split, Path("/proc/net/tcp").read_text().splitlines()[1:])
        if int(fields[2].rpartition(":")[2], 16) == local_port
    }
    for name, pid in pids.items():
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if str(descriptor.readlink()) in inodes:
                    return name
    raise AssertionError(f"none of {', '.join(pids)} is connected to port {local_port}")
