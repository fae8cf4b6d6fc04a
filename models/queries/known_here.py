"""As whom an Institution knows the patients of what waits there: by the NHS number, else by the sender's own ID."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from models.domain.identity import PatientFacts, declared_nhs
from models.domain.likeness import Likeness, likeness
from models.local_patients import ANOTHERS_ID, facts_of, known_ids, number_of, why_not_filed_as
from models.senders_ids import filed_for, sent_id
from models.tables import Delivery, LocalPatient, Node


@dataclass(frozen=True)
class Local:
    """As whom the Institution knows the patient; `several` where under more than one ID with this NHS number.

    `sender` is by whose ID of the patient it is known; empty where it is known by the NHS number. `is_anothers`:
    whoever is filed under it is somebody else than the images say, whatever the number.
    """

    patient_id: str
    PatientName: str
    PatientBirthDate: str
    nhs_number: str
    several: bool
    sender: str
    is_anothers: bool

    @property
    def may_be_filed_as(self) -> str:
        """The ID that a release can be under; empty where it would be refused."""
        return "" if self.is_anothers else self.patient_id


@dataclass(frozen=True)
class Said:
    """What the header of images from `sender_id` says of their patient."""

    patient: PatientFacts
    sender_id: str
    node_id: str
    nhs_number: str


def said_of(delivery: Delivery, patient: PatientFacts | None, sender: Node | None) -> Said:
    """By the first header of a delivery, from the Node `sender`; nothing once that header is purged."""
    facts = patient or PatientFacts()
    if sender is not None and sender.patient_id_may_be_nhs:
        facts = declared_nhs(facts)
    arrival = delivery.parcel.arrival
    return Said(facts, arrival.institution_id, arrival.node_id or "", number_of(facts, sender))


def known_here(session: Session, institution_id: str, said: Mapping[str, Said]) -> dict[str, Local]:
    """By the keys of `said`, for all of them at once.

    What a sender's ID tells counts only where name and birth date agree.
    """
    by_number = known_ids(session, institution_id, {one.nhs_number for one in said.values()} - {""})
    found = {
        key: _local(one.patient, by_number[one.nhs_number]) for key, one in said.items() if one.nhs_number in by_number
    }
    sent = {
        key: its
        for key, one in said.items()
        if key not in found and (its := sent_id(one.patient, one.sender_id, one.node_id)) is not None
    }
    by_id = filed_for(session, institution_id, set(sent.values()))
    return found | {
        key: _local(said[key].patient, (by_id[its],), sender=its.sender_id)
        for key, its in sent.items()
        if its in by_id and likeness(facts_of(by_id[its]), said[key].patient) is Likeness.SAME
    }


def _local(patient: PatientFacts, rows: tuple[LocalPatient, ...], sender: str = "") -> Local:
    """Of `rows`, the latest first, the one that the patient can be filed under."""
    fitting = [row for row in rows if why_not_filed_as(patient, row.patient_id, [facts_of(row)]) != ANOTHERS_ID]
    best = (*fitting, *rows)[0]
    return Local(
        best.patient_id,
        best.PatientName,
        best.PatientBirthDate,
        best.nhs_number,
        several=len(rows) > 1,
        sender=sender,
        is_anothers=not fitting,
    )
