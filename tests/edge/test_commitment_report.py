"""What a destination commits itself to, reported to an edge: kept before it is acknowledged, and from Nodes only."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage
from pynetdicom import AE, build_context, build_role
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import SCP_SCU_RoleSelectionNegotiation
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance

from dicom_edge.facts import CommitmentReported
from tests.edge.conftest import Edges

KEPT, FAILED = "2.25.71", "2.25.72"


def opened(port: int, *, calling: str = "SENDER", role: bool = True) -> Association:
    """As a provider opens it to report (PS3.4 Section J.3.3); `role`: it says that it is one."""
    entity = AE(calling)
    roles: list[Any] = [build_role(StorageCommitmentPushModel, scp_role=True)] if role else []
    made = entity.associate(
        "127.0.0.1", port, contexts=[build_context(StorageCommitmentPushModel)], ae_title="IEP", ext_neg=roles
    )
    assert made.is_established
    return made


def told(transaction: str | None, kept: tuple[str, ...] = (KEPT,), failed: tuple[str, ...] = ()) -> Dataset:
    said = Dataset()
    if transaction is not None:
        said.TransactionUID = transaction
    said.ReferencedSOPSequence = [_reference(uid) for uid in kept]
    said.FailedSOPSequence = [_reference(uid) for uid in failed]
    for one in said.FailedSOPSequence:
        one.FailureReason = 0x0112
    return said


def _reference(uid: str) -> Dataset:
    one = Dataset()
    one.ReferencedSOPClassUID = CTImageStorage
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        one.ReferencedSOPInstanceUID = uid
    return one


def report(made: Association, said: Dataset, event_type: int = 1, instance: str = "") -> int:
    answer: Any
    answer, _ = made.send_n_event_report(
        said, event_type, StorageCommitmentPushModel, instance or StorageCommitmentPushModelInstance
    )
    return int(answer.Status)


def agreed(made: Association) -> list[tuple[bool, bool]]:
    """The roles that the edge agrees to, as user and as provider (PS3.7 Section D.3.3.4.2)."""
    answer: Any = made.acceptor.primitive
    items = [item for item in answer.user_information if isinstance(item, SCP_SCU_RoleSelectionNegotiation)]
    return [(bool(item.scu_role), bool(item.scp_role)) for item in items]


def kept(edges: Edges, transaction: str) -> list[CommitmentReported]:
    return [fact for fact in edges.facts(CommitmentReported) if fact.TransactionUID == transaction]


def test_a_report_is_kept_before_it_is_acknowledged(lasting: Edges) -> None:
    made = opened(lasting.port)
    assert agreed(made) == [(False, True)]
    assert report(made, told("2.25.61", (KEPT,), (FAILED,)), 2) == 0x0000
    (fact,) = kept(lasting, "2.25.61")
    made.release()
    assert (fact.node_id, fact.kept, fact.failed) == ("node-ZX1-SENDER", [KEPT], {FAILED: 0x0112})


def test_who_is_no_node_cannot_report(lasting: Edges) -> None:
    made = opened(lasting.port, calling="RENAMED")
    # Its role is not agreed to, and what it says all the same is not taken.
    assert agreed(made) == []
    assert report(made, told("2.25.62")) == 0x0110
    made.release()
    assert kept(lasting, "2.25.62") == []


@pytest.mark.parametrize(
    ("said", "changes", "status"),
    [
        (told("2.25.63"), {"event_type": 3}, 0x0113),
        (told("2.25.63"), {"instance": "1.2.840.10008.1.20.1.2"}, 0x0112),
        (told(None), {}, 0x0115),
        (told("2.25.63", ()), {}, 0x0115),
        (told("2.25.63", ("no UID",)), {}, 0x0115),
    ],
)
def test_what_is_no_report_is_refused_in_the_standards_words(
    lasting: Edges, said: Dataset, changes: dict[str, Any], status: int
) -> None:
    made = opened(lasting.port)
    assert report(made, said, **changes) == status
    # The association goes on.
    assert report(made, told("2.25.64")) == 0x0000
    made.release()
    assert kept(lasting, "2.25.63") == []
