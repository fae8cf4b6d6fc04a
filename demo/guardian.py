"""Outlives the runner just long enough to end what a killed runner left behind.

The kernel ends a dead runner's children (PR_SET_PDEATHSIG), but neither their children nor those that ignore
the signal. The runner writes "+PGID SIGNAL" and "-PGID" lines to this program's standard input; its end means
that the runner has gone. Standard library only: it runs isolated, by path.
"""

import os
import signal
import sys
import time

GRACE = 5.0


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def main() -> None:
    for passing in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(passing, signal.SIG_IGN)
    groups: dict[int, int] = {}
    for line in sys.stdin:
        group, _, number = line[1:].partition(" ")
        if line.startswith("+"):
            groups[int(group)] = int(number)
        else:
            groups.pop(int(group), None)
    living = {group: number for group, number in groups.items() if _alive(group)}
    for group, number in living.items():
        os.killpg(group, number)
    deadline = time.monotonic() + GRACE
    while any(map(_alive, living)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for group in filter(_alive, living):
        os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
