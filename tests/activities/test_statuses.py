"""Each row of the table of C-STORE statuses, on the wire: how often an image is sent, and what becomes of it."""

from __future__ import annotations

import contextlib
from collections import Counter
from itertools import pairwise

import pytest
from temporalio.exceptions import ApplicationError

from models.domain.contracts import Verdict
from models.domain.statuses import TABLE, Outcome, meaning
from tests.activities.misbehaving import each, misbehaving, well
from tests.activities.parcels import TEN, Parcels, fault, retry
from tests.ingest.filling import small_ct

ACCEPTED, WARNED, BUSY, REFUSED = Outcome
ROWS = {
    0x0000: (ACCEPTED, 1),
    0xB000: (WARNED, 1),
    0xB006: (WARNED, 1),
    0xB007: (WARNED, 1),
    0x0111: (WARNED, 1),
    0xA700: (BUSY, 0),
    0xA7FF: (BUSY, 0),
    0x0213: (BUSY, 5),
    0x0110: (BUSY, 5),
    0xA800: (REFUSED, 1),
    0xA900: (REFUSED, 2),
    0xA9FF: (REFUSED, 2),
    0xC000: (REFUSED, 2),
    0xCFFF: (REFUSED, 2),
    0x0117: (REFUSED, 1),
    0x0118: (REFUSED, 1),
    0x0119: (REFUSED, 1),
    0x0122: (REFUSED, 1),
    0x0124: (REFUSED, 1),
}
"""Statuses, what they mean, and how often an image is sent in one round; 0: for as long as it takes."""
MANY = 7


def of(outcome: Outcome) -> list[int]:
    return [status for status, (meant, _) in ROWS.items() if meant is outcome]


def attempts(parcels: Parcels, delivery: str, most: int) -> str:
    """Attempts as the engine makes them, until one ends; what it says, or "busy" after `most`."""
    for _ in range(most):
        with contextlib.suppress(ApplicationError):
            return parcels.send(delivery).sentence
        assert "busy" in fault(parcels, delivery)
    return "busy"


def test_every_row_is_tested() -> None:
    for row in TABLE:
        assert {status for status in ROWS if row.first <= status <= row.last}, row
        assert {ROWS[status] for status in ROWS if row.first <= status <= row.last} == {(row.outcome, row.tries)}
    for one, other in pairwise(sorted(TABLE, key=lambda row: row.first)):
        assert one.last < other.first, "no status has two meanings"


@pytest.mark.parametrize("status", [0x0001, 0x0210, 0xFF00, 0xFFFF])
def test_what_no_standard_knows_is_a_refusal(status: int) -> None:
    assert (meaning(status).outcome, meaning(status).tries) == (REFUSED, 1)


@pytest.mark.parametrize("status", of(ACCEPTED) + of(WARNED), ids="{:04X}".format)
def test_what_was_stored_is_done(parcels: Parcels, status: int) -> None:
    delivery = parcels.release(small_ct(1), small_ct(2))
    with misbehaving(each({TEN[1]: status})) as peer:
        parcels.set_node(peer.port)
        assert attempts(parcels, delivery, 1) == ""
        comparison = parcels.compare(delivery)
    assert peer.received.count(TEN[1]) == 1
    assert parcels.ledger(delivery)[TEN[1]].status == status
    if status == 0x0111:
        # Known there already, it says; it is not listed.
        assert comparison.verdict is Verdict.MISSING
    else:
        assert comparison.verdict is Verdict.CONFIRMED
        assert (f"({status:04X})" in comparison.detail) == (status in (0xB006, 0xB007))


@pytest.mark.parametrize("status", of(REFUSED), ids="{:04X}".format)
def test_what_was_refused_is_set_aside_and_the_rest_goes_on(parcels: Parcels, status: int) -> None:
    delivery = parcels.release(small_ct(1), small_ct(2), small_ct(3))
    with misbehaving(each({TEN[1]: status})) as peer:
        parcels.set_node(peer.port)
        said = attempts(parcels, delivery, 1)
        assert said == f"ZX2_PACS did not take 1: {meaning(status).words} ({status:04X})."
        parcels.send(delivery)
    assert Counter(peer.received) == {TEN[0]: 1, TEN[1]: ROWS[status][1], TEN[2]: 1}
    assert parcels.ledger(delivery)[TEN[1]].wire_count == ROWS[status][1]


@pytest.mark.parametrize("status", of(BUSY), ids="{:04X}".format)
def test_what_may_pass_is_sent_again_as_often_as_the_table_says(parcels: Parcels, status: int) -> None:
    delivery = parcels.release(small_ct(1), small_ct(2), small_ct(3))
    with misbehaving(each({TEN[1]: status})) as peer:
        parcels.set_node(peer.port)
        said, tries = attempts(parcels, delivery, MANY), ROWS[status][1]
        assert said == (f"ZX2_PACS did not take 1: {meaning(status).words} ({status:04X})." if tries else "busy")
        assert Counter(peer.received) == {TEN[0]: 1, TEN[1]: tries or MANY, TEN[2]: 1}
        if tries:
            assert parcels.ledger(delivery)[TEN[1]].wire_count == tries
            retry(parcels, delivery)
            assert attempts(parcels, delivery, tries - 1) == "busy", "a new round counts anew"
        peer.answer = well
        assert attempts(parcels, delivery, 1) == ""
