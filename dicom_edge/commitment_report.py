"""Storage commitment as its user (PS3.4 Section J.3.3): what a destination reports, or why the report is not taken.

Whether anybody asked for it is not known here: ingest looks, and ignores what nobody awaits.
"""

from __future__ import annotations

from typing import Any

from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance

from dicom_edge.commitment import MOST_REFERENCES, ActionStatus
from dicom_edge.facts import Association, CommitmentReported, utc_now
from models.data_set import DataSet
from models.elements import Unreadable
from models.part10 import UID

ALL_KEPT, SOME_FAILED = 1, 2
"""Event types (PS3.4 Section J.3.3.1)."""
FAILURE_REASON = 0x00081197


def take_no_reports(association: Any) -> None:
    """Who is not a Node gets the role of the user only, which is the default (PS3.7 Section D.3.3.4)."""
    for context in association.acceptor.supported_contexts:
        if context.abstract_syntax == StorageCommitmentPushModel:
            context.scu_role = context.scp_role = None


def read_report(sender: Association, request: Any, transfer_syntax: str) -> CommitmentReported | ActionStatus:
    """What an N-EVENT-REPORT request says, or the status that refuses it."""
    if sender.node_id is None:
        return ActionStatus.PROCESSING_FAILURE
    if request.AffectedSOPClassUID != StorageCommitmentPushModel:
        return ActionStatus.NO_SUCH_CLASS
    if request.AffectedSOPInstanceUID != StorageCommitmentPushModelInstance:
        return ActionStatus.NO_SUCH_INSTANCE
    if request.EventTypeID not in (ALL_KEPT, SOME_FAILED):
        return ActionStatus.NO_SUCH_EVENT_TYPE
    encoded = request.EventInformation.getvalue() if request.EventInformation else b""
    try:
        said = DataSet(encoded, 0, len(encoded), implicit=transfer_syntax == ImplicitVRLittleEndian, little=True)
        kept = [item.text("ReferencedSOPInstanceUID") for item in said.items("ReferencedSOPSequence")]
        failed = {
            item.text("ReferencedSOPInstanceUID"): int.from_bytes(item.value(FAILURE_REASON)[:2], "little")
            for item in said.items("FailedSOPSequence")
        }
        transaction = said.text("TransactionUID")
    except Unreadable:
        return ActionStatus.INVALID_ARGUMENT_VALUE
    if len(kept) + len(failed) > MOST_REFERENCES:
        return ActionStatus.RESOURCE_LIMITATION
    if not (kept or failed) or not all(UID.fullmatch(uid) for uid in (transaction, *kept, *failed)):
        return ActionStatus.INVALID_ARGUMENT_VALUE
    return CommitmentReported(sender.association, sender.node_id, transaction, kept, failed, utc_now())
