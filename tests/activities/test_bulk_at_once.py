"""Bulk sheets of which more than one thing happens at the same time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import text

from models.bulk import send, send_again, settle, unfinished
from models.domain.bulk_sheet import SheetEntry
from models.domain.errors import NotAllowed
from models.domain.pacs_search import Hit
from models.tables import BulkSheet, new_id, now
from tests.activities.asked_pacs import always, asked_pacs
from tests.activities.test_bulk import Sender, row, sender
from tests.eventually import eventually

__all__ = ["sender"]


def test_of_all_sheets_only_those_that_are_asked_about_are_looked_up(sender: Sender) -> None:
    sheets = [sender.upload(row("2.25.771")) for _ in range(2)]
    with sender.database.begin() as session:
        assert set(unfinished(session, now())) == set(sheets)
        assert unfinished(session, now(), sheets[:1]) == sheets[:1]


def waits_for_a_lock(sender: Sender) -> bool:
    with sender.database.begin() as session:
        who = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        return bool(session.scalar(text(who + " AND wait_event_type = 'Lock'")))


def test_of_two_sheets_under_way_at_once_one_sends_the_study(sender: Sender) -> None:
    first, second = (sender.upload(row("2.25.771")) for _ in range(2))
    entry, hit = SheetEntry("2.25.771", "", "ZX2", "", "Dr R Cipient", "", "For the meeting."), Hit("2.25.771")

    def placed(sheet_id: str) -> None:
        with sender.database.begin() as session:
            send(session, sheet_id, 2, entry, hit)

    with ThreadPoolExecutor(1) as threads:
        with sender.database.begin() as session:
            send(session, first, 2, entry, hit)
            other = threads.submit(placed, second)
            eventually(lambda: other.done() or waits_for_a_lock(sender))
        assert isinstance(other.exception(), NotAllowed)
    assert len(sender.transfers()) == 1


def test_rows_sent_again_while_the_last_are_settled_are_still_to_be_placed(sender: Sender) -> None:
    with asked_pacs(always((0xA900, None))) as pacs:
        sender.set_node(pacs.port)
        sheet_id = sender.upload(row("2.25.771"))
        sender.place(sheet_id)

    def settled() -> int:
        with sender.database.begin() as session:
            return settle(session, sheet_id)

    with ThreadPoolExecutor(1) as threads:
        with sender.database.begin() as session:
            sheet = session.get_one(BulkSheet, sheet_id)
            assert send_again(session, sheet, account_id=sender.account_id, command_id=new_id()) == 1
            session.flush()
            left = threads.submit(settled)
            eventually(lambda: left.done() or waits_for_a_lock(sender))
        assert left.result() == 1
    with sender.database.begin() as session:
        assert session.get_one(BulkSheet, sheet_id).placed_at is None
