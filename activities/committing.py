"""Asking a destination to commit itself to what it accepted: N-ACTION, as the user (PS3.4 Annex J).

Its answer may come on the same association, which is kept open for some seconds, or on one to the edge, or never.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import build_context, evt
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance

from activities.gate import Gate
from activities.peer import PeerAddress, association, status_of
from activities.readiness import must_be_askable
from models.commitments import Reported, Standing, standing, take_report
from models.db import Database
from models.domain.errors import PeerBusy, PeerRefuses
from models.domain.statuses import Outcome, meaning
from models.tables import AskedCommitment, Delivery, now

REQUEST_STORAGE_COMMITMENT = 1
"""The action type (PS3.4 Section J.3.2)."""
ALL_KEPT, SOME_FAILED = 1, 2
"""Event types (PS3.4 Section J.3.3.1)."""
SUCCESS, NO_SUCH_EVENT_TYPE, INVALID_ARGUMENT_VALUE = 0x0000, 0x0113, 0x0115
PORTION = 5000
"""Images in one request: the answer to more would be longer than the edge takes."""
STAY = 5.0
"""Seconds that the association is kept open for the answer."""


class Asking:
    """The requests to the Node of one delivery."""

    def __init__(self, database: Database, delivery_id: str) -> None:
        self.database = database
        self.delivery_id = delivery_id
        self.taken = threading.Event()
        self.answered = threading.Event()
        with database.begin() as session:
            delivery = session.get_one(Delivery, delivery_id)
            self.node_id, self.peer = delivery.node_id, PeerAddress.of(delivery.node)

    def standing(self, wanted: Mapping[str, str]) -> Standing:
        with self.database.begin() as session:
            return standing(session, session.get_one(Delivery, self.delivery_id), wanted)

    def ask(self, wanted: Mapping[str, str]) -> Standing:
        """How it stands after whatever was not asked for yet was asked for; `wanted` has each image's SOP class.

        Raises PeerUnreachable, PeerBusy or PeerRefuses; of a Node that is away NodeHeld or NodeDown.
        """
        for portion in _portions(sorted(self.standing(wanted).open)):
            self._ask({uid: wanted[uid] for uid in portion})
        return self.standing(wanted)

    def _ask(self, references: dict[str, str]) -> None:
        # A request of which nobody knows whether it was taken is made anew: a TransactionUID is for one only.
        transaction = generate_uid(prefix=None)
        with self.database.begin() as session:
            delivery = session.get_one(Delivery, self.delivery_id)
            must_be_askable(delivery.node)
            session.add(
                AskedCommitment(
                    TransactionUID=transaction,
                    institution_id=delivery.institution_id,
                    delivery_id=delivery.id,
                    node_id=self.node_id,
                    round=delivery.round,
                    references=references,
                    asked_at=now(),
                )
            )
        self.taken.clear()
        self.answered.clear()
        wanted = [build_context(StorageCommitmentPushModel)]
        handlers = [(evt.EVT_N_EVENT_REPORT, self._take), (evt.EVT_PDU_SENT, self._sent)]
        with association(self.peer, wanted, handlers=handlers) as assoc:
            answer, _ = assoc.send_n_action(
                _information(transaction, references),
                REQUEST_STORAGE_COMMITMENT,
                StorageCommitmentPushModel,
                StorageCommitmentPushModelInstance,
            )
            row = meaning(status_of(self.peer, answer))
            if row.outcome is Outcome.BUSY:
                raise PeerBusy(f"{self.peer.name} cannot be asked to commit itself now: {row.words}.")
            if row.outcome is not Outcome.ACCEPTED:
                raise PeerRefuses(f"{self.peer.name} does not take a request to commit itself: {row.words}.")
            with self.database.begin() as session:
                session.get_one(AskedCommitment, transaction).accepted_at = now()
            # From here on pynetdicom's own thread may read what the peer says.
            gate: Any = assoc._reactor_checkpoint
            assert isinstance(gate, Gate)
            gate.leave_open()
            self.answered.wait(STAY)

    def _take(self, event: Any) -> tuple[int, None]:
        """The status of one N-EVENT-REPORT; 0x0000 once it is in the database."""
        if event.request.EventTypeID not in (ALL_KEPT, SOME_FAILED):
            return NO_SUCH_EVENT_TYPE, None
        said = event.event_information
        kept = frozenset(str(item.ReferencedSOPInstanceUID) for item in said.get("ReferencedSOPSequence") or [])
        failed = {
            str(item.ReferencedSOPInstanceUID): int(item.FailureReason) for item in said.get("FailedSOPSequence") or []
        }
        with self.database.begin() as session:
            awaited = take_report(session, self.node_id, Reported(str(said.TransactionUID), kept, failed))
        if not awaited:
            return INVALID_ARGUMENT_VALUE, None
        self.taken.set()
        return SUCCESS, None

    def _sent(self, event: Any) -> None:
        """A report that was taken is answered before the association is released: nothing may be said after that."""
        if self.taken.is_set():
            self.answered.set()


def _portions(uids: list[str]) -> Iterator[list[str]]:
    for first in range(0, len(uids), PORTION):
        yield uids[first : first + PORTION]


def _information(transaction: str, references: Mapping[str, str]) -> Dataset:
    information = Dataset()
    information.TransactionUID = transaction
    information.ReferencedSOPSequence = []
    for uid, sop_class in references.items():
        reference = Dataset()
        reference.ReferencedSOPClassUID = sop_class
        reference.ReferencedSOPInstanceUID = uid
        information.ReferencedSOPSequence.append(reference)
    return information
