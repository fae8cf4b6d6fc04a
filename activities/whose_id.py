"""Whom a destination's own PACS files under a Patient ID, as it says itself."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from pydicom.dataset import Dataset
from sqlalchemy import select
from sqlalchemy.orm import Session
from temporalio import activity

from activities.asking import find, finder
from activities.peer import PeerAddress, association
from models.domain.errors import ExchangeError, PeerBusy
from models.domain.identity import PatientFacts, unpadded
from models.domain.lifecycles.node import State
from models.domain.nhs_number import issued_by_nhs, parse_nhs_number, spaced
from models.tables import Institution, Node

EACH_STEP = 1.0
"""Seconds for each of connecting, association and answer: a person waits for the page."""
EACH_STEP_BY_ITSELF = 3.0
"""The same where nobody waits, but the engine for a sign of life."""
MOST = 20
"""Patients that are looked at, whatever number of studies each has."""
KEYS = ("IssuerOfPatientID", "PatientName", "PatientBirthDate", "PatientSex")


def askable(node: Node) -> PeerAddress | None:
    """Its address, where it may be asked now."""
    may = node.query_back and node.receives and node.state not in (State.DOWN, State.HELD)
    return PeerAddress.of(node) if may else None


def filed_as(peer: PeerAddress, patient_id: str) -> list[PatientFacts] | None:
    """Whom the PACS files under this ID, while a person waits; None where it does not say.

    Of one that does not come to the end of its answer, what it has said: that may be reason enough to refuse.
    """
    said: list[PatientFacts] = []
    try:
        said.extend(_asked(peer, patient_id, EACH_STEP))
    except ExchangeError as silent:
        activity.logger.info("the destination cannot be asked whose an ID is: %s", type(silent).__name__)
        return said or None
    return said


def whose(peer: PeerAddress, patient_id: str) -> list[PatientFacts]:
    """The same for a release by the exchange, which takes no half of an answer: raises why it does not say it all."""
    return list(_asked(peer, patient_id, EACH_STEP_BY_ITSELF))


def _asked(peer: PeerAddress, patient_id: str, each_step: float) -> Iterator[PatientFacts]:
    """As its studies say (C-FIND, Study Root, PS3.4 C.6.2); each patient once, MOST at most.

    Each step may take `each_step` seconds; PeerBusy when the answer takes longer.
    """
    seen: set[PatientFacts] = set()
    with association(replace(peer, dimse_timeout=each_step), finder(), patience=each_step) as assoc:
        until = time.monotonic() + each_step
        keys = dict.fromkeys(KEYS, "") | {"StudyInstanceUID": ""}
        for written in _writings(patient_id):
            for match in find(peer, assoc, "STUDY", PatientID=written, **keys):
                # An ID with a star or question mark finds others too (PS3.4 C.2.2.2.4).
                if _text(match, "PatientID").casefold() in map(str.casefold, _writings(patient_id)):
                    issuer, name, born, sex = (_text(match, keyword) for keyword in KEYS)
                    one = PatientFacts(patient_id, issuer, name, born, sex)
                    if one not in seen:
                        seen.add(one)
                        yield one
                if len(seen) == MOST:
                    return
                if time.monotonic() > until:
                    raise PeerBusy(f"{peer.name} takes too long to say whose a Patient ID is.")


def _writings(patient_id: str) -> tuple[str, ...]:
    """Many PACS tell capitals from small letters when they look, and not when they file; or blanks from none."""
    number = parse_nhs_number(patient_id)
    also = (number, spaced(number)) if number else (patient_id.upper(), patient_id.lower())
    return tuple(dict.fromkeys((patient_id, *also)))


def _text(match: Dataset, keyword: str) -> str:
    return unpadded(str(match.get(keyword, "") or ""))


def of_the_issuer(filed: Iterable[PatientFacts], patient_id: str, issuer: str) -> list[PatientFacts]:
    """Those under the ID of this issuer; an NHS number is one whoever is said to issue it."""
    is_number = parse_nhs_number(patient_id) is not None
    return [one for one in filed if is_number or one.IssuerOfPatientID == issuer]


def of_an_own_id(session: Session, filed: Collection[PatientFacts], patient_id: str, own: str) -> list[PatientFacts]:
    """Those under this ID of the Institution `own`: that of another issuer is another ID (PS3.3 C.7.1.1)."""
    issuers = {match.IssuerOfPatientID for match in filed} - {"", own}
    foreign = set(session.scalars(select(Institution.ods_code).where(Institution.ods_code.in_(issuers))))
    # Not even an NHS number that is entered as a local ID may be somebody else's.
    is_number = parse_nhs_number(patient_id) is not None
    return [
        one
        for one in filed
        if one.IssuerOfPatientID not in foreign and (is_number or not issued_by_nhs(one.IssuerOfPatientID))
    ]
