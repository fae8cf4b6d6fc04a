"""A study of 500 CT to Orthanc, straight, through other relays, and through the exchange."""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.bare_relay import bare_relay
from bench.exchange import CALLED_AE_TITLE, Exchange, exchange
from bench.measure import Round, Way, run_round
from bench.orthanc import AE_TITLE, Orthanc, orthanc
from bench.outcome import Section
from bench.programs import BenchError, scratch, until
from bench.report import BARE, EXCHANGE, LUA, STRAIGHT, WORDS, report, verdicts

NAME = "relays"
IMAGES, ROUNDS = 500, 3
QUICK_IMAGES, QUICK_ROUNDS = 60, 1
WARM_UP = 20
"""Images of the round before the first, which does not count: what is loaded on first use is loaded then."""
SETTLED = 120.0


def measure(wanted: argparse.Namespace) -> Section:
    images = wanted.images or (QUICK_IMAGES if wanted.quick else IMAGES)
    number_of_rounds = wanted.rounds or (QUICK_ROUNDS if wanted.quick else ROUNDS)
    with (
        scratch(wanted.folder) as folder,
        scratch(wanted.orthanc_folder) as storage,
        orthanc(storage, "destination") as destination,
        _ways(wanted.only, destination, folder, storage) as ways,
    ):
        run_round(ways, destination, folder, min(WARM_UP, images))
        rounds: list[Round] = []
        for number in range(number_of_rounds):
            # There and back, so that of two neighbours each is first as often as the other.
            turned = ways[::-1] if number % 2 else ways
            rounds.append(run_round(turned, destination, folder, images))
            times = ", ".join(f"{name} {journey.delivered:.2f} s" for name, journey in rounds[-1].items())
            print(f"round {number + 1} of {number_of_rounds}: {times}", file=sys.stderr, flush=True)
    return Section(NAME, "The way of a study", report(rounds, images), verdicts(rounds))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--images", type=int, help=f"images of the study of {NAME} (default {IMAGES})")
    parser.add_argument("--rounds", type=int, help=f"rounds of {NAME} that count (default {ROUNDS})")
    parser.add_argument("--only", nargs="+", choices=list(WORDS), default=list(WORDS), help=f"ways of {NAME}")


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
