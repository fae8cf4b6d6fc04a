"""Storage commitment as a provider (PS3.4 Annex J): what a request says, or why it is not taken.

The result is reported later and on an association of its own (PS3.4 Section J.3.3); nothing of that happens here.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance

from dicom_edge.facts import Association, CommitmentAsked, utc_now
from models.data_set import DataSet
from models.elements import Unreadable
from models.part10 import UID

TRANSFER_SYNTAXES = [ImplicitVRLittleEndian, ExplicitVRLittleEndian]
"""Not the deflated one: nothing that a request says needs to be inflated."""
REQUEST_STORAGE_COMMITMENT = 1
"""The action type (PS3.4 Section J.3.2)."""
MOST_REFERENCES = 10_000
"""In one request. Its size is bounded as well, see COMMAND_BYTES in guard.py."""


class ActionStatus(IntEnum):
    """Statuses of N-ACTION and N-EVENT-REPORT (PS3.7 Sections 10.1.4.1.10 and 10.1.1.1.8, and Annex C)."""

    SUCCESS = 0x0000
    PROCESSING_FAILURE = 0x0110
    NO_SUCH_INSTANCE = 0x0112
    NO_SUCH_EVENT_TYPE = 0x0113
    INVALID_ARGUMENT_VALUE = 0x0115
    NO_SUCH_CLASS = 0x0118
    NO_SUCH_ACTION = 0x0123
    NOT_AUTHORISED = 0x0124
    RESOURCE_LIMITATION = 0x0213


def read_request(sender: Association, request: Any, transfer_syntax: str) -> CommitmentAsked | ActionStatus:
    """What an N-ACTION request asks for, or the status that refuses it."""
    if sender.node_id is None or sender.institution_id is None:
        # Nobody is registered to whom the result could be reported.
        return ActionStatus.NOT_AUTHORISED
    if request.RequestedSOPClassUID != StorageCommitmentPushModel:
        return ActionStatus.NO_SUCH_CLASS
    if request.RequestedSOPInstanceUID != StorageCommitmentPushModelInstance:
        return ActionStatus.NO_SUCH_INSTANCE
    if request.ActionTypeID != REQUEST_STORAGE_COMMITMENT:
        return ActionStatus.NO_SUCH_ACTION
    encoded = request.ActionInformation.getvalue() if request.ActionInformation else b""
    try:
        transaction, references = _asked(encoded, implicit=transfer_syntax == ImplicitVRLittleEndian)
    except Unreadable:
        return ActionStatus.INVALID_ARGUMENT_VALUE
    if len(references) > MOST_REFERENCES:
        return ActionStatus.RESOURCE_LIMITATION
    uids = (transaction, *references, *set(references.values()))
    if not references or not all(UID.fullmatch(uid) for uid in uids):
        return ActionStatus.INVALID_ARGUMENT_VALUE
    return CommitmentAsked(
        association=sender.association,
        node_id=sender.node_id,
        institution_id=sender.institution_id,
        called_ae_title=sender.called_ae_title,
        TransactionUID=transaction,
        references=references,
        at=utc_now(),
    )


def _asked(encoded: bytes, *, implicit: bool) -> tuple[str, dict[str, str]]:
    """The TransactionUID, and the SOP class of each SOPInstanceUID. Raises Unreadable."""
    information = DataSet(encoded, 0, len(encoded), implicit=implicit, little=True)
    references = information.items("ReferencedSOPSequence")
    classes = {item.text("ReferencedSOPInstanceUID"): item.text("ReferencedSOPClassUID") for item in references}
    return information.text("TransactionUID"), classes
