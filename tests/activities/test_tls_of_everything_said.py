"""TLS towards a Node, whatever is said to it: not a byte to one that shows somebody else's certificate."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.commitment import CommitmentActivities
from activities.secured import OWN
from models.domain.commitment_contracts import Answer, AnswerRequest
from models.domain.confirming import COMMITTED
from models.tables import CommitmentRequest, Node
from tests.activities.asked_pacs import Searcher, always, asked_pacs, study, uids
from tests.activities.commitment_listener import listening
from tests.activities.committing_pacs import committing
from tests.activities.fetching import Fetching, images
from tests.activities.getting import Getting
from tests.activities.misbehaving import misbehaving
from tests.activities.parcels import Parcels
from tests.activities.source_pacs import source_pacs
from tests.activities.trust import HOST, Trust, overheard
from tests.ingest.filling import Filling, one, small_ct


@dataclass
class Saying:
    """Something to say to the Node `node`: who listens there, how it is said, and what comes of it."""

    node: str
    listens: Callable[..., AbstractContextManager[Any]]
    say: Callable[[], object]
    comes: object


def storing(request: pytest.FixtureRequest) -> Saying:
    parcels: Parcels = request.getfixturevalue("parcels")
    delivery = parcels.release(small_ct())
    return Saying("ZX2_PACS", misbehaving, lambda: parcels.send(delivery).accepted, 1)


def comparing(request: pytest.FixtureRequest) -> Saying:
    parcels: Parcels = request.getfixturevalue("parcels")
    delivery = parcels.release(small_ct())
    return Saying("ZX2_PACS", misbehaving, lambda: parcels.compare(delivery).detail, "ZX2_PACS lists 0 of 1 images.")


def asking(request: pytest.FixtureRequest) -> Saying:
    """To commit itself."""
    parcels: Parcels = request.getfixturevalue("parcels")
    delivery = parcels.release(small_ct())
    parcels.set_node(1, confirm_by="commitment")
    return Saying("ZX2_PACS", committing, lambda: parcels.compare(delivery).detail, COMMITTED)


def answering(request: pytest.FixtureRequest) -> Saying:
    """That what it sent is kept."""
    filling: Filling = request.getfixturevalue("filling")
    association = filling.open()
    filling.keep(association, small_ct())
    filling.ask(association, "2.25.10001")
    filling.ingest.round()
    asked = AnswerRequest(one(filling, CommitmentRequest).id)
    answer = CommitmentActivities(filling.database, filling.archive).answer
    return Saying("STORESCU", listening, lambda: ActivityEnvironment().run(answer, asked), Answer(True, 0, 1))


def searching(request: pytest.FixtureRequest) -> Saying:
    filling: Filling = request.getfixturevalue("filling")
    searcher = Searcher(filling.database, filling.registry)

    def search() -> object:
        found = searcher.search(patient_id="N1")
        return uids(found) if found.state == "answered" else found.sentence

    return Saying("ZX1_PACS", partial(asked_pacs, always((0xFF00, study()))), search, ["2.25.771"])


def listing(request: pytest.FixtureRequest) -> Saying:
    fetching: Fetching = request.getfixturevalue("fetching")
    transfer_id = fetching.place(1)
    return Saying("ZX1_PACS", partial(source_pacs, images(), 0), lambda: fetching.list_images(transfer_id), None)


def moving(request: pytest.FixtureRequest) -> Saying:
    return _retrieving(request.getfixturevalue("fetching"), request.getfixturevalue("edge_port"))


def getting(request: pytest.FixtureRequest) -> Saying:
    made: Getting = request.getfixturevalue("getting")
    # The edge knows it as one that must show a certificate when it sends itself.
    made.set_node(certificate_sha256="0" * 64)
    made.start_edge()
    return _retrieving(made)


def _retrieving(fetching: Fetching, edge_port: int = 0) -> Saying:
    """Of what was listed while it was in the clear."""
    with source_pacs(images(), edge_port) as pacs:
        transfer_id = fetching.listed(pacs.port)
    listens = partial(source_pacs, images(), edge_port)
    return Saying("ZX1_PACS", listens, lambda: fetching.retrieve(transfer_id).here, 6)


@pytest.mark.parametrize("prepared", [storing, comparing, asking, answering, searching, listing, moving, getting])
def test_it_is_said_to_the_registered_certificate_alone(
    request: pytest.FixtureRequest,
    filling: Filling,
    trust: Trust,
    monkeypatch: pytest.MonkeyPatch,
    prepared: Callable[[pytest.FixtureRequest], Saying],
) -> None:
    saying = prepared(request)
    node_id = filling.registry.nodes[saying.node]
    alarms = []
    monkeypatch.setattr(OWN, "alarm", lambda *told: alarms.append(told))
    other = trust.authority.issue("other", HOST)
    shown = trust.server(other)
    heard = overheard(shown)

    def said(registered: str) -> object:
        with saying.listens(tls=shown) as peer:
            with filling.database.begin() as session:
                node = session.get_one(Node, node_id)
                node.host, node.port, node.tls, node.certificate_sha256 = HOST, peer.port, "certificate", registered
            return outcome(saying.say)

    distrusted = (
        f"{saying.node} shows another certificate than is registered for it; ask its people whether it was renewed, "
        "and only then register the new one (iep nodes set --certificate)."
    )
    assert said(trust.pacs.sha256) == distrusted
    assert set(alarms) == {(node_id, distrusted)}
    assert not heard
    assert said(other.sha256) == saying.comes
    assert heard


def outcome(say: Callable[[], object]) -> object:
    """What comes of it; or the sentence with which it parks."""
    try:
        return say()
    except ApplicationError as fault:
        return fault.message if (fault.type, fault.non_retryable) == ("NotSecured", True) else fault
