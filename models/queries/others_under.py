"""Who went to an Institution under the identifiers that waiting images carry, and is another person, or may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from models.domain.identity import PatientFacts
from models.filed_under import CALLED_OTHERWISE_WENT, Filed, went_under, why_not_as_it_is
from models.tables import Delivery


@dataclass(frozen=True)
class Other:
    """Who, in which Transaction; `may_be_same` where somebody who has looked may say that it is the same person."""

    patient: PatientFacts
    reference: str
    may_be_same: bool


def others_under(
    session: Session, institution_id: str, waiting: Mapping[str, tuple[Delivery, PatientFacts]]
) -> dict[str, tuple[Other, ...]]:
    """By delivery that waits there, given with what its header says of its patient. One select for all."""
    filed = {
        key: Filed.under(delivery.identity["PatientID"], delivery.identity["IssuerOfPatientID"])
        for key, (delivery, _) in waiting.items()
        if delivery.identity
    }
    went = went_under(session, institution_id, set(filed.values()), but=list(waiting))
    found: dict[str, tuple[Other, ...]] = {}
    for key, under in filed.items():
        patient = waiting[key][1]
        others = (
            Other(bearer.patient, bearer.reference, refused == CALLED_OTHERWISE_WENT)
            for bearer in went.get(under, ())
            if (refused := why_not_as_it_is(patient, [bearer.patient]))
        )
        if contrary := tuple(others):
            found[key] = contrary
    return found
