"""Rows of a bulk sheet become transfers: the demo's PACS is asked, and one that answers as a test says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import select
from temporalio.exceptions import ApplicationError

from activities.bulk import AT_ONCE, BulkActivities
from activities.inquiry import PATIENT_ROOT
from models.bulk import send_again, upload
from models.db import Database
from models.domain.bulk_sheet import read_sheet
from models.queries.sheets import RowFacts, facts, rows_of
from models.tables import AuditEntry, BulkRow, BulkSheet, OutboxCommand, Transaction, Transfer, new_id
from tests.activities.asked_pacs import Searcher, always, asked_pacs, study
from tests.activities.test_pacs_search import put
from tests.database import Registry
from tests.demo.programs import program

COLUMNS = ("Study Instance UID", "Accession Number", "Destination", "Recipient", "Reason", "Patient ID", "NHS number")
Row = tuple[str, ...]


def row(uid: str = "", accession: str = "", place: str = "ZX2", *check: str, reason: str = "For the meeting.") -> Row:
    return (uid, accession, place, "Dr R Cipient", reason, *check)


@dataclass
class Sender(Searcher):
    """Somebody of ZX1 who uploads a sheet."""

    def upload(self, *rows: Row, command_id: str = "", account_id: str = "") -> str:
        table = [(1, COLUMNS), *enumerate(rows, 2)]
        with self.database.begin() as session:
            return upload(
                session,
                institution_id="ZX1",
                account_id=account_id or self.account_id,
                node_id=self.node_id,
                file_name="list.csv",
                sheet=read_sheet(table),
                command_id=command_id or new_id(),
            )

    def place(self, sheet_id: str) -> int:
        return int(self.environment.run(BulkActivities(self.database).place_rows, sheet_id))

    def again(self, sheet_id: str, command_id: str = "") -> int | None:
        with self.database.begin() as session:
            sheet = session.get_one(BulkSheet, sheet_id)
            return send_again(session, sheet, account_id=self.account_id, command_id=command_id or new_id())

    def rows(self, sheet_id: str) -> tuple[RowFacts, ...]:
        with self.database.begin() as session:
            return rows_of(session, sheet_id)

    def reasons(self, sheet_id: str) -> list[str]:
        return [one.reason for one in self.rows(sheet_id)]

    def transfers(self) -> list[Transfer]:
        with self.database.begin() as session:
            found = list(session.scalars(select(Transfer).order_by(Transfer.placed_at)))
            assert all(one.studies and one.transaction for one in found)
            return found


@pytest.fixture
def sender(database: Database, registry: Registry) -> Sender:
    return Sender(database, registry)


def test_the_demos_pacs_is_asked_and_each_row_is_a_transfer(sender: Sender, tmp_path: Path) -> None:
    folder = tmp_path / "pacs"
    folder.mkdir()
    agnes = {"PatientID": "N1", "PatientName": "EXAMPLE^Agnes", "PatientBirthDate": "19510203"}
    put(folder, 1, **agnes, StudyDate="20260503", AccessionNumber="A1")
    put(folder, 2, **agnes, StudyDate="20230101", AccessionNumber="A2")
    put(folder, 3, PatientID="N3", PatientName="EXAMPLE^Nora", AccessionNumber="A2")
    with program(tmp_path / "log", "demo.pacs", "--ae-title", "ZX1_PACS", "--folder", str(folder)) as pacs:
        sender.set_node(pacs.port, dimse_timeout=5.0)
        sheet_id = sender.upload(
            row("2.25.771"), row(accession="A2"), row(accession="A9"), row(accession="A1", place="ZX3", reason="x1 y"),
            row(accession="A1"),
        )  # fmt: skip
        assert sender.place(sheet_id) == 0
    states = [(one.position, one.state, one.reason) for one in sender.rows(sheet_id)]
    assert states == [
        (2, "placed", ""),
        (3, "failed", "ZX1_PACS has several studies of this Accession Number; "
                      "give the Study Instance UID of the one that is meant."),
        (4, "failed", "ZX1_PACS has no study of this Accession Number; look at what was entered."),
        (5, "placed", ""),
        (6, "failed", "Row 2 sends the same study there; it is sent once."),
    ]  # fmt: skip
    first, second = sender.transfers()
    assert [one.StudyInstanceUID for one in (*first.studies, *second.studies)] == ["2.25.771"] * 2
    assert (first.studies[0].study_date, first.placed_by) == ("20260503", sender.account_id)
    assert {one.transaction.urgency for one in (first, second)} == {"bulk"}
    assert [one.transaction.destination_id for one in (first, second)] == ["ZX2", "ZX3"]
    with sender.database.begin() as session:
        commands = session.scalars(select(OutboxCommand).where(OutboxCommand.kind == "place-transfer")).all()
        assert {command.subject_id for command in commands} == {first.id, second.id}
        assert {command.payload["urgency"] for command in commands} == {"bulk"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (row("2.25.771", "", "QQ9"), "No destination QQ9 is known here"),
        (row("2.25.771", "", "ZX2 CT"), "ZX2 has no such worklist; give one of: Imaging."),
        (row("2.25.771", "", "ZX1"), "That is your own Institution"),
        (row("2.25.771", "", "ZX2", "N2"), "is of another Patient ID"),
        (row("2.25.771", "", "ZX2", "", "9990000018"), "is of another NHS number"),
        (row("2.25.771", reason="Mrs EXAMPLE comes on Monday."), "Do not name the patient"),
        (row("2.25.772"), "has no study of this Study Instance UID"),
    ],
)
def test_a_row_that_cannot_be_sent_says_why(sender: Sender, given: Row, words: str) -> None:
    with asked_pacs(always((0xFF00, study()))) as pacs:
        sender.set_node(pacs.port)
        sheet_id = sender.upload(given)
        assert sender.place(sheet_id) == 0
    (reason,) = sender.reasons(sheet_id)
    assert words in reason
    assert sender.transfers() == []


def test_a_check_that_agrees_and_a_worklist_by_name(sender: Sender) -> None:
    with asked_pacs(always((0xFF00, study(PatientID="9990000018")))) as pacs:
        sender.set_node(pacs.port)
        sheet_id = sender.upload(row("2.25.771", "", "ZX2 imaging", "", "999 000 0018"))
        sender.place(sheet_id)
    assert [one.state for one in sender.rows(sheet_id)] == ["placed"]


def test_a_pacs_that_ignores_what_it_is_asked_is_not_believed(sender: Sender) -> None:
    with asked_pacs(lambda pacs, event: ((0xFF00, study(n)) for n in range(1, 2000))) as pacs:
        sender.set_node(pacs.port)
        sheet_id = sender.upload(row(accession="A7777"))
        sender.place(sheet_id)
        assert pacs.asked[0].AccessionNumber == "A7777"
    assert "has no study of this Accession Number" in sender.reasons(sheet_id)[0]


def test_a_pacs_that_is_asked_by_patient(sender: Sender) -> None:
    with asked_pacs(always((0xFF00, study())), (PATIENT_ROOT,)) as pacs:
        sender.set_node(pacs.port)
        sheet_id = sender.upload(row("2.25.771"), row("2.25.771", "", "ZX3", "N1"))
        sender.place(sheet_id)
    assert "give the Patient ID there, too" in sender.reasons(sheet_id)[0]
    assert [one.state for one in sender.rows(sheet_id)] == ["failed", "placed"]


# pynetdicom leaves the socket of a refused connection to be closed when it is collected.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_pacs_that_is_away_is_asked_again_and_the_page_says_so(sender: Sender) -> None:
    sender.set_node(1)
    sheet_id = sender.upload(row("2.25.771"))
    with pytest.raises(ApplicationError) as said:
        sender.place(sheet_id)
    assert not said.value.non_retryable
    with sender.database.begin() as session:
        (page,) = facts(session, [session.get_one(BulkSheet, sheet_id)])
        assert page.fault.startswith("ZX1_PACS does not answer at 127.0.0.1:1. It is tried again by itself")
        assert not page.has_ended
    with asked_pacs(always((0xFF00, study()))) as pacs:
        sender.set_node(pacs.port)
        assert sender.place(sheet_id) == 0
    with sender.database.begin() as session:
        assert session.get_one(BulkSheet, sheet_id).fault == ""
    assert [one.state for one in sender.rows(sheet_id)] == ["placed"]


def test_one_that_is_too_busy_is_asked_again_and_one_that_will_not_is_a_reason(sender: Sender) -> None:
    with asked_pacs(always((0xA700, None))) as pacs:
        sender.set_node(pacs.port)
        sheet_id = sender.upload(row("2.25.771"))
        with pytest.raises(ApplicationError) as said:
            sender.place(sheet_id)
        assert not said.value.non_retryable
    with asked_pacs(always((0xC001, None))) as pacs:
        sender.set_node(pacs.port)
        assert sender.place(sheet_id) == 0
    assert sender.reasons(sheet_id) == ["ZX1_PACS failed over it (C001); try again, or ask whoever looks after it."]


def test_a_kill_between_two_rows_doubles_nothing(sender: Sender) -> None:
    with asked_pacs(always((0xFF00, study()))) as pacs:
        sender.set_node(pacs.port)
        sheet_id = sender.upload(row("2.25.771"), row("2.25.771", "", "ZX3"))
        with sender.database.begin() as session:
            # As a worker leaves it that dies while it asks.
            session.get_one(BulkRow, (sheet_id, 2)).state = "looking"
        assert sender.place(sheet_id) == 0
        assert sender.place(sheet_id) == 0
        with sender.database.begin() as session:
            # As one leaves it whose last commit nobody has seen: the same command is the same transfer.
            first = session.get_one(BulkRow, (sheet_id, 2))
            first.state, first.transfer_id = "looking", None
        assert sender.place(sheet_id) == 0
    assert len(sender.transfers()) == 2
    assert [one.state for one in sender.rows(sheet_id)] == ["placed", "placed"]


def test_a_few_at_a_time(sender: Sender) -> None:
    with asked_pacs(
        lambda pacs, event: iter([(0xFF00, study(StudyInstanceUID=event.identifier.StudyInstanceUID))])
    ) as pacs:
        sender.set_node(pacs.port)
        sheet_id = sender.upload(*(row(f"2.25.{n}") for n in range(AT_ONCE + 2)))
        assert sender.place(sheet_id) == 2
        assert sender.place(sheet_id) == 0
    assert len(sender.transfers()) == AT_ONCE + 2


def test_only_failed_rows_go_again_and_a_wrong_one_does_not(sender: Sender) -> None:
    answers = [(0xFF00, study(1))]
    with asked_pacs(lambda pacs, event: iter(answers)) as pacs:
        sender.set_node(pacs.port)
        sheet_id = sender.upload(row("2.25.771"), row("2.25.772"), row("none"), row("2.25.772"))
        sender.place(sheet_id)
        assert [one.state for one in sender.rows(sheet_id)] == ["placed", "failed", "failed", "failed"]
        answers[:] = [(0xFF00, study(2))]
        command_id = new_id()
        assert sender.again(sheet_id, command_id) == 1
        assert sender.again(sheet_id, command_id) is None
        asked = len(pacs.asked)
        sender.place(sheet_id)
        assert len(pacs.asked) == asked + 1
    assert [one.state for one in sender.rows(sheet_id)] == ["placed", "placed", "failed", "failed"]
    assert sender.again(sheet_id) == 0
    with sender.database.begin() as session:
        acts = session.scalars(select(AuditEntry.act).where(AuditEntry.subject == sheet_id)).all()
        assert acts == ["asked.send-sheet", "asked.send-sheet-again", "asked.send-sheet-again"]
        assert session.scalars(select(Transaction.kind)).all() == ["transfer", "transfer"]


def test_the_same_form_twice_is_one_sheet(sender: Sender) -> None:
    command_id = new_id()
    assert sender.upload(row("2.25.771"), command_id=command_id) == sender.upload(row("2.25.9"), command_id=command_id)
    with sender.database.begin() as session:
        assert len(session.scalars(select(BulkRow)).all()) == 1


def test_the_same_file_twice_sends_each_study_once_while_it_is_on_its_way(sender: Sender) -> None:
    with asked_pacs(always((0xFF00, study()))) as pacs:
        sender.set_node(pacs.port)
        first, second = (sender.upload(row("2.25.771")) for _ in range(2))
        sender.place(first)
        sender.place(second)
        (transfer,) = sender.transfers()
        assert sender.reasons(second) == [
            f"{transfer.transaction.reference} is sending the same study there already; look how that one ends."
        ]
        with sender.database.begin() as session:
            session.get_one(Transfer, transfer.id).state = "fulfilled"
        assert sender.again(second) == 1
        sender.place(second)
    assert len(sender.transfers()) == 2, "once it has ended it may be sent once more"
