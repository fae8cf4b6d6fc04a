"""A C-FIND that ends (PS3.4 Section C.4.1): after so many answers, after so long, or by the peer, however it ends it.

Study Root is asked, or Patient Root of a peer that takes no other.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from pydicom.dataset import Dataset
from pynetdicom import build_context
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import (
    PatientRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelFind,
)

from activities.peer import PeerAddress

STUDY_ROOT = StudyRootQueryRetrieveInformationModelFind
PATIENT_ROOT = PatientRootQueryRetrieveInformationModelFind
SUCCESS, PENDING, WITHOUT_SOME_KEYS, CANCELLED = 0x0000, 0xFF00, 0xFF01, 0xFE00
MESSAGE_ID = 1
LONGEST = 60.0
"""Seconds after which answers that still trickle in are waited for no longer."""
AFTER_CANCEL = 200
"""Answers that may still be on their way once the peer was told to stop."""


@dataclass
class Reply:
    """`status` is the last one; None when the peer fell silent or hung up. `stopped`: by us, there is more.

    `unsupported`: it does not support all of the keys (FF01).
    """

    matches: list[Dataset] = field(default_factory=list)
    status: int | None = None
    stopped: bool = False
    unsupported: bool = False

    @property
    def reached_limit(self) -> bool:
        """It ended with a warning: B001, matching reached the peer's own limit."""
        return self.status is not None and 0xB000 <= self.status <= 0xBFFF

    @property
    def fault(self) -> str:
        """Why it did not end well, as a sentence goes on; empty when it did."""
        if self.stopped or self.reached_limit or self.status in (SUCCESS, CANCELLED):
            return ""
        if self.status is None:
            return "stopped answering"
        if 0xA700 <= self.status <= 0xA7FF:
            return f"is too busy ({self.status:04X})"
        if 0xA900 <= self.status <= 0xA9FF or self.status == 0x0122:
            return f"cannot be asked this ({self.status:04X})"
        return f"failed over it ({self.status:04X})"


class Inquiry:
    """Asks over one association."""

    def __init__(self, peer: PeerAddress, assoc: Association) -> None:
        self.peer = peer
        self.assoc = assoc
        taken = {str(context.abstract_syntax) for context in assoc.accepted_contexts}
        self.model = STUDY_ROOT if STUDY_ROOT in taken else PATIENT_ROOT
        self._ends = time.monotonic() + LONGEST

    @property
    def by_patient(self) -> bool:
        """Whether studies can only be asked for by their patient's ID (PS3.4 Section C.6.1.2)."""
        return bool(self.model == PATIENT_ROOT)

    @property
    def goes_on(self) -> bool:
        return bool(self.assoc.is_established and time.monotonic() < self._ends)

    def ask(self, level: str, keys: Mapping[str, str], most: int) -> Reply:
        """The first `most` answers; the peer is told to stop after them (C-CANCEL)."""
        reply = Reply()
        for left, (answer, match) in enumerate(
            self.assoc.send_c_find(identifier(level, keys), self.model, msg_id=MESSAGE_ID)
        ):
            reply.status = int(answer.Status) if "Status" in answer else None
            if reply.stopped:
                if left > most + AFTER_CANCEL or not self.goes_on:
                    # It does not listen: nothing further is read from it.
                    self.assoc.abort()
                    break
                continue
            reply.unsupported |= reply.status == WITHOUT_SOME_KEYS
            if reply.status not in (PENDING, WITHOUT_SOME_KEYS):
                continue
            if match is not None and len(reply.matches) < most:
                reply.matches.append(match)
            elif match is not None or time.monotonic() > self._ends:
                reply.stopped = True
                self.assoc.send_c_cancel(MESSAGE_ID, query_model=self.model)
        return reply


def inquirer() -> list[PresentationContext]:
    """The contexts that asking needs."""
    return [build_context(STUDY_ROOT), build_context(PATIENT_ROOT)]


def identifier(level: str, keys: Mapping[str, str]) -> Dataset:
    """The data set of a query; its character set is the narrowest that holds all it says (PS3.3 C.12.1.1.2)."""
    asked = Dataset()
    said = "".join(keys.values())
    if not said.isascii():
        asked.SpecificCharacterSet = "ISO_IR 100" if _is_latin(said) else "ISO_IR 192"
    asked.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        if keyword == "OtherPatientIDsSequence":
            item = Dataset()
            item.PatientID = value
            asked.OtherPatientIDsSequence = [item]
        else:
            setattr(asked, keyword, value)
    return asked


def _is_latin(text: str) -> bool:
    try:
        text.encode("latin_1")
    except UnicodeError:
        return False
    return True
