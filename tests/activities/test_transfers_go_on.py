"""What follows once images of a transfer have come: withdrawal, refusal at the destination, several transfers."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from dicom_edge.announce import Announcer
from models.domain.routing import HeldReason
from models.tables import Arrival, OutboxCommand, Transaction, Worklist, now
from tests.activities.fetching import Fetching, images
from tests.activities.source_pacs import source_pacs
from tests.ingest.filling import Filling


def test_after_a_withdrawal_what_came_is_a_push_like_any_other(fetching: Fetching, edge_port: int) -> None:
    with source_pacs(images(), edge_port, lambda n, level, wanted: (wanted[:4], 0x0000)) as pacs:
        transfer_id = fetching.listed(pacs.port)
        fetching.retrieve(transfer_id)
    (before,) = fetching.arrivals()
    fetching.record(transfer_id, "withdrawn", "retrieving", "withdrawn")
    (after,) = fetching.arrivals()
    assert after.generation == before.generation + 1, "its workflow is told to look again"
    assert fetching.route(after).reason is HeldReason.NO_ROUTE


def test_what_was_missing_and_is_pushed_by_hand_lets_a_stopped_transfer_look(
    fetching: Fetching, filling: Filling, edge_port: int
) -> None:
    with source_pacs(images(), edge_port, lambda n, level, wanted: (wanted[:4], 0x0000)) as pacs:
        transfer_id = fetching.listed(pacs.port)
        fetching.retrieve(transfer_id)
        fetching.record(transfer_id, "parked", "retrieving", "needs-attention")
        (arrival,) = fetching.arrivals()
        assert fetching.seal(arrival).sealed is False
        assert _looks(fetching) == 0
        filling.bring(*images()[4:], called="IEP", sender="ZX1_PACS")
        assert fetching.progress(transfer_id).complete
        assert _is_announced(fetching, arrival), "what was missing may have come"
        assert fetching.seal(arrival).sealed
        assert _looks(fetching) == 1


def test_what_is_being_fetched_says_itself_when_it_is_worth_a_look(fetching: Fetching, edge_port: int) -> None:
    with source_pacs(images(), edge_port, lambda n, level, wanted: (wanted[:4], 0x0000)) as pacs:
        transfer_id = fetching.listed(pacs.port)
        assert not fetching.retrieve(transfer_id).complete
        (arrival,) = fetching.arrivals()
        _is_announced(fetching, arrival)
        # Its associations have ended, and it has grown.
        assert not _is_announced(fetching, arrival)


def _is_announced(fetching: Fetching, arrival: Arrival) -> bool:
    """Whether its workflow would be told now that it has news, long after the last time."""
    with fetching.database.begin() as session:
        row = session.get_one(Arrival, arrival.id)
        row.generation, row.opened_at = row.generation + 1, row.opened_at - timedelta(hours=1)
        row.announced_at = row.announced_at and now() - timedelta(minutes=1)
    return bool(Announcer(fetching.database, lambda arrival_id, grew: None).round())


def _looks(fetching: Fetching) -> int:
    with fetching.database.begin() as session:
        asked = select(func.count()).select_from(OutboxCommand).where(OutboxCommand.kind == "look-at-transfer")
        return session.scalar(asked) or 0


def test_a_delivery_that_is_refused_is_a_study_that_failed_and_comes_anew(fetching: Fetching, edge_port: int) -> None:
    with source_pacs(images(), edge_port) as pacs:
        transfer_id = fetching.listed(pacs.port)
        assert not fetching.retrieve(transfer_id).moved
        (arrival,) = fetching.arrivals()
        fetching.seal(arrival)
        delivery_id = fetching.route(arrival).delivery_id
        fetching.record(transfer_id, "retrieved", "retrieving", "delivering")
        assert fetching.progress(transfer_id).failed == 0
        fetching.record(delivery_id, "refused", "on-worklist", "refused", "delivery")
        assert _looks(fetching) == 1
        assert fetching.retrieve(transfer_id).moved
        stands = fetching.progress(transfer_id)
        assert (stands.failed, stands.delivered) == (1, 0)
        assert stands.sentence.startswith("1 of 1 study did not get to ZX2")
        fetching.record(transfer_id, "parked", "delivering", "needs-attention")
        fetching.record(transfer_id, "retried", "needs-attention", "placed")
        assert fetching.study().arrival_id is None
        assert fetching.retrieve(transfer_id).complete
    _, again = fetching.arrivals()
    assert fetching.seal(again).sealed
    fetching.record(fetching.route(again).delivery_id, "confirmed", "sent", "confirmed", "delivery")
    assert fetching.progress(transfer_id).delivered == 1


def test_two_transfers_of_one_study_each_get_it(fetching: Fetching, filling: Filling, edge_port: int) -> None:
    with source_pacs(images(), edge_port) as pacs:
        first = fetching.listed(pacs.port)
        second = fetching.listed(pacs.port, worklist_id=filling.registry.worklists["ZX3"])
        assert fetching.retrieve(first).complete
        (arrival,) = fetching.arrivals()
        assert fetching.seal(arrival).sealed
        assert fetching.retrieve(second).complete
    one, other = fetching.arrivals()
    assert fetching.seal(other).sealed
    assert fetching.route(one).delivery_id != fetching.route(other).delivery_id
    with fetching.database.begin() as session:
        codes = {session.get_one(Worklist, filling.registry.worklists[code]).institution_id for code in ("ZX2", "ZX3")}
        sent = {session.get_one(Transaction, one.transaction_id).destination_id for one in (one, other)}
    assert sent == codes
