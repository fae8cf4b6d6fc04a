"""A transfer is fetched while another Node of the same Institution sends the same study."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import select

from models.domain.routing import HeldReason
from models.domain.urgency import Urgency
from models.tables import Arrival, Node, Transaction
from tests.activities.fetching import Fetching, images
from tests.activities.source_pacs import edge, source_pacs
from tests.ingest.filling import Filling, seal, small_ct

FOR_ZX3: dict[str, Any] = {"StudyComments": "DEST: ZX3"}


def of_node(fetching: Fetching, name: str) -> Arrival:
    """Its only arrival."""
    with fetching.database.begin() as session:
        return session.scalars(select(Arrival).join(Node, Node.id == Arrival.node_id).where(Node.name == name)).one()


@pytest.fixture
def storing_under_another_title(filling: Filling) -> Iterator[int]:
    with edge(filling, "STORESCU") as port:
        yield port


def test_a_push_with_a_code_goes_where_the_code_says(fetching: Fetching, filling: Filling, edge_port: int) -> None:
    coded = images(**FOR_ZX3)
    with source_pacs(coded, edge_port) as pacs:
        transfer_id = fetching.listed(pacs.port)
        filling.bring(*coded, called="IEP")
        assert fetching.retrieve(transfer_id).complete
    pushed, fetched = of_node(fetching, "STORESCU"), of_node(fetching, "ZX1_PACS")
    assert fetching.study().arrival_id == fetched.id
    assert fetching.route(pushed).detail.startswith("ZX3, named by rule study-comments")
    assert fetching.seal(fetched).sealed
    assert fetching.route(fetched).detail.startswith("ZX2, as transfer ")


def test_a_push_with_a_code_after_all_was_fetched_is_not_taken_for_a_second_copy(
    fetching: Fetching, filling: Filling, edge_port: int
) -> None:
    coded = images(**FOR_ZX3)
    with source_pacs(coded, edge_port) as pacs:
        fetching.retrieve(fetching.listed(pacs.port))
    assert fetching.seal(of_node(fetching, "ZX1_PACS")).sealed
    filling.bring(*coded, called="IEP")
    pushed = of_node(fetching, "STORESCU")
    assert pushed.count == 6
    assert fetching.route(pushed).detail.startswith("ZX3, named by rule study-comments")


def test_a_push_without_a_code_gives_way_to_what_the_pacs_sends(
    fetching: Fetching, filling: Filling, edge_port: int
) -> None:
    with source_pacs(images(), edge_port) as pacs:
        transfer_id = fetching.listed(pacs.port)
        filling.bring(*images(3), called="IEP")
        before = of_node(fetching, "STORESCU").generation
        # The first round asks only for what has not been pushed.
        assert not fetching.retrieve(transfer_id).complete
        assert fetching.study().arrival_id == of_node(fetching, "ZX1_PACS").id
        assert fetching.retrieve(transfer_id).complete
    pushed = of_node(fetching, "STORESCU")
    assert pushed.generation == before + 1, "its workflow is told to look again"
    assert fetching.route(pushed).reason is HeldReason.NO_ROUTE


def test_a_push_that_names_a_destination_only_in_a_later_image_is_let_go(
    fetching: Fetching, filling: Filling, edge_port: int
) -> None:
    with source_pacs(images(), edge_port, lambda n, level, wanted: ([], 0xA702)) as pacs:
        transfer_id = fetching.listed(pacs.port)
        filling.bring(small_ct(1, SeriesInstanceUID="2.25.21"), called="IEP")
        assert fetching.retrieve(transfer_id).here == 1
    filling.bring(small_ct(2, SeriesInstanceUID="2.25.20", **FOR_ZX3), called="IEP")
    pushed = of_node(fetching, "STORESCU")
    fetching.seal(pushed)
    assert fetching.study().arrival_id is None
    assert fetching.route(pushed).detail.startswith("ZX3, named by rule study-comments")


def test_a_pacs_may_store_under_another_title_than_the_one_that_is_asked(
    fetching: Fetching, storing_under_another_title: int
) -> None:
    with source_pacs(images(), storing_under_another_title) as pacs:
        assert fetching.retrieve(fetching.listed(pacs.port)).complete
    (arrival,) = fetching.arrivals()
    assert fetching.seal(arrival).basis == "6 of 6, by ZX1_PACS's own list."
    assert fetching.route(arrival).detail.startswith("ZX2, as transfer ")


def test_a_code_that_names_the_transfers_own_destination_contradicts_nothing(
    fetching: Fetching, storing_under_another_title: int
) -> None:
    with source_pacs(images(StudyComments="DEST: ZX2"), storing_under_another_title) as pacs:
        assert fetching.retrieve(fetching.listed(pacs.port)).complete
    (arrival,) = fetching.arrivals()
    assert fetching.seal(arrival).sealed
    assert fetching.route(arrival).detail.startswith("ZX2, as transfer ")


@pytest.mark.parametrize("why", ["the PACS sends", "it names a destination"])
def test_what_gives_way_is_a_push_of_its_own_again(
    fetching: Fetching, filling: Filling, edge_port: int, why: str
) -> None:
    filling.bring(small_ct(90), called="IEP")
    (before,) = fetching.arrivals()
    seal(filling)
    with source_pacs(images(), edge_port, lambda n, level, wanted: ([], 0xA702)) as pacs:
        transfer_id = fetching.listed(pacs.port, urgency=Urgency.BULK)
        filling.bring(small_ct(1, SeriesInstanceUID="2.25.21"), called="IEP")
        fetching.retrieve(transfer_id)
    push = fetching.arrivals()[-1]
    assert fetching.study().arrival_id == push.id
    own_node = "ZX1_PACS" if why == "the PACS sends" else "STORESCU"
    filling.bring(small_ct(2, SeriesInstanceUID="2.25.20", **FOR_ZX3), called="IEP", sender=own_node)
    for arrival in fetching.arrivals():
        fetching.seal(arrival)
    with fetching.database.begin() as session:
        transaction = session.get_one(Transaction, push.transaction_id)
        assert transaction.follows_id == before.transaction_id
        assert (transaction.urgency, transaction.due_at) == (Urgency.ROUTINE, None)


def test_a_code_that_comes_at_the_last_moment_is_not_passed_over(
    fetching: Fetching, filling: Filling, storing_under_another_title: int
) -> None:
    with source_pacs(images(), storing_under_another_title) as pacs:
        assert fetching.retrieve(fetching.listed(pacs.port)).complete
    filling.bring(small_ct(50, **FOR_ZX3), called="IEP")
    (arrival,) = fetching.arrivals()
    assert fetching.seal(arrival).sealed
    assert fetching.route(arrival).reason is HeldReason.CONFLICT
