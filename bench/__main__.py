"""`python -m bench`: a study of 500 CT to Orthanc, straight, through other relays, and through the exchange."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from bench import machine
from bench.bare_relay import bare_relay
from bench.exchange import CALLED_AE_TITLE, Exchange, exchange
from bench.measure import Round, Way, run_round
from bench.orthanc import AE_TITLE, Orthanc, orthanc
from bench.programs import BenchError, scratch, until
from bench.report import BARE, EXCHANGE, LUA, STRAIGHT, WORDS, report

RESULTS = Path(__file__).parent / "RESULTS.md"
MEMORY = Path("/dev/shm")
WARM_UP = 20
"""Images of the round before the first, which does not count: what is loaded on first use is loaded then."""
SETTLED = 120.0
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> None:
    wanted = _arguments()
    for ending in ENDINGS:
        signal.signal(ending, _end)
    try:
        text = bench(wanted)
    except BenchError as error:
        raise SystemExit(str(error)) from error
    print(text)
    if wanted.write:
        RESULTS.write_text(f"# The last measurement\n\nWritten by `python -m bench --write`.\n\n{text}")


def _end(number: int, frame: FrameType | None) -> None:
    """Everything is unwound once; an impatient second Ctrl-C must not leave half of it behind."""
    for ending in ENDINGS:
        signal.signal(ending, signal.SIG_IGN)
    sys.exit(128 + number)


def bench(wanted: argparse.Namespace) -> str:
    with scratch(wanted.folder) as folder, scratch(wanted.orthanc_folder) as storage:
        facts = machine.facts(folder)
        with orthanc(storage, "destination") as destination, _ways(wanted.only, destination, folder, storage) as ways:
            run_round(ways, destination, folder, min(WARM_UP, wanted.images))
            rounds: list[Round] = []
            for number in range(wanted.rounds):
                # There and back, so that of two neighbours each is first as often as the other.
                turned = ways[::-1] if number % 2 else ways
                rounds.append(run_round(turned, destination, folder, wanted.images))
                times = ", ".join(f"{name} {journey.delivered:.2f} s" for name, journey in rounds[-1].items())
                print(f"round {number + 1} of {wanted.rounds}: {times}", file=sys.stderr, flush=True)
        return report(rounds, wanted.images, facts)


@contextlib.contextmanager
def _ways(names: list[str], destination: Orthanc, folder: Path, storage: Path) -> Iterator[list[Way]]:
    """The ways of these names, each with its programs running."""
    with contextlib.ExitStack() as stack:
        ways = []
        if STRAIGHT in names:
            ways.append(Way(STRAIGHT, destination.port, AE_TITLE))
        if LUA in names:
            forwarder = stack.enter_context(orthanc(storage, "forwarder", forward_to=destination))
            ways.append(Way(LUA, forwarder.port, AE_TITLE, lambda: _emptied(forwarder)))
        if BARE in names:
            place = folder / "bare"
            place.mkdir()
            ways.append(Way(BARE, stack.enter_context(bare_relay(place, destination.port)), AE_TITLE))
        if EXCHANGE in names:
            ours = stack.enter_context(exchange(folder / "exchange"))
            ours.deliver_to(destination)
            ways.append(Way(EXCHANGE, ours.port, CALLED_AE_TITLE, lambda: _confirmed(ours)))
        yield ways


def _emptied(forwarder: Orthanc) -> None:
    until(lambda: forwarder.count() == 0, SETTLED, "The emptying of the forwarding Orthanc", every=0.2)


def _confirmed(ours: Exchange) -> None:
    try:
        until(lambda: not ours.underway(), SETTLED, "The confirmation of the delivery", every=0.2)
    except BenchError as late:
        raise BenchError(f"{late} It is: {'; '.join(ours.underway())}.") from late


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("--images", type=int, default=500, help="images of the study (default 500)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count (default 3)")
    parser.add_argument("--only", nargs="+", choices=list(WORDS), default=list(WORDS), help="ways to measure")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()), help="where spools and the exchange's var lie"
    )
    parser.add_argument("--orthanc-folder", type=Path, default=MEMORY, help="where Orthanc stores (default: in memory)")
    parser.add_argument("--write", action="store_true", help=f"keep the result in {RESULTS.name}")
    return parser.parse_args()


if __name__ == "__main__":
    main()
