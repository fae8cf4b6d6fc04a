"""Fetching what a transfer names from the sender's own PACS. What counts is what has become ours, not what it says."""

from __future__ import annotations

import time
from collections.abc import Sequence

from pydicom.dataset import Dataset
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from temporalio import activity
from temporalio.exceptions import CancelledError

from activities.asking import finder
from activities.border import acts
from activities.getting import get
from activities.handing_on import Onward
from activities.listing import images_listed
from activities.moving import Said, move, remaining, whole
from activities.peer import PeerAddress, association
from activities.pulse import Beats
from activities.transfers import noting
from models import manifests, tying
from models.db import Database
from models.domain.retrieval import MoveOutcome, RetrieveBy
from models.domain.transfer_contracts import Retrieved
from models.tables import Arrival, ArrivalInstance, Association, Transfer, TransferStudy, now
from models.transfer_progress import progress

SETTLE = 10.0
"""Seconds without a further image after which what an answer promised counts as not sent."""
LOOK_EVERY = 0.2
EDGE = ("127.0.0.1", 11112)


class RetrievalActivities:
    """`edge` is where a worker reaches our own listener."""

    def __init__(self, database: Database, settle: float = SETTLE, edge: tuple[str, int] = EDGE) -> None:
        self.database = database
        self.settle = settle
        self.edge = edge

    @acts
    def retrieve(self, transfer_id: str) -> Retrieved:
        """One round: ask for what is missing of each study, wait until it has come, and compare with a second list.

        Idempotent: what has come is not asked for again.
        """
        with self.database.begin() as session:
            transfer = session.get_one(Transfer, transfer_id)
            node = transfer.node
            peer = PeerAddress.of(node)
            onward = Onward(*self.edge, node.id, node.ae_title) if node.retrieve_by == RetrieveBy.GET else None
            study_ids = [study.id for study in transfer.studies]
        said: list[Said] = []
        with noting(self.database, transfer_id):
            for study_id in study_ids:
                said += _Round(self.database, peer, study_id, self.settle, onward).run()
        return self._report(transfer_id, peer, said)

    def _report(self, transfer_id: str, peer: PeerAddress, said: Sequence[Said]) -> Retrieved:
        with self.database.begin() as session:
            transfer = session.get_one(Transfer, transfer_id)
            counts = [manifests.count(session, study) for study in transfer.studies]
            here, total = sum(count.here for count in counts), sum(count.total for count in counts)
            vanished = any(count.total == 0 for count in counts)
            stands = progress(session, transfer)
        refused = any(one.row.outcome is MoveOutcome.REFUSED for one in said) or vanished
        if vanished:
            sentence = f"{peer.name} does not list any image of a study any more. {here} of {total} came."
        else:
            sentence = _sentence(peer, here, total, said)
        complete = all(count.complete for count in counts)
        moved = bool(stands.delivered or stands.failed)
        return Retrieved(here, total, complete, "" if complete else sentence, refused and not complete, moved)


class _Round:
    """What one round does about one study: by C-GET where there is an `onward`, else by C-MOVE."""

    def __init__(
        self, database: Database, peer: PeerAddress, study_id: str, settle: float, onward: Onward | None
    ) -> None:
        self.database, self.peer, self.study_id, self.settle, self.onward = database, peer, study_id, settle, onward

    def run(self) -> list[Said]:
        # A PACS that was asked before a worker's death may still be sending.
        self._until_settled(time.monotonic() - self.settle)
        said = self._ask()
        if said:
            self._until_settled(time.monotonic())
        self._compare()
        with self.database.begin() as session:
            study = session.get_one(TransferStudy, self.study_id)
            if study.state != "retrieved" and manifests.count(session, study).complete:
                study.state = "retrieved"
                manifests.look_again(session, study)
        return said

    def _ask(self) -> list[Said]:
        with self.database.begin() as session:
            study = session.get_one(TransferStudy, self.study_id)
            count, missing = manifests.count(session, study), manifests.missing(session, study)
            uid, series = study.StudyInstanceUID, list(study.series)
        if not missing:
            return []
        is_first = count.here == 0
        said = self._move(whole(uid, series) if is_first else remaining(uid, missing))
        if not is_first and any(one.row.outcome is MoveOutcome.OTHER_LEVEL for one in said):
            said = self._move(whole(uid, series))
        return said

    def _move(self, identifiers: list[Dataset]) -> list[Said]:
        beat = Beats()
        if self.onward is None:
            return move(self.peer, identifiers, beat, activity.is_cancelled)
        with self.database.begin() as session:
            classes = manifests.missing_classes(session, session.get_one(TransferStudy, self.study_id))
        return get(self.peer, identifiers, classes, self.onward, beat, activity.is_cancelled)

    def _until_settled(self, since: float) -> None:
        """Until nothing is missing, or nothing more has come for `settle` seconds, at the earliest after `since`."""
        before = -1
        while True:
            if activity.is_cancelled():
                raise CancelledError("It was withdrawn.")
            with self.database.begin() as session:
                study = session.get_one(TransferStudy, self.study_id)
                tying.tie_open_arrival(session, study)
                count = manifests.count(session, study)
                coming = _is_coming(session, study, self.settle)
            if count.here != before:
                before, since = count.here, since if before < 0 else time.monotonic()
            if count.complete or (time.monotonic() - since >= self.settle and not coming):
                return
            time.sleep(LOOK_EVERY)

    def _compare(self) -> None:
        with self.database.begin() as session:
            study = session.get_one(TransferStudy, self.study_id)
            if study.compared_at is not None:
                return
            uid, series = study.StudyInstanceUID, list(study.series)
        with association(self.peer, finder()) as assoc:
            images = images_listed(self.peer, assoc, uid, series)
        with self.database.begin() as session:
            manifests.compare_again(
                session, session.get_one(TransferStudy, self.study_id, with_for_update=True), images
            )


def _is_coming(session: Session, study: TransferStudy, settle: float) -> bool:
    """Whether somebody who brings it is still connected, and has brought something lately."""
    arrival = session.get(Arrival, study.arrival_id) if study.arrival_id else None
    if arrival is None or (now() - arrival.last_received_at).total_seconds() >= settle:
        return False
    links = select(ArrivalInstance.association_id).where(ArrivalInstance.arrival_id == arrival.id).distinct()
    connected = select(func.count()).where(Association.id.in_(links), Association.ended_at.is_(None))
    return bool(session.scalar(connected))


def _sentence(peer: PeerAddress, here: int, total: int, said: Sequence[Said]) -> str:
    """Like "177 of 180 came from ZX1_PACS; for 3 it answers A702 (out of resources)."""
    came = f"{here} of {total} came from {peer.name}"
    answers = ", ".join(dict.fromkeys(map(str, _worst(said))))
    return f"{came}; for {total - here} it answers {answers}." if answers else f"{came}."


def _worst(said: Sequence[Said]) -> Sequence[Said]:
    """A success among failures is about what has come."""
    return [one for one in said if one.status] or said
