"""Nodes that are busy, silent, choosy or gone: what passes is tried again, what does not is said in a sentence."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from typing import Any

import pytest

from models.tables import Node
from tests.activities.misbehaving import (
    Misbehaving,
    aborts_at,
    dies_after_keeping,
    every,
    misbehaving,
    never_answers,
    well,
)
from tests.activities.parcels import TEN, Parcels, fails, fault, ten
from tests.eventually import eventually
from tests.ingest.filling import small_ct


def test_a_node_that_is_busy_now_and_then_gets_only_those_again(parcels: Parcels) -> None:
    delivery = parcels.release(*(small_ct(n) for n in range(1, 51)))
    with misbehaving(every(7, 0xA700)) as peer:
        parcels.set_node(peer.port)
        assert "busy: out of resources (A700)" in fails(parcels, delivery, "PeerBusy")
        assert len(parcels.ledger(delivery)) == 43, "all others were sent in the same attempt"
        assert "busy" in fault(parcels, delivery)
        fails(parcels, delivery, "PeerBusy")
        assert parcels.send(delivery).accepted == 50
    # 50, the 7 that were busy, the 1 of those that was busy again.
    assert len(peer.received) == 58
    assert set(peer.kept) == set(parcels.ledger(delivery))


def test_a_node_that_is_busy_all_the_time_is_left_alone(parcels: Parcels) -> None:
    delivery = parcels.release(*(small_ct(n) for n in range(1, 51)))
    with misbehaving(every(1, 0xA701)) as peer:
        parcels.set_node(peer.port)
        fails(parcels, delivery, "PeerBusy")
        assert len(peer.received) <= 4 * 3
    assert parcels.ledger(delivery) == {}


def test_an_abort_is_unknown_and_only_what_is_unknown_goes_again(parcels: Parcels) -> None:
    delivery = parcels.release(*ten())
    with misbehaving(aborts_at(6)) as peer:
        parcels.set_node(peer.port)
        assert "did not answer" in fails(parcels, delivery, "PeerUnreachable", parallel=1)
        assert len(parcels.ledger(delivery)) == 5
        assert parcels.send(delivery, parallel=1).accepted == 10
    assert Counter(peer.received) == {uid: 2 if uid == peer.received[5] else 1 for uid in TEN}


def test_an_image_stored_but_not_answered_is_sent_again_and_is_one(parcels: Parcels) -> None:
    delivery = parcels.release(*ten())
    with misbehaving(dies_after_keeping(4)) as peer:
        parcels.set_node(peer.port)
        fails(parcels, delivery, "PeerUnreachable", parallel=1)
        assert len(peer.kept) == 4
        assert len(parcels.ledger(delivery)) == 3
        assert parcels.send(delivery, parallel=1).accepted == 10
    assert len(peer.received) == 11
    assert set(peer.kept) == set(TEN)


def test_a_node_that_never_answers_costs_its_timeout_only(parcels: Parcels) -> None:
    delivery = parcels.release(*ten())
    with misbehaving(never_answers) as peer:
        parcels.set_node(peer.port, dimse_timeout=0.5)
        assert "did not answer in time" in fails(parcels, delivery, "PeerUnreachable")
    assert parcels.ledger(delivery) == {}
    with parcels.database.begin() as session:
        assert session.get_one(Node, parcels.node_id).last_fault_at is not None


def test_a_node_that_takes_connections_and_says_nothing(parcels: Parcels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.peer.ACSE_TIMEOUT", 0.5)
    delivery = parcels.release(small_ct())
    with socket.create_server(("127.0.0.1", 0)) as silent:
        parcels.set_node(silent.getsockname()[1])
        assert "does not answer" in fails(parcels, delivery, "PeerUnreachable")


# pynetdicom leaves the socket of a refused connection to be closed when it is collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_nobody_listens(parcels: Parcels) -> None:
    delivery = parcels.release(small_ct())
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    parcels.set_node(port)
    assert f"127.0.0.1:{port}" in fails(parcels, delivery, "PeerUnreachable")


def test_rejected_for_good(parcels: Parcels) -> None:
    delivery = parcels.release(small_ct())
    with misbehaving(only_calling="SOMEBODY") as peer:
        parcels.set_node(peer.port)
        assert "check the AE titles" in fails(parcels, delivery, "PeerRefuses", for_good=True)


def test_rejected_for_now(parcels: Parcels) -> None:
    delivery = parcels.release(*ten())
    with misbehaving(never_answers, associations=1) as peer:
        parcels.set_node(peer.port, dimse_timeout=1.0)
        other = threading.Thread(target=lambda: fails(parcels, delivery, "PeerUnreachable", parallel=1))
        other.start()
        eventually(lambda: peer.received)
        assert "no association free" in fails(parcels, delivery, "PeerBusy", parallel=1, frees=False)
        other.join()


def test_a_node_that_takes_fewer_associations_than_it_has_slots(parcels: Parcels) -> None:
    delivery = parcels.release(*(small_ct(n) for n in range(1, 61)))

    def slowly(peer: Misbehaving, event: Any, n: int) -> int:
        peer.closing.wait(0.02)
        return well(peer, event, n)

    with misbehaving(slowly, associations=2) as peer:
        parcels.set_node(peer.port)
        assert parcels.send(delivery).accepted == 60
        assert peer.most_at_once == 2
    assert len(peer.received) == 60


def test_no_context_in_common(parcels: Parcels) -> None:
    delivery = parcels.release(small_ct())
    with misbehaving(classes=["1.2.840.10008.5.1.4.1.1.4"]) as peer:
        parcels.set_node(peer.port)
        assert "none of the classes" in fails(parcels, delivery, "PeerRefuses", for_good=True)


def test_more_pairs_than_one_association_may_offer(parcels: Parcels, monkeypatch: pytest.MonkeyPatch) -> None:
    # The receiver's side of pynetdicom knows no private classes unless it is told to take all.
    monkeypatch.setattr("pynetdicom._config.UNRESTRICTED_STORAGE_SERVICE", True)
    classes = [f"2.25.9{n}" for n in range(132)]
    images = [small_ct(n, SOPClassUID=uid) for n, uid in enumerate([*classes, *classes[:8]], 1)]
    delivery = parcels.release(*images)
    with misbehaving(classes=classes) as peer:
        parcels.set_node(peer.port)
        assert parcels.send(delivery, parallel=2).accepted == len(images)
    assert len(peer.received) == len(images)
