"""Whether a local Patient ID that somebody entered is another person's, before anything is released under it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from pydicom.dataset import Dataset
from sqlalchemy import select
from temporalio import activity

from activities.asking import find, finder
from activities.border import acts
from activities.effects import content_of
from activities.peer import PeerAddress, association
from models.db import Database
from models.domain.contracts import LocalIdentityQuestion
from models.domain.errors import ExchangeError
from models.domain.identity import PatientFacts, unpadded
from models.domain.lifecycles.node import State
from models.domain.nhs_number import issued_by_nhs
from models.filed_before import FILED_OTHERWISE, parts_the_study
from models.local_accessions import ANOTHERS_ACCESSION, Entered, went_with_another
from models.local_patients import ANOTHERS_ID, arriving, bearers_of, names_another, reserve, why_not_filed_as
from models.releasing import decided_before
from models.tables import Delivery, Institution, Node

EACH_STEP = 1.0
"""Seconds for each of connecting, association and answer: a person waits for the page."""
MOST = 20
"""Studies that are looked at: all are of the one patient whose ID was asked for."""
KEYS = ("IssuerOfPatientID", "PatientName", "PatientBirthDate")


class LocalIdentityActivities:
    def __init__(self, database: Database) -> None:
        self.database = database

    @acts
    def check(self, question: LocalIdentityQuestion) -> str:
        """Why it must not be released under the ID entered with the command; empty when nothing is known against it.

        Nor under one, entered or found, that parts it from other images of its study, unless somebody wants it so; nor
        under an Accession Number that went with another patient's study, unless somebody says that it is right.

        Looks at what earlier releases have told and, within about three seconds, into the destination's own PACS:
        one that does not answer knows nothing. With nothing against it the ID is kept for this patient while the
        command is carried out, so that of two people who enter it at once for two patients the later reads that it is
        another's; who it is of is learned when the release is recorded. What others decided before and is not carried
        out yet counts as released. Idempotent by command.
        """
        with self.database.begin() as session:
            content = content_of(session, question.content_id)
            given = str(content.get("patient_id", "")).strip()
            delivery = session.get_one(Delivery, question.delivery_id)
            goes_as = given or (delivery.identity or {}).get("PatientID", "")
            before = decided_before(session, question.content_id)
            if not content.get("under_another_id") and parts_the_study(session, delivery, goes_as, before):
                return FILED_OTHERWISE
            if not given:
                return ""
            patient, own = arriving(session, delivery), delivery.institution_id
            known = bearers_of(session, own, given)
            peer = PeerAddress.of(delivery.node) if _can_be_asked(delivery.node) else None
        if names_another(given, patient):
            return ANOTHERS_ID
        filed = list(_filed(peer, given)) if peer is not None else []
        with self.database.begin() as session:
            issuers = {match.IssuerOfPatientID for match in filed} - {"", own}
            foreign = set(session.scalars(select(Institution.ods_code).where(Institution.ods_code.in_(issuers))))
        # The ID of another issuer is another ID, whatever it looks like (PS3.3 C.7.1.1).
        ours = [one for one in filed if not (one.IssuerOfPatientID in foreign or issued_by_nhs(one.IssuerOfPatientID))]
        same_person = content.get("same_person") == given
        if refused := why_not_filed_as(patient, [*known, *ours], same_person=same_person):
            return refused
        with self.database.begin() as session:
            delivery = session.get_one(Delivery, question.delivery_id)
            accession = str(content.get("accession", "")).strip()
            is_right = content.get("right_accession") == accession
            if not is_right and went_with_another(session, delivery, Entered(given, accession), before):
                return ANOTHERS_ACCESSION
            return reserve(session, delivery, given, question.content_id, same_person=same_person)


def _can_be_asked(node: Node) -> bool:
    return node.query_back and node.receives and node.state not in (State.DOWN, State.HELD)


def _filed(peer: PeerAddress, patient_id: str) -> Iterator[PatientFacts]:
    """Whom the PACS files under exactly this ID, as its studies say (C-FIND, Study Root, PS3.4 C.6.2)."""
    until = time.monotonic() + EACH_STEP
    try:
        with association(replace(peer, dimse_timeout=EACH_STEP), finder(), patience=EACH_STEP) as assoc:
            keys = dict.fromkeys(KEYS, "") | {"StudyInstanceUID": ""}
            for seen, match in enumerate(find(peer, assoc, "STUDY", PatientID=patient_id, **keys)):
                # An ID with a star or question mark finds others too (PS3.4 C.2.2.2.4).
                if _text(match, "PatientID") == patient_id:
                    issuer, name, born = (_text(match, keyword) for keyword in KEYS)
                    yield PatientFacts(patient_id, issuer, name, born)
                if seen == MOST or time.monotonic() > until:
                    return
    except ExchangeError as silent:
        activity.logger.info("the destination cannot be asked whose an ID is: %s", type(silent).__name__)


def _text(match: Dataset, keyword: str) -> str:
    return unpadded(str(match.get(keyword, "") or ""))
