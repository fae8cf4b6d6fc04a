"""Answering a sender that asked whether its images are kept: N-EVENT-REPORT, as the provider (PS3.4 Annex J)."""

from __future__ import annotations

from collections.abc import Mapping

from pydicom.dataset import Dataset
from pynetdicom import build_context, build_role
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance
from sqlalchemy import select
from sqlalchemy.orm import Session

from activities.border import acts
from activities.peer import PeerAddress, association, status_of
from models.archive import FolderArchive
from models.db import Database
from models.domain.commitment_contracts import Answer, AnswerRequest
from models.domain.errors import NodeHeld, PeerBusy, PeerRefuses
from models.domain.lifecycles.node import State as NodeState
from models.domain.statuses import Outcome, meaning
from models.tables import CommitmentRequest, Instance

ALL_KEPT, SOME_FAILED = 1, 2
"""Event types (PS3.4 Section J.3.3)."""
NO_SUCH_INSTANCE, CLASS_INSTANCE_CONFLICT = 0x0112, 0x0119
"""Failure reasons (PS3.3 Section C.14.1.1)."""


class CommitmentActivities:
    def __init__(self, database: Database, archive: FolderArchive) -> None:
        self.database = database
        self.archive = archive

    @acts
    def answer(self, request: AnswerRequest) -> Answer:
        """Tell the sender which of its images are kept. Said twice it is the same answer: idempotent by request."""
        with self.database.begin() as session:
            asked = session.get_one(CommitmentRequest, request.request_id)
            failed = self._failed(session, asked)
            answer = Answer(not failed or request.in_any_case, len(failed), len(asked.references))
            if not answer.said:
                return answer
            asked.failed = len(failed)
            node = asked.node
            if not node.receives:
                raise PeerRefuses(f"{node.name} has no address to answer to.")
            if node.state == NodeState.HELD:
                raise NodeHeld(f"{node.name} is held by a person.")
            peer = PeerAddress.of(node)
            called, information = asked.called_ae_title, _information(asked, failed)
        _report(peer, called, SOME_FAILED if failed else ALL_KEPT, information)
        return answer

    def _failed(self, session: Session, asked: CommitmentRequest) -> dict[str, int]:
        """By SOPInstanceUID, why an image is not kept. One that was purged is not, wherever else it may be."""
        rows = session.execute(
            select(Instance.SOPInstanceUID, Instance.SOPClassUID, Instance.key).where(
                Instance.institution_id == asked.institution_id,
                Instance.SOPInstanceUID.in_(asked.references),
                Instance.key.is_not(None),
            )
        )
        kept = {uid: sop_class for uid, sop_class, key in rows if key and self.archive.path(key).exists()}
        return {
            uid: CLASS_INSTANCE_CONFLICT if uid in kept else NO_SUCH_INSTANCE
            for uid, sop_class in asked.references.items()
            if kept.get(uid) != sop_class
        }


def _information(asked: CommitmentRequest, failed: Mapping[str, int]) -> Dataset:
    information = Dataset()
    information.TransactionUID = asked.TransactionUID
    kept = [_reference(uid, sop_class) for uid, sop_class in asked.references.items() if uid not in failed]
    if kept:
        information.ReferencedSOPSequence = kept
    if failed:
        information.FailedSOPSequence = [_reference(uid, asked.references[uid], why) for uid, why in failed.items()]
    return information


def _reference(uid: str, sop_class: str, failure: int | None = None) -> Dataset:
    reference = Dataset()
    reference.ReferencedSOPClassUID = sop_class
    reference.ReferencedSOPInstanceUID = uid
    if failure is not None:
        reference.FailureReason = failure
    return reference


def _report(peer: PeerAddress, calling: str, event_type: int, information: Dataset) -> None:
    """On an association of our own, for which the provider asks for its role (PS3.4 Section J.3.3).

    Raises PeerUnreachable, PeerBusy or PeerRefuses.
    """
    wanted = [build_context(StorageCommitmentPushModel)]
    roles = [build_role(StorageCommitmentPushModel, scp_role=True)]
    with association(peer, wanted, calling=calling, roles=roles) as assoc:
        answer, _ = assoc.send_n_event_report(
            information, event_type, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
        )
        row = meaning(status_of(peer, answer))
    if row.outcome is Outcome.BUSY:
        raise PeerBusy(f"{peer.name} cannot take the answer now: {row.words}.")
    if row.outcome is not Outcome.ACCEPTED:
        raise PeerRefuses(f"{peer.name} does not take the answer: {row.words}.")
