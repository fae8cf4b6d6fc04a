"""Whom a destination's own PACS files under a Patient ID, as it says itself."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

from pydicom.dataset import Dataset
from temporalio import activity

from activities.asking import find, finder
from activities.peer import PeerAddress, association
from models.domain.errors import ExchangeError
from models.domain.identity import PatientFacts, unpadded
from models.domain.lifecycles.node import State
from models.domain.nhs_number import issued_by_nhs
from models.tables import Node

EACH_STEP = 1.0
"""Seconds for each of connecting, association and answer: a person waits for the page."""
MOST = 20
"""Studies that are looked at: all are of the one patient whose ID was asked for."""
KEYS = ("IssuerOfPatientID", "PatientName", "PatientBirthDate")


def askable(node: Node) -> PeerAddress | None:
    """Its address, where it may be asked now."""
    may = node.query_back and node.receives and node.state not in (State.DOWN, State.HELD)
    return PeerAddress.of(node) if may else None


def filed_as(peer: PeerAddress, patient_id: str) -> list[PatientFacts] | None:
    """Whom the PACS files under exactly this ID; None where it does not say, and what it said until it fell silent."""
    said: list[PatientFacts] = []
    try:
        said.extend(_asked(peer, patient_id))
    except ExchangeError as silent:
        activity.logger.info("the destination cannot be asked whose an ID is: %s", type(silent).__name__)
        return said or None
    return said


def _asked(peer: PeerAddress, patient_id: str) -> Iterator[PatientFacts]:
    """As its studies say (C-FIND, Study Root, PS3.4 C.6.2)."""
    until = time.monotonic() + EACH_STEP
    with association(replace(peer, dimse_timeout=EACH_STEP), finder(), patience=EACH_STEP) as assoc:
        keys = dict.fromkeys(KEYS, "") | {"StudyInstanceUID": ""}
        for seen, match in enumerate(find(peer, assoc, "STUDY", PatientID=patient_id, **keys)):
            # An ID with a star or question mark finds others too (PS3.4 C.2.2.2.4).
            if _text(match, "PatientID") == patient_id:
                issuer, name, born = (_text(match, keyword) for keyword in KEYS)
                yield PatientFacts(patient_id, issuer, name, born)
            if seen == MOST or time.monotonic() > until:
                return


def _text(match: Dataset, keyword: str) -> str:
    return unpadded(str(match.get(keyword, "") or ""))


def of_the_issuer(filed: Iterable[PatientFacts], issuer: str) -> list[PatientFacts]:
    """Those under the ID of this issuer; a PACS that knows no issuers has an NHS number without one."""
    if issued_by_nhs(issuer):
        return [one for one in filed if not one.IssuerOfPatientID or issued_by_nhs(one.IssuerOfPatientID)]
    return [one for one in filed if one.IssuerOfPatientID == issuer]
