"""Placing the rows of a bulk sheet: the sender's PACS is asked for each study, then its transfer is placed."""

from __future__ import annotations

from activities.border import acts
from activities.inquiry import Inquiry, inquirer
from activities.pacs_answers import STUDY_KEYS, hit_of
from activities.peer import PeerAddress, association
from models import bulk
from models.db import Database
from models.domain.bulk_sheet import Column, SheetEntry, named_patient
from models.domain.errors import NotAllowed, NotSecured, Passing, PeerBusy, PeerRefuses, PeerUnreachable
from models.domain.naming import Identifying
from models.domain.pacs_search import Criteria, Hit, Level, contradictions, questions
from models.outbox import report_node_fault
from models.tables import BulkSheet

AT_ONCE = 10
"""Rows that are placed before others may have the worker."""
MOST = 5
"""Answers after which it is plain that more than one study fits."""


class BulkActivities:
    def __init__(self, database: Database) -> None:
        self.database = database

    @acts
    def place_rows(self, sheet_id: str) -> int:
        """Place the next rows of the sheet; how many are left. Idempotent by (sheet, position): a row is placed once.

        Raises Passing when the PACS cannot be asked at present; what was placed by then stays placed.
        """
        with self.database.begin() as session:
            peer = PeerAddress.of(session.get_one(BulkSheet, sheet_id).node)
            positions = bulk.open_rows(session, sheet_id, AT_ONCE)
        if positions:
            try:
                with association(peer, inquirer()) as assoc:
                    for position in positions:
                        self._place(sheet_id, position, Inquiry(peer, assoc))
            except Passing as fault:
                self._say(sheet_id, fault)
                raise
            except (NotSecured, PeerRefuses) as refusal:
                for position in positions:
                    self._fail(sheet_id, position, str(refusal))
        with self.database.begin() as session:
            return bulk.settle(session, sheet_id)

    def _place(self, sheet_id: str, position: int, inquiry: Inquiry) -> None:
        with self.database.begin() as session:
            entry = bulk.entry_of(session, sheet_id, position)
        if entry is None:
            return
        try:
            hit = the_study(inquiry, entry)
            with self.database.begin() as session:
                bulk.send(session, sheet_id, position, entry, hit)
        except NotAllowed as refusal:
            self._fail(sheet_id, position, str(refusal))

    def _fail(self, sheet_id: str, position: int, reason: str) -> None:
        with self.database.begin() as session:
            bulk.fail(session, sheet_id, position, reason)

    def _say(self, sheet_id: str, fault: Passing) -> None:
        with self.database.begin() as session:
            sheet = session.get_one(BulkSheet, sheet_id)
            sheet.fault = f"{fault} It is tried again by itself; nobody needs to act."
            if isinstance(fault, PeerUnreachable):
                report_node_fault(session, sheet.node_id, str(fault), fault.step)


def the_study(inquiry: Inquiry, entry: SheetEntry) -> Hit:
    """The one study that a row means, as the PACS knows it.

    Raises NotAllowed with a sentence when there is none, more than one, or another patient's.
    """
    name, sought = inquiry.peer.name, Criteria(accession=entry.AccessionNumber, StudyInstanceUID=entry.StudyInstanceUID)
    keys = dict.fromkeys(STUDY_KEYS, "") | dict(questions(sought)[0])
    if inquiry.by_patient:
        if not entry.patient_id:
            raise NotAllowed(f"{name} can only be asked by patient; give the {Column.PATIENT_ID} there, too.")
        keys["PatientID"] = entry.patient_id
    reply = inquiry.ask(Level.STUDY.value, keys, MOST)
    if reply.status is None:
        raise PeerUnreachable(f"{name} stopped answering.")
    if 0xA700 <= reply.status <= 0xA7FF:
        raise PeerBusy(f"{name} is too busy to be asked ({reply.status:04X}).")
    if reply.fault:
        raise NotAllowed(f"{name} {reply.fault}; try again, or ask whoever looks after it.")
    found = {hit.StudyInstanceUID: hit for hit in filter(None, map(hit_of, reply.matches))}
    fitting = [hit for hit in found.values() if not contradictions(sought, hit)]
    what = Column.UID if entry.StudyInstanceUID else Column.ACCESSION
    if not fitting:
        raise NotAllowed(f"{name} has no study of this {what}; look at what was entered.")
    if len(fitting) > 1:
        raise NotAllowed(f"{name} has several studies of this {what}; give the {Column.UID} of the one that is meant.")
    _must_be_of(entry, fitting[0], name)
    return fitting[0]


def _must_be_of(entry: SheetEntry, hit: Hit, name: str) -> None:
    for column, value in ((Column.PATIENT_ID, entry.patient_id), (Column.NHS_NUMBER, entry.nhs_number)):
        whom = Criteria(
            patient_id=value if column is Column.PATIENT_ID else "",
            nhs_number=value if column is Column.NHS_NUMBER else "",
        )
        if value and contradictions(whom, hit):
            raise NotAllowed(f"At {name} that study is of another {column}; look whether it is the right study.")
    patient = Identifying(hit.PatientName, hit.PatientBirthDate, frozenset({hit.PatientID, *hit.other_ids} - {""}))
    if wrong := named_patient(entry.reason, patient):
        raise NotAllowed(wrong)
