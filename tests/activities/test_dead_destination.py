"""One destination that is dead does not slow the others: it has few of a worker's threads, and gives them back."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.dicom import DicomActivities
from activities.shares import MOST
from models.domain.contracts import Sending, SendReport
from models.domain.urgency import Urgency
from models.slots import Claim, ask
from models.tables import Delivery, Node, now
from tests.activities.misbehaving import misbehaving
from tests.activities.parcels import Parcels
from tests.eventually import eventually
from tests.ingest.filling import next_study, small_ct

THREADS = 32
"""As many as each worker for transfers has (processes.py)."""


@pytest.fixture
def black_hole() -> Iterator[socket.socket]:
    """Connections are taken, and nothing is ever said; closed, it cuts them off."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as silent:
        yield silent


def delivery(parcels: Parcels) -> str:
    return parcels.release(small_ct(1, StudyInstanceUID=next_study(), SOPInstanceUID=next_study()))


def spare_node(parcels: Parcels, port: int) -> str:
    with parcels.database.begin() as session:
        node = Node(institution_id="ZX2", name="ZX2_SPARE", ae_title="ZX2_SPARE", host="127.0.0.1", port=port)
        session.add(node)
        session.flush()
        return node.id


def test_the_others_are_sent_while_one_is_dead(parcels: Parcels, black_hole: socket.socket) -> None:
    parcels.set_node(black_hole.getsockname()[1])
    dead, healthy = [delivery(parcels) for _ in range(4)], [delivery(parcels) for _ in range(3)]
    activities = DicomActivities(parcels.database, parcels.archive)

    def send(one: str) -> SendReport:
        return ActivityEnvironment().run(activities.send, Sending(one, Urgency.ROUTINE))

    with misbehaving() as peer, ThreadPoolExecutor(THREADS) as worker:
        spare = spare_node(parcels, peer.port)
        with parcels.database.begin() as session:
            for one in healthy:
                session.get_one(Delivery, one).node_id = spare
        stuck = [worker.submit(send, dead[n % len(dead)]) for n in range(2 * THREADS)]
        # Those beyond the share of the dead Node have come back, and will be tried again by the engine.
        eventually(lambda: sum(future.done() for future in stuck) >= 2 * THREADS - MOST)
        assert activities.shares.held[parcels.node_id] <= MOST
        sent = [worker.submit(send, one) for one in healthy]
        assert [future.result(60).accepted for future in sent] == [1, 1, 1]
        assert not all(future.done() for future in stuck), "the healthy did not wait for the dead"
        black_hole.close()
        _all_fail(stuck)
    assert activities.shares.held[parcels.node_id] == 0
    assert parcels.slots() == []


def _all_fail(futures: list[Future[SendReport]]) -> None:
    wait(futures)
    kinds = set()
    for future in futures:
        fault = future.exception()
        assert isinstance(fault, ApplicationError)
        assert not fault.non_retryable
        kinds.add(fault.type)
    assert kinds <= {"NoSlot", "PeerUnreachable"}


def test_who_waits_for_a_slot_of_a_node_that_goes_down_gives_its_thread_back(parcels: Parcels) -> None:
    waiting, other = delivery(parcels), delivery(parcels)
    parcels.set_node(1, slots=1)
    with parcels.database.begin() as session:
        assert ask(session, Claim(parcels.node_id, "somebody", other, 1, now()))
    reports: list[SendReport] = []
    attempt = threading.Thread(target=lambda: reports.append(parcels.send(waiting)))
    attempt.start()
    eventually(lambda: len(parcels.slots()) == 2)
    parcels.set_node(1, slots=1, state="down")
    attempt.join(20)
    assert [report.node_away for report in reports] == [True]
