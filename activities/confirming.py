"""Whether a destination has what it accepted: by its storage commitment, by C-FIND, or by both."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.orm import Session

from activities.committing import Asking
from activities.comparison import Manifest, compare
from activities.peer import PeerAddress
from activities.readiness import must_be_askable
from models.db import Database
from models.deliveries import left_out, stored_with, total_of
from models.domain.confirming import COMMITTED, UNCOMMITTED
from models.domain.contracts import Comparison, Verdict
from models.domain.errors import PeerRefuses
from models.domain.identity import BY_A_PERSON, SentIdentity
from models.domain.lifecycles.delivery import State
from models.domain.statuses import remarks
from models.tables import ArrivalInstance, Delivery, Instance, Node, now


class Confirming:
    """The images of one delivery that were not left out, and what its Node says of them.

    Who is `patient` asks a Node again that says that it is unable to look; another one takes that for its answer.
    """

    def __init__(self, database: Database, delivery_id: str, *, patient: bool = False) -> None:
        self.database = database
        self.delivery_id = delivery_id
        self.patient = patient
        with database.begin() as session:
            self._read(session)

    def _read(self, session: Session) -> None:
        delivery = session.get_one(Delivery, self.delivery_id)
        assert delivery.identity is not None
        arrival = delivery.parcel.arrival
        rows = session.execute(
            select(
                Instance.SeriesInstanceUID,
                Instance.SOPInstanceUID,
                Instance.SOPClassUID,
                Instance.id,
                Instance.AccessionNumber,
            )
            .join(ArrivalInstance, ArrivalInstance.instance_id == Instance.id)
            .where(ArrivalInstance.arrival_id == arrival.id, Instance.id.not_in(left_out(delivery)))
        ).all()
        series: dict[str, dict[str, str]] = {}
        for row in rows:
            series.setdefault(row.SeriesInstanceUID, {})[row.SOPInstanceUID] = row.id
        self.classes = {row.SOPInstanceUID: row.SOPClassUID for row in rows}
        self.ids = {row.SOPInstanceUID: row.id for row in rows}
        identity = SentIdentity(**delivery.identity)
        if identity.basis != BY_A_PERSON and len({row.AccessionNumber for row in rows}) > 1:
            # Images with accession numbers of their own: no single one can be expected of the study.
            identity = replace(identity, AccessionNumber="")
        self.node_id, self.round = delivery.node_id, delivery.round
        self.without = total_of(session, delivery.parcel) - len(rows)
        self.manifest = Manifest(arrival.study.StudyInstanceUID, series, identity)
        self.peer = PeerAddress.of(delivery.node)
        self.confirm_by = delivery.node.confirm_by
        self.may_be_queried = delivery.node.query_back

    def is_late(self, delivery: Delivery) -> bool:
        """Whether it goes elsewhere by now, or once more, or has ended: the answer does not tell how it stands."""
        asked, stands = (self.node_id, self.round), (delivery.node_id, delivery.round)
        return asked != stands or delivery.state not in (State.SENDING, State.SENT)

    def compare(self) -> Comparison:
        if self.confirm_by == "query":
            return self._listed()
        asking = Asking(self.database, self.delivery_id)
        try:
            stands = asking.ask(self.classes)
        except PeerRefuses as refusal:
            return self.uncommitted(str(refusal))
        kept, total = len(stands.kept), self.manifest.total
        if kept + len(stands.failed) < total:
            return Comparison(Verdict.AWAITED, kept, total)
        if stands.failed:
            words = f"{self.peer.name} commits itself to {kept} of {total} images."
            missing = [self.ids[uid] for uid in sorted(stands.failed)]
            return self._noted(Comparison(Verdict.MISSING, kept, total, words, final=True), missing)
        if self.confirm_by == "both":
            listed = self._listed()
            if listed.verdict is not Verdict.UNVERIFIABLE:
                return listed
        return self._noted(Comparison(Verdict.CONFIRMED, kept, total, COMMITTED), [])

    def uncommitted(self, why: str = "") -> Comparison:
        """By C-FIND where that is possible; else it cannot be verified, for the reason `why`.

        Not while its Node is away: what it could not say meanwhile is not held against it.
        """
        self._must_be_askable()
        if self.may_be_queried:
            return self._listed()
        words = f"{UNCOMMITTED} {why}".rstrip()
        # Without a reason that it gave, silence is all there is: that is no answer.
        return self._noted(Comparison(Verdict.UNVERIFIABLE, 0, self.manifest.total, words), [], answered=bool(why))

    def _listed(self) -> Comparison:
        self._must_be_askable()
        return self._noted(*compare(self.peer, self.manifest, patient=self.patient))

    def _must_be_askable(self) -> None:
        with self.database.begin() as session:
            must_be_askable(session.get_one(Node, self.node_id))

    def _noted(self, comparison: Comparison, missing: list[str], *, answered: bool = True) -> Comparison:
        with self.database.begin() as session:
            # Locked, so that no person's decision comes between the look and what is written.
            delivery = session.get_one(Delivery, self.delivery_id, with_for_update={"key_share": True})
            if answered:
                session.get_one(Node, self.node_id).last_answer_at = now()
            if not self.is_late(delivery):
                delivery.present, delivery.missing = comparison.present, missing
            said = remarks(stored_with(session, delivery))
        detail = " ".join(filter(None, (comparison.detail, said)))
        return replace(comparison, detail=detail, left_out=self.without)
