"""Whether a Patient ID is another person's at the destination, before a person's release under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from activities.border import acts
from activities.effects import Content, content_of
from activities.whose_id import askable, filed_as, of_an_own_id, of_the_issuer
from models.db import Database
from models.domain.contracts import LocalIdentityQuestion
from models.domain.identity import PatientFacts
from models.filed_before import FILED_OTHERWISE, parts_the_study
from models.filed_under import Identifier, bearers, is_known, why_not_as_it_is
from models.local_accessions import ANOTHERS_ACCESSION, Entered, went_with_another
from models.local_patients import (
    ANOTHERS_ID,
    DECIDED_BEFORE,
    NOBODY_WAS_ASKED,
    arriving,
    names_another,
    reserve,
    why_not_filed_as,
)
from models.releasing import Releasing, decided_before, goes_as
from models.tables import Delivery


class LocalIdentityActivities:
    def __init__(self, database: Database) -> None:
        self.database = database

    @acts
    def check(self, question: LocalIdentityQuestion) -> str:
        """Why it must not be released under the ID entered with the command, or else under the one that it carries;
        empty when nothing is known against it.

        Nor under one that parts it from other images of its study, unless somebody wants it so; nor under an Accession
        Number that went with another patient's study, unless somebody says that it is right.

        Looks at what earlier releases have told and, within about three seconds, into the destination's own PACS:
        one that does not answer knows nothing, and somebody must know whose the ID is. With nothing against it an
        entered ID is kept for this patient while the command is carried out, so that of two people who enter it at once
        for two patients the later reads that it is another's; who it is of is learned when the release is recorded.
        What others decided before and is not carried out yet counts as released. Idempotent by command.
        """
        with self.database.begin() as session:
            delivery = session.get_one(Delivery, question.delivery_id)
            entry = _Entry.of(content_of(session, question.content_id), delivery)
            before = decided_before(session, delivery, question.content_id)
            if not entry.under_another_id and parts_the_study(session, delivery, entry.patient_id, before):
                return FILED_OTHERWISE
            if not entry.patient_id:
                return ""
            patient = arriving(session, delivery)
            known = bearers(session, delivery, entry.patient_id, entry.issuer)
            ahead = [
                arriving(session, session.get_one(Delivery, one.delivery_id)) for one in before if entry.is_of(one)
            ]
            peer = askable(delivery.node)
            can_say = delivery.node.query_back
        filed = filed_as(peer, entry.patient_id) if peer is not None else None
        known += self._under_the_same(entry, filed or ())
        if refused := _why_not(entry, patient, known):
            return refused
        if ahead and _why_not(entry, patient, [*known, *ahead]):
            return DECIDED_BEFORE
        knows = is_known(patient, known, entry.identifier)
        if can_say and filed is None and not (knows or entry.known_unasked):
            return NOBODY_WAS_ASKED
        if not entry.is_given:
            return ""
        with self.database.begin() as session:
            delivery = session.get_one(Delivery, question.delivery_id)
            entered = Entered(entry.patient_id, entry.accession)
            if not entry.right_accession and went_with_another(session, delivery, entered, before):
                return ANOTHERS_ACCESSION
            ticked = entry.same_person
            return reserve(session, delivery, entry.patient_id, question.content_id, same_person=ticked, is_known=knows)

    def _under_the_same(self, entry: _Entry, filed: Sequence[PatientFacts]) -> list[PatientFacts]:
        """Those whom the PACS has under this ID of this issuer."""
        if not entry.is_given:
            return of_the_issuer(filed, entry.patient_id, entry.issuer)
        with self.database.begin() as session:
            return of_an_own_id(session, filed, entry.patient_id, entry.issuer)


@dataclass(frozen=True)
class _Entry:
    """Under what a command releases: `is_given` by a person, or what the images carry; and what is ticked beside it."""

    is_given: bool
    patient_id: str
    issuer: str
    accession: str
    same_person: bool
    known_unasked: bool
    right_accession: bool
    under_another_id: bool

    @classmethod
    def of(cls, content: Content, delivery: Delivery) -> _Entry:
        patient_id, issuer = goes_as(content, delivery.identity, delivery.institution_id)
        accession = str(content.get("accession", "")).strip()
        return cls(
            bool(str(content.get("patient_id", "")).strip()),
            patient_id,
            issuer,
            accession,
            content.get("same_person") == patient_id,
            content.get("known_unasked") == patient_id,
            content.get("right_accession") == accession,
            bool(content.get("under_another_id")),
        )

    @property
    def identifier(self) -> Identifier:
        return Identifier.of(self.patient_id, self.issuer)

    def is_of(self, other: Releasing) -> bool:
        """Whether the other goes under the same identifier."""
        return Identifier.of(other.patient_id, other.issuer) == self.identifier


def _why_not(entry: _Entry, patient: PatientFacts, known: Sequence[PatientFacts]) -> str:
    if not entry.is_given:
        return why_not_as_it_is(patient, known, entry.identifier, same_person=entry.same_person)
    if names_another(entry.patient_id, patient):
        return ANOTHERS_ID
    return why_not_filed_as(patient, entry.patient_id, known, same_person=entry.same_person)
