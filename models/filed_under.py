"""Whom an Institution was sent under identifiers that are not its own: the NHS number, or a sender's ID.

What it files under its own Patient IDs is for models/local_patients.py to say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from models.dicom import facts_from_json
from models.domain.identity import PatientFacts
from models.domain.lifecycles.delivery import State
from models.domain.nhs_number import ISSUER, issued_by_nhs, parse_nhs_number
from models.filed_before import went
from models.local_patients import (
    ANOTHERS_ID,
    CALLED_OTHERWISE,
    arriving,
    bearers_of,
    facts_of,
    known_ids,
    why_not_filed_as,
)
from models.tables import Arrival, Delivery, Parcel, Study, Transaction, Worklist
from models.tables.delivery import PATIENT_ID_IN_ANY_CASE

ANOTHER_WENT = (
    "Another person went to your PACS under the ID that these images carry; not released. "
    "Look in your PACS whose it is, then enter the ID under which you file this patient, or refuse them."
)
CALLED_OTHERWISE_WENT = (
    "Somebody called otherwise went to your PACS under the ID that these images carry; not released. "
    "Look in your PACS, then tick on your worklist that it is the same person, or enter the ID under which you file "
    "this patient."
)
"""What crosses the engine; the page names the ID and who it was."""
_AS_IT_IS = {ANOTHERS_ID: ANOTHER_WENT, CALLED_OTHERWISE: CALLED_OTHERWISE_WENT}


class Filed(NamedTuple):
    """A Patient ID with its issuer, in one case: many PACS do not tell letters' cases apart."""

    patient_id: str
    issuer: str

    @classmethod
    def under(cls, patient_id: str, issuer: str) -> Filed:
        return cls(patient_id.lower(), ISSUER if issued_by_nhs(issuer) else issuer)


class Bearer(NamedTuple):
    """Who went under an identifier, in which Transaction."""

    patient: PatientFacts
    reference: str


def went_under(
    session: Session, institution_id: str, sought: Collection[Filed], *, but: Collection[str] = ()
) -> dict[Filed, tuple[Bearer, ...]]:
    """Each person once, the latest before the others; not of the deliveries `but`. One select.

    What the exchange is about to release by itself counts as well.
    """
    if not sought:
        return {}
    issuer = Delivery.identity["IssuerOfPatientID"].astext
    goes_by_itself = and_(Delivery.state == State.WAITING, Worklist.auto_release, Delivery.released_at.is_(None))
    rows = session.execute(
        select(PATIENT_ID_IN_ANY_CASE, issuer, Study.patient, func.max(Transaction.reference))
        .join(Transaction, Transaction.id == Delivery.transaction_id)
        .join(Worklist, Worklist.id == Delivery.worklist_id)
        .join(Parcel, Parcel.id == Delivery.parcel_id)
        .join(Arrival, Arrival.id == Parcel.arrival_id)
        .join(Study, Study.id == Arrival.study_id)
        .where(
            Delivery.institution_id == institution_id,
            PATIENT_ID_IN_ANY_CASE.in_([one.patient_id for one in sought]),
            issuer != institution_id,
            Delivery.id.not_in(but),
            or_(and_(*went()), goes_by_itself),
        )
        .group_by(PATIENT_ID_IN_ANY_CASE, issuer, Study.patient)
        .order_by(func.max(Delivery.created_at).desc())
    )
    found: dict[Filed, list[Bearer]] = defaultdict(list)
    for patient_id, its_issuer, stored, reference in rows:
        filed = Filed.under(patient_id, its_issuer)
        if filed in sought and stored:
            found[filed].append(Bearer(_who(filed, facts_from_json(stored)), reference))
    return {filed: tuple(bearers) for filed, bearers in found.items()}


def _who(filed: Filed, patient: PatientFacts) -> PatientFacts:
    """Whoever went under an NHS number has it, whatever the header says."""
    if filed.issuer != ISSUER:
        return patient
    return replace(patient, other_ids=(*patient.other_ids, (filed.patient_id, ISSUER)))


def bearers(session: Session, delivery: Delivery, patient_id: str, issuer: str) -> list[PatientFacts]:
    """Whom the destination is known to have under the identifier that a delivery is to go under."""
    own = delivery.institution_id
    found = bearers_of(session, own, patient_id) if issuer == own else []
    sought = {Filed.under(patient_id, issuer)} - {Filed.under(patient_id, own)}
    if (number := parse_nhs_number(patient_id)) and (issuer == own or issued_by_nhs(issuer)):
        # Also where it is entered as an own ID: many PACS do not look at the issuer.
        sought.add(Filed(number, ISSUER))
        found += [facts_of(row) for rows in known_ids(session, own, {number}).values() for row in rows]
    under = went_under(session, own, sought, but=[delivery.id])
    return [*found, *(bearer.patient for several in under.values() for bearer in several)]


def why_not_as_it_is(patient: PatientFacts, known: Iterable[PatientFacts], *, same_person: bool = False) -> str:
    """Why the patient is not filed under the identifier that the images carry, once these went so; empty if nothing.

    Images that say nothing of their patient are taken by their ID: it is the sender's word.
    """
    return _AS_IT_IS.get(why_not_filed_as(patient, known, same_person=same_person), "")


def why_not_by_itself(session: Session, delivery: Delivery) -> str:
    """The same for a release by the exchange; of two that come at once, one at least waits for a person."""
    identity = delivery.identity or {}
    patient_id, issuer = identity.get("PatientID", ""), identity.get("IssuerOfPatientID", "")
    # What is decided here is seen by whoever comes next only once it is committed.
    key = " ".join((delivery.institution_id, *Filed.under(patient_id, issuer)))
    session.execute(select(func.pg_advisory_xact_lock(func.hashtextextended(key, 1))))
    return why_not_as_it_is(arriving(session, delivery), bearers(session, delivery, patient_id, issuer))
