"""Who went to an Institution under the identifiers that waiting images carry, and is another person, or may be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from models.domain.identity import PatientFacts
from models.filed_under import CALLED_OTHERWISE_WENT, Bearer, Identifier, went_under, why_not_as_it_is
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
        key: Identifier.of(delivery.identity["PatientID"], delivery.identity["IssuerOfPatientID"])
        for key, (delivery, _) in waiting.items()
        if delivery.identity
    }
    went = went_under(session, institution_id, set(filed.values()))
    return {
        key: _contrary(waiting[key][1], went[identifier], identifier)
        for key, identifier in filed.items()
        if identifier in went
        and why_not_as_it_is(waiting[key][1], [bearer.patient for bearer in went[identifier]], identifier)
    }


def _contrary(patient: PatientFacts, went: Sequence[Bearer], identifier: Identifier) -> tuple[Other, ...]:
    return tuple(
        Other(bearer.patient, bearer.reference, refused == CALLED_OTHERWISE_WENT)
        for bearer in went
        if (refused := why_not_as_it_is(patient, [bearer.patient], identifier))
    )
