"""A storage commitment request as a sender makes it (PS3.4 Table J.3-1)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage
from pynetdicom.association import Association
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance


def references(*uids: str) -> dict[str, str]:
    """CT images by SOPInstanceUID, with their SOP class."""
    return {uid: str(CTImageStorage) for uid in uids}


def information(transaction: str | None, named: Mapping[str, str] | None) -> Dataset:
    """The action information; None leaves an element out."""
    wanted = Dataset()
    if transaction is not None:
        wanted.TransactionUID = transaction
    if named is not None:
        wanted.ReferencedSOPSequence = []
        for uid, sop_class in named.items():
            reference = Dataset()
            with warnings.catch_warnings():
                # What is no UID is meant to be none.
                warnings.simplefilter("ignore")
                reference.ReferencedSOPClassUID = sop_class
                reference.ReferencedSOPInstanceUID = uid
            wanted.ReferencedSOPSequence.append(reference)
    return wanted


def ask(association: Association, wanted: Dataset | None, *, action: int = 1, instance: str | None = None) -> int:
    """The status of one N-ACTION."""
    answer: Any
    answer, _ = association.send_n_action(
        wanted, action, StorageCommitmentPushModel, instance or StorageCommitmentPushModelInstance
    )
    return int(answer.Status)
