"""`python -m bench [NAME ...]`: the measurements of these names, or all of them, one after the other.

All of them take about an hour on two cores. The machine must have nothing else to do meanwhile.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

from bench import growth, machine, memory, receive, relays, stored, urgent
from bench.outcome import RESULTS, keep
from bench.programs import BenchError

MEMORY = Path("/dev/shm")
MEASUREMENTS = {module.NAME: module.measure for module in (relays, receive, memory, urgent, growth, stored)}
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    wanted = _arguments()
    for ending in ENDINGS:
        signal.signal(ending, _end)
    for name in wanted.names or MEASUREMENTS:
        try:
            facts = machine.facts(wanted.folder)
            section = MEASUREMENTS[name](wanted)
        except BenchError as error:
            raise SystemExit(str(error)) from error
        text = section.written({**facts, "size": "quick, for trying only"} if wanted.quick else facts)
        print(text, flush=True)
        if wanted.write:
            keep({section.title: text})


def _end(number: int, frame: FrameType | None) -> None:
    """Everything is unwound once; an impatient second Ctrl-C must not leave half of it behind."""
    for ending in ENDINGS:
        signal.signal(ending, signal.SIG_IGN)
    sys.exit(128 + number)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MEASUREMENTS)} (default: all)")
    parser.add_argument("--quick", action="store_true", help="much smaller, to see that it works")
    parser.add_argument("--write", action="store_true", help=f"keep the result in {RESULTS.name}")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()), help="where spools and the exchange's var lie"
    )
    parser.add_argument("--orthanc-folder", type=Path, default=MEMORY, help="where Orthanc stores (default: in memory)")
    relays.add_arguments(parser)
    wanted = parser.parse_args()
    if unknown := set(wanted.names) - set(MEASUREMENTS):
        parser.error(f"there is no measurement {', '.join(sorted(unknown))}; there are {', '.join(MEASUREMENTS)}")
    return wanted


if __name__ == "__main__":
    main()
