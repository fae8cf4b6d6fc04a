"""Whether a local Accession Number went with another patient's study before: one number is one order of one patient."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.filed_before import went
from models.releasing import Releasing
from models.tables import Delivery, Transaction
from models.tables.delivery import ACCESSION_IN_ANY_CASE

ANOTHERS_ACCESSION = (
    "That Accession Number went with another patient's study before; not released. "
    "Look in your RIS, then enter another, leave it empty, or tick on your worklist that it is right."
)
"""What crosses the engine; the page, which has both, names the number and whose it was."""


class Entered(NamedTuple):
    """An Institution's own identifiers, as a person enters them at a release."""

    patient_id: str
    accession: str


class Went(NamedTuple):
    """Under which own Patient ID, in which Transaction, an Institution released a study."""

    patient_id: str
    reference: str


def went_with_others(session: Session, institution_id: str, entered: Mapping[str, Entered]) -> dict[str, Went]:
    """By delivery: with which other patient's study the number entered for it went last, in whatever case. One select.

    Also where that study is still on its way. The same number for several studies of one patient is right.
    """
    numbers = {one.accession for one in entered.values()} - {""}
    if not numbers:
        return {}
    # The issuers tell the Institution's own numbers from those that a sender gave.
    issuers = [Delivery.identity[issuer].astext for issuer in ("IssuerOfPatientID", "accession_issuer")]
    went_as = [Delivery.identity[keyword].astext for keyword in ("PatientID", "AccessionNumber")]
    rows = session.execute(
        select(Delivery.id, Transaction.reference, *went_as)
        .join(Transaction, Transaction.id == Delivery.transaction_id)
        .where(
            Delivery.institution_id == institution_id,
            ACCESSION_IN_ANY_CASE.in_([func.lower(number) for number in numbers]),
            *(issuer == institution_id for issuer in issuers),
            *went(),
        )
        .order_by(Delivery.released_at.desc())
    ).all()
    found: dict[str, Went] = {}
    for delivery_id, one in entered.items():
        for other_id, reference, patient_id, accession in rows:
            if other_id != delivery_id and _is_anothers(one, Entered(patient_id, accession)):
                found.setdefault(delivery_id, Went(patient_id, reference))
    return found


def _is_anothers(one: Entered, other: Entered) -> bool:
    same_number = one.accession.lower() == other.accession.lower()
    return same_number and one.patient_id.lower() != other.patient_id.lower()


def went_with_another(session: Session, delivery: Delivery, entered: Entered, before: Iterable[Releasing]) -> bool:
    """Whether the number that is entered for the delivery went with another patient's study, or is to go `before`."""
    if entered.accession and any(_is_anothers(entered, Entered(one.patient_id, one.accession)) for one in before):
        return True
    return delivery.id in went_with_others(session, delivery.institution_id, {delivery.id: entered})
