"""A PACS that names the originator of a move: what was asked for is told from what is pushed at the same time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from pydicom import Dataset
from sqlalchemy import select

from models.domain.routing import HeldReason
from models.tables import Arrival, Node
from tests.activities.fetching import Fetching, images
from tests.activities.source_pacs import Interrupted, edge, source_pacs
from tests.ingest.filling import Filling, small_ct

FOR_ZX3: dict[str, Any] = {"StudyComments": "DEST: ZX3"}


def of_node(fetching: Fetching, name: str) -> Arrival:
    """Its newest arrival."""
    with fetching.database.begin() as session:
        found = select(Arrival).join(Node, Node.id == Arrival.node_id).where(Node.name == name)
        arrival = session.scalars(found.order_by(Arrival.opened_at.desc())).first()
        assert arrival is not None
        return arrival


@pytest.fixture
def storing_under_another_title(filling: Filling) -> Iterator[int]:
    with edge(filling, "STORESCU", fetched=True) as port:
        yield port


def test_what_was_asked_for_goes_where_the_transfer_says_whatever_it_names(
    fetching: Fetching, storing_under_another_title: int
) -> None:
    with source_pacs(images(**FOR_ZX3), storing_under_another_title) as pacs:
        assert fetching.retrieve(fetching.listed(pacs.port)).complete
    (arrival,) = fetching.arrivals()
    assert fetching.seal(arrival).sealed
    assert fetching.route(arrival).detail.startswith("ZX2, as transfer ")


def test_a_push_of_the_transfers_own_node_takes_nothing_from_what_was_asked_for(
    fetching: Fetching, filling: Filling, storing_under_another_title: int
) -> None:
    def interrupted(n: int, level: str, wanted: list[Dataset]) -> tuple[Sequence[Dataset], int]:
        pushes = Interrupted(wanted, 3, lambda: filling.bring(*images(1), called="IEP", sender="ZX1_PACS"))
        return pushes, 0x0000

    with source_pacs(images(), storing_under_another_title, interrupted) as pacs:
        assert fetching.retrieve(fetching.listed(pacs.port)).complete
    assert len(pacs.asked) == 1
    assert fetching.study().arrival_id == of_node(fetching, "STORESCU").id
    assert fetching.route(of_node(fetching, "ZX1_PACS")).reason is HeldReason.NO_ROUTE


def test_a_push_of_the_transfers_own_node_gives_way_to_what_was_asked_for(
    fetching: Fetching, filling: Filling, storing_under_another_title: int
) -> None:
    with source_pacs(images(), storing_under_another_title) as pacs:
        transfer_id = fetching.listed(pacs.port)
        filling.bring(*images(3, **FOR_ZX3), called="IEP", sender="ZX1_PACS")
        fetching.retrieve(transfer_id)
        assert fetching.study().arrival_id == of_node(fetching, "STORESCU").id
        assert fetching.retrieve(transfer_id).complete
    pushed = of_node(fetching, "ZX1_PACS")
    assert fetching.route(pushed).detail.startswith("ZX3, named by rule study-comments")
    with fetching.database.begin() as session:
        assert session.get_one(Arrival, pushed.id).transaction.follows_id is None


def test_a_code_that_is_pushed_among_what_was_asked_for_is_not_passed_over(
    fetching: Fetching, filling: Filling, storing_under_another_title: int
) -> None:
    with source_pacs(images(**FOR_ZX3), storing_under_another_title) as pacs:
        assert fetching.retrieve(fetching.listed(pacs.port)).complete
    filling.bring(small_ct(50, **FOR_ZX3), called="IEP")
    (arrival,) = fetching.arrivals()
    assert fetching.seal(arrival).sealed
    assert fetching.route(arrival).reason is HeldReason.CONFLICT


def test_a_push_of_what_was_fetched_before_is_no_second_copy(fetching: Fetching, filling: Filling) -> None:
    coded = images(**FOR_ZX3)
    with edge(filling, fetched=True) as port, source_pacs(coded, port) as pacs:
        fetching.retrieve(fetching.listed(pacs.port))
    (arrival,) = fetching.arrivals()
    assert fetching.seal(arrival).sealed
    again = filling.open("IEP", "ZX1_PACS", node_id=filling.registry.nodes["ZX1_PACS"])
    filling.keep(again, *coded, fetched=True)
    filling.ingest.round()
    assert len(fetching.arrivals()) == 1, "the PACS was asked twice"
    filling.bring(*coded, called="IEP", sender="ZX1_PACS")
    pushed = of_node(fetching, "ZX1_PACS")
    assert (pushed.id != arrival.id, pushed.count) == (True, 6)
    assert fetching.route(pushed).detail.startswith("ZX3, named by rule study-comments")


@pytest.mark.parametrize("push_first", [False, True])
def test_what_is_both_asked_for_and_pushed_is_neither_lost_nor_waited_for(
    fetching: Fetching, filling: Filling, storing_under_another_title: int, push_first: bool
) -> None:
    with source_pacs(images(**FOR_ZX3), storing_under_another_title) as pacs:
        transfer_id = fetching.listed(pacs.port)
        if push_first:
            filling.bring(*images(**FOR_ZX3), called="IEP")
        assert fetching.retrieve(transfer_id).complete
        if not push_first:
            filling.bring(*images(**FOR_ZX3), called="IEP")
    (arrival,) = fetching.arrivals()
    assert fetching.seal(arrival).sealed
    assert fetching.route(arrival).reason is HeldReason.CONFLICT
