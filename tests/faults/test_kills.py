"""kill -9 of each process in mid-study: what was acknowledged is at its destination once, and is confirmed.

The points are seeded: which image the process dies at, and whether it is counted where the study comes in or where it
goes out. One seed a run, drawn from the commit; `make soak` runs more.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select

from demo.studies import Study
from models.part10 import opened
from models.tables import Instance
from tests.conftest import Peers
from tests.edge.objects import data_set_of
from tests.end_to_end import site
from tests.end_to_end.exchange import Exchange
from tests.end_to_end.peers import count
from tests.eventually import eventually
from tests.faults.invariants import assert_invariants
from tests.faults.recording_pacs import RecordingPacs
from tests.faults.seeds import drawn_seed
from tests.faults.sender import RetryingSender
from tests.faults.sockets import served_by

IMAGES = 60
COMING_IN, GOING_OUT = "coming in", "going out"
WHERE = {
    "edge": (COMING_IN,),
    "ingest": (COMING_IN,),
    "relay": (COMING_IN, GOING_OUT),
    "workflows": (COMING_IN, GOING_OUT),
    "transfer-bulk": (GOING_OUT,),
    "temporal": (COMING_IN, GOING_OUT),
    "postgresql": (COMING_IN, GOING_OUT),
    "recorder": (GOING_OUT,),
}
"""Every process that a study meets, and where its death is timed."""


@dataclass(frozen=True)
class Pushed:
    """One study that was pushed while something was killed; `images` are files by SOPInstanceUID."""

    study: Study
    images: dict[str, Path]


class Fault:
    """One victim, killed once in each study."""

    def __init__(self, exchange: Exchange, recorder: RecordingPacs, victim: str) -> None:
        self.exchange = exchange
        self.recorder = recorder
        self.victim = victim

    def push(self, folder: Path, seed: int) -> Pushed:
        chance = random.Random(f"{self.victim}/{seed}")
        where, at = chance.choice(WHERE[self.victim]), chance.randint(1, IMAGES - 1)
        print(f"\n{self.victim}, seed {seed}: killed at image {at} {where}", end="")
        study = site.study(folder, f"kill-{self.victim}-{seed}", IMAGES)
        images = {study.uid("image", number): folder / f"{number}.dcm" for number in range(1, IMAGES + 1)}
        sender = RetryingSender(self.exchange.port("dicom"), "FAULTY_SCANNER", "IEP_ZX8")
        if self.victim == "recorder":
            self.recorder.die_after(at)
            fault = threading.Thread(target=self._start_again)
        else:
            seen = self._counter(where, sender, images)
            fault = threading.Thread(target=self._kill_when, args=(lambda: seen() >= at, sender))
        fault.start()
        sender.send(images)
        fault.join()
        assert sender.acknowledged == set(images)
        return Pushed(study, images)

    def _counter(self, where: str, sender: RetryingSender, images: dict[str, Path]) -> Callable[[], int]:
        if where == COMING_IN:
            return lambda: len(sender.acknowledged)
        return lambda: len(images.keys() & self.recorder.wire().keys())

    def _start_again(self) -> None:
        """The recorder kills itself, between keeping an image and answering."""
        eventually(self.recorder.has_died, timeout=60)
        self.recorder.start()

    def _kill_when(self, reached: Callable[[], bool], sender: RetryingSender) -> None:
        eventually(reached, timeout=60, every=0.002)
        part = self.victim
        if part == "edge":
            part = served_by(sender.local_port, {name: self.exchange.pid(name) for name in ("edge-1", "edge-2")})
        self.exchange.wait_for_another(part, than=self.exchange.kill(part))


def suffer(
    exchange: Exchange, recorder: RecordingPacs, peers: Peers, victim: str, seeds: tuple[int, ...], folder: Path
) -> dict[str, int]:
    """Kill `victim` once for each seed; everything must hold afterwards. Returns the figures."""
    fault = Fault(exchange, recorder, victim)
    pushed = [fault.push(folder / str(seed), seed) for seed in seeds]
    for one in pushed:
        _ends_confirmed(exchange, one.study)
        assert count(peers, "ZX8_PACS", recorder.port, one.study.study_instance_uid) == IMAGES
        for uid, path in one.images.items():
            is_whole(exchange, recorder, uid, path)
    wire = recorder.wire()
    sends = Counter({uid: wire[uid] for one in pushed for uid in one.images})
    return {"kills": len(seeds), "images": len(sends), "sends": sends.total(), "most sends of one": max(sends.values())}


def _ends_confirmed(exchange: Exchange, study: Study) -> None:
    def look() -> bool:
        found = exchange.standings(study.study_instance_uid)
        return bool(found) and {one.transaction.state for one in found} == {"confirmed"}

    try:
        eventually(look, timeout=120)
    except AssertionError:
        raise AssertionError([one.sentence for one in exchange.standings(study.study_instance_uid)]) from None


def is_whole(exchange: Exchange, recorder: RecordingPacs, uid: str, sent: Path) -> None:
    """The acknowledged bytes are in the archive, and their pixels at the destination."""
    with exchange.database.begin() as session:
        key = session.scalars(select(Instance.key).where(Instance.SOPInstanceUID == uid)).one()
    assert key
    assert data_set_of(exchange.archive.path(key)) == data_set_of(sent)
    with opened(sent) as part10:
        assert recorder.pixels(uid) == part10.pixels()


@pytest.mark.parametrize("victim", WHERE)
def test_kill_9(
    victim: str,
    exchange: Exchange,
    recorder: RecordingPacs,
    peers: Peers,
    figures: dict[str, dict[str, int]],
    tmp_path: Path,
) -> None:
    figures[victim] = suffer(exchange, recorder, peers, victim, (drawn_seed(),), tmp_path)


def test_everything_holds_afterwards(exchange: Exchange) -> None:
    assert_invariants(exchange, timeout=120)
