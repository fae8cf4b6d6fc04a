"""What each status of C-MOVE leads to: one row of the table, one case."""

from __future__ import annotations

import pytest

from models.domain.retrieval import MOVE_TABLE, MoveOutcome, move_meaning

CASES = [
    (0xFF00, MoveOutcome.UNDER_WAY),
    (0xFF01, MoveOutcome.UNDER_WAY),
    (0x0000, MoveOutcome.ENDED),
    (0xB000, MoveOutcome.ENDED),
    (0xFE00, MoveOutcome.AGAIN),
    (0xA701, MoveOutcome.AGAIN),
    (0xA702, MoveOutcome.AGAIN),
    (0xA7FF, MoveOutcome.AGAIN),
    (0x0110, MoveOutcome.AGAIN),
    (0x0213, MoveOutcome.AGAIN),
    (0xA900, MoveOutcome.OTHER_LEVEL),
    (0xC001, MoveOutcome.OTHER_LEVEL),
    (0xA801, MoveOutcome.REFUSED),
    (0x0117, MoveOutcome.REFUSED),
    (0x0122, MoveOutcome.REFUSED),
    (0x0124, MoveOutcome.REFUSED),
    (0x0211, MoveOutcome.REFUSED),
    (0x1234, MoveOutcome.REFUSED),
]


@pytest.mark.parametrize(("status", "outcome"), CASES, ids=[f"{status:04X}" for status, _ in CASES])
def test_a_status_leads_to_its_outcome(status: int, outcome: MoveOutcome) -> None:
    assert move_meaning(status).outcome is outcome


def test_every_row_has_a_case() -> None:
    assert {move_meaning(status) for status, _ in CASES} >= set(MOVE_TABLE)
