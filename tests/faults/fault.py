"""One fault in the midst of a study: what is pushed meanwhile is at its destination once, whole, and confirmed."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import select

from demo.studies import Study
from models.part10 import opened
from models.tables import Instance, Node
from tests.conftest import Peers
from tests.edge.objects import data_set_of
from tests.end_to_end import site
from tests.end_to_end.exchange import Exchange
from tests.end_to_end.peers import count
from tests.eventually import eventually
from tests.faults.recording_pacs import RecordingPacs
from tests.faults.sender import RetryingSender

IMAGES = 60
COMING_IN, GOING_OUT = "coming in", "going out"


@dataclass(frozen=True)
class Pushed:
    """One study that was pushed while something happened; `images` are files by SOPInstanceUID.

    `mended_at` is when all was running again and all was pushed, in seconds of time.monotonic.
    """

    study: Study
    images: dict[str, Path]
    mended_at: float = 0.0

    @property
    def uid(self) -> str:
        return self.study.study_instance_uid


class Fault:
    """What is done once in each study to `victim`, at an image that the seed decides.

    `where` the images are counted that decide when, `latest` which is the last that may, and `rate` at how many a
    second they go out; 0: as they can.
    """

    where: tuple[str, ...] = (COMING_IN, GOING_OUT)
    latest = IMAGES - 1
    rate = 0.0

    def __init__(self, exchange: Exchange, recorder: RecordingPacs, victim: str) -> None:
        self.exchange = exchange
        self.recorder = recorder
        self.victim = victim

    def strike(self, sender: RetryingSender, pushed: Pushed) -> None:
        """Do it, and have everything running again."""
        raise NotImplementedError

    def afterwards(self, pushed: Pushed) -> None:
        """What else must hold once the study is confirmed."""

    def push(self, folder: Path, seed: int) -> Pushed:
        chance = random.Random(f"{self.victim}/{seed}")
        where, at = chance.choice(self.where), chance.randint(1, self.latest)
        print(f"\n{self.victim}, seed {seed}: at image {at} {where}", end="")
        study = site.study(folder, f"{self.victim}-{seed}", IMAGES)
        images = {study.uid("image", number): folder / f"{number}.dcm" for number in range(1, IMAGES + 1)}
        sender = RetryingSender(self.exchange.port("dicom"), "FAULTY_SCANNER", "IEP_ZX8")
        self._set_rate(self.rate)
        pushed, failed = Pushed(study, images), list[Exception]()
        striking = threading.Thread(target=self._strike_at, args=(where, at, sender, pushed, failed))
        striking.start()
        sender.send(images)
        striking.join()
        if failed:
            raise failed[0]
        assert sender.acknowledged == set(images)
        return replace(pushed, mended_at=time.monotonic())

    def _strike_at(self, where: str, at: int, sender: RetryingSender, pushed: Pushed, failed: list[Exception]) -> None:
        try:
            self.wait_until(where, at, sender, pushed)
            self.strike(sender, pushed)
        except Exception as error:  # noqa: BLE001 it is raised where the thread is waited for
            failed.append(error)

    def wait_until(self, where: str, at: int, sender: RetryingSender, pushed: Pushed) -> None:
        def seen() -> int:
            return len(
                sender.acknowledged if where == COMING_IN else pushed.images.keys() & self.recorder.wire().keys()
            )

        eventually(lambda: seen() >= at, timeout=60, every=0.002)

    def _set_rate(self, rate: float) -> None:
        with self.exchange.database.begin() as session:
            session.scalars(select(Node).where(Node.name == "ZX8_PACS")).one().rate = rate


def suffer(fault: Fault, peers: Peers, seeds: tuple[int, ...], folder: Path) -> dict[str, int]:
    """The fault once for each seed; everything must hold afterwards. Returns the figures."""
    exchange, recorder = fault.exchange, fault.recorder
    pushed = [fault.push(folder / str(seed), seed) for seed in seeds]
    recovery = 0.0
    for one in pushed:
        ends_confirmed(exchange, one.study)
        recovery = max(recovery, time.monotonic() - one.mended_at)
        assert count(peers, "ZX8_PACS", recorder.port, one.uid) == IMAGES
        for uid, path in one.images.items():
            is_whole(exchange, recorder, uid, path)
        fault.afterwards(one)
    wire = recorder.wire()
    sends = Counter({uid: wire[uid] for one in pushed for uid in one.images})
    return {
        "faults": len(seeds),
        "images": len(sends),
        "sends": sends.total(),
        "most sends of one": max(sends.values()),
        "recovery, ms": round(1000 * recovery),
    }


def ends_confirmed(exchange: Exchange, study: Study) -> None:
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
