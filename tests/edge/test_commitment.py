"""Storage commitment asked of an edge: kept before it is granted, and refused in the standard's own words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, DeflatedExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.sop_class import StorageCommitmentPushModel

from dicom_edge.commitment import MOST_REFERENCES
from dicom_edge.facts import AssociationEnded, CommitmentAsked
from tests.edge.commitment_request import ask, information, references
from tests.edge.conftest import Edges
from tests.edge.objects import ct
from tests.edge.sender import associate, association
from tests.eventually import eventually

UIDS = ("2.25.91", "2.25.92")
COMMITMENT = [(StorageCommitmentPushModel, [ImplicitVRLittleEndian])]


@pytest.fixture
def asked(lasting: Edges) -> Any:
    """What became of requests since the test began, by TransactionUID."""
    before = {event.path for event in lasting.spool.events()}

    def of() -> dict[str, CommitmentAsked]:
        fresh = [event.fact for event in lasting.spool.events() if event.path not in before]
        return {fact.TransactionUID: fact for fact in fresh if isinstance(fact, CommitmentAsked)}

    return of


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_a_request_is_kept_before_it_is_granted(lasting: Edges, asked: Any, syntax: str) -> None:
    with association(lasting.port, contexts=[(StorageCommitmentPushModel, [syntax])], called="IEP_ZX2") as made:
        assert ask(made, information("2.25.1", references(*UIDS))) == 0x0000
        (fact,) = asked().values()
        assert lasting.spool.association(fact.association) is not None
    assert (fact.node_id, fact.institution_id, fact.called_ae_title) == ("node-ZX1-SENDER", "ZX1", "IEP_ZX2")
    assert fact.references == dict.fromkeys(UIDS, CTImageStorage)
    eventually(lambda: fact.association in {end.association for end in lasting.facts(AssociationEnded)})


def test_it_may_come_with_the_images(lasting: Edges, asked: Any) -> None:
    contexts = [(CTImageStorage, [ExplicitVRLittleEndian]), *COMMITMENT]
    image = ct()
    with association(lasting.port, contexts=contexts) as made:
        assert made.send_c_store(image).Status == 0x0000
        assert ask(made, information("2.25.2", references(image.SOPInstanceUID))) == 0x0000
    (fact,) = asked().values()
    assert any(kept.association == fact.association for kept in lasting.spool.ready())


@pytest.mark.parametrize(
    ("wanted", "changes", "status"),
    [
        (information("2.25.3", references(*UIDS)), {"instance": "1.2.840.10008.1.20.1.2"}, 0x0112),
        (information("2.25.3", references(*UIDS)), {"action": 2}, 0x0123),
        (information(None, references(*UIDS)), {}, 0x0115),
        (information("", references(*UIDS)), {}, 0x0115),
        (information("2.25.3", None), {}, 0x0115),
        (information("2.25.3", {}), {}, 0x0115),
        (information("2.25.3", {"": CTImageStorage}), {}, 0x0115),
        (information("2.25.3", {"2.25.91": ""}), {}, 0x0115),
        (information("2.25.3", {"2.25.91": "no UID"}), {}, 0x0115),
        (None, {}, 0x0115),
        (information("2.25.3", references(*(f"1.{n}" for n in range(MOST_REFERENCES + 1)))), {}, 0x0213),
    ],
)
def test_what_cannot_be_granted_is_refused(
    lasting: Edges, asked: Any, wanted: Dataset | None, changes: dict[str, Any], status: int
) -> None:
    with association(lasting.port, contexts=COMMITMENT) as made:
        assert ask(made, wanted, **changes) == status
        # The association goes on.
        assert ask(made, information("2.25.4", references(*UIDS))) == 0x0000
    assert list(asked()) == ["2.25.4"]


def test_a_request_without_end_is_refused(lasting: Edges, asked: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pynetdicom.association.encode", lambda *_: b"\x08\x00\x95\x11\xff\0\0\0" + b"2.25.5")
    with association(lasting.port, contexts=COMMITMENT) as made:
        assert ask(made, information("2.25.5", references(*UIDS))) == 0x0115
    assert asked() == {}


def test_one_that_is_too_long_ends_its_association(lasting: Edges, asked: Any) -> None:
    long = [f"2.25.{10**50 + n}" for n in range(MOST_REFERENCES)]
    made = associate(lasting.port, contexts=COMMITMENT)
    with pytest.raises(AttributeError):
        ask(made, information("2.25.6", references(*long)))
    eventually(lambda: not made.is_established)
    assert asked() == {}


def test_nothing_is_inflated_for_it(lasting: Edges) -> None:
    made = associate(lasting.port, contexts=[(StorageCommitmentPushModel, [DeflatedExplicitVRLittleEndian])])
    assert not made.is_established


def test_a_sender_that_cannot_be_answered_is_told_so(lasting: Edges, asked: Any) -> None:
    with association(lasting.port, contexts=COMMITMENT, calling="RENAMED") as made:
        assert ask(made, information("2.25.7", references(*UIDS))) == 0x0124
    assert asked() == {}


def test_a_request_that_cannot_be_kept_is_not_granted(edges: Edges) -> None:
    edges.start(limits={"low_water": 0}, largest_file=2000)
    with association(edges.port, contexts=COMMITMENT) as made:
        assert ask(made, information("2.25.8", references(*(f"2.25.{n}" for n in range(100))))) == 0x0213
        assert ask(made, information("2.25.9", references(*UIDS))) == 0x0000
    assert [json.loads(e.path.read_text())["TransactionUID"] for e in edges.spool.events()
            if isinstance(e.fact, CommitmentAsked)] == ["2.25.9"]  # fmt: skip
