"""Mail to a real mailbox: once for each key and address, without patient detail, and tried again when it did not go."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from temporalio.exceptions import ApplicationError

from activities.notices import MailHost, NoticeActivities
from models.deliveries import open_delivery
from models.domain.contracts import NoticeRequest
from models.domain.errors import PeerRefuses
from models.mail import OCCASIONS
from models.queries.standing import standings
from models.requests import RequestEntry, StudyEntry, place
from models.tables import (
    Account,
    Arrival,
    Candidate,
    ImageRequest,
    Institution,
    Notice,
    Transaction,
    TransferStudy,
    Worklist,
    new_id,
    now,
)
from models.transfers import place as place_transfer
from tests.activities.fetching import entry
from tests.activities.parcels import Parcels
from tests.demo.programs import Program, program
from tests.ingest.filling import small_ct
from web.mailbox import Mail, read_mailbox

ASKED = RequestEntry(
    source_id="ZX1",
    nhs_number="9990000018",
    family_name="Testpatient",
    given_name="Zebra",
    birth_date="19700102",
    source_patient_id="H1234567",
    studies=(StudyEntry(description="CT Head", AccessionNumber="OLDACC1"),),
    recipient="Dr Example Reader",
    reason="Zebra fell.",
)
SECRETS = ("9990000018", "Testpatient", "Zebra", "H1234567", "19700102", "OLDACC1", "2.25.1", "CT Head")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mail"


@pytest.fixture
def mailbox(tmp_path: Path, folder: Path) -> Iterator[Program]:
    with program(tmp_path / "log", "demo.mailbox", "--folder", str(folder)) as running:
        yield running


def tell(parcels: Parcels, port: int, request: NoticeRequest) -> int:
    host = MailHost("127.0.0.1", port, "exchange@exchange.example")
    activities = NoticeActivities(parcels.database, host, "http://127.0.0.1:8080")
    return parcels.environment.run(activities.tell, request)


def reference(parcels: Parcels) -> str:
    with parcels.database.begin() as session:
        return session.scalars(select(Transaction.reference)).one()


def by_address(folder: Path) -> dict[str, Mail]:
    return {mail.recipients[0]: mail for mail in read_mailbox(folder, 50)}


@pytest.mark.parametrize("kind", sorted(OCCASIONS))
def test_each_occasion_reaches_its_people_without_patient_detail(
    parcels: Parcels, mailbox: Program, folder: Path, kind: str
) -> None:
    subject, named = about(parcels, kind)
    sides = {
        "source": "imaging@zx1.example",
        "destination": "imaging@zx2.example",
        "requester": "clinician@zx2.example",
        "origin": "imaging@zx1.example",
        "decider": "officer@zx2.example",
    }
    # Nobody has asked for what is merely pushed, nor sent it from a page.
    nobody = {"sender"} if kind.startswith("request-") else {"sender", "requester"}
    to = [side for side in OCCASIONS[kind].to if side not in nobody]
    account_id = parcels.filling.registry.accounts["officer.zx2"]
    request = NoticeRequest(f"{kind}:1", kind, subject, "It stopped.", account_id)
    assert tell(parcels, mailbox.port, request) == len(to)
    mails = by_address(folder)
    assert set(mails) == {sides[side] for side in to}
    for mail in mails.values():
        assert named in mail.subject
        assert f"http://127.0.0.1:8080/transactions/{named}" in mail.body
        assert "no patient details" in mail.body
        assert "How it stands: " in mail.body
        raw = (folder / f"{mail.name}.eml").read_text()
        assert not [secret for secret in SECRETS if secret in raw]
        assert "{" not in mail.body + mail.subject


def about(parcels: Parcels, kind: str) -> tuple[str, str]:
    """What the mail of an occasion is about, and its reference."""
    if kind.startswith("request-"):
        with parcels.database.begin() as session:
            account = parcels.filling.registry.accounts["clinician.zx2"]
            named = place(session, institution_id="ZX2", account_id=account, entry=ASKED, command_id=new_id())
            return session.scalars(select(ImageRequest.id)).one(), named
    delivery = parcels.release(small_ct())
    with parcels.database.begin() as session:
        arrival = session.scalars(select(Arrival.id)).one()
    return delivery if kind.startswith("delivery") else arrival, reference(parcels)


def test_the_mail_says_what_list_and_page_say_without_what_anybody_typed(
    parcels: Parcels, mailbox: Program, folder: Path
) -> None:
    subject, _ = about(parcels, "request-declined")
    with parcels.database.begin() as session:
        asked = session.get_one(ImageRequest, subject)
        asked.state = asked.transaction.state = "declined"
        asked.state_detail = "Zebra was never here."
    tell(parcels, mailbox.port, NoticeRequest("k", "request-declined", subject))
    for mail in by_address(folder).values():
        assert "How it stands: Declined by ZX1. Nothing is sent." in mail.body
        assert "Zebra" not in mail.body


def test_what_a_transfer_fetched_nobody_has_pushed(parcels: Parcels, mailbox: Program, folder: Path) -> None:
    subject, _ = about(parcels, "arrival-held")
    tell(parcels, mailbox.port, NoticeRequest("1", "arrival-held", subject, "Why."))
    assert "A study that you pushed is held. Why." in by_address(folder)["imaging@zx1.example"].body
    with parcels.database.begin() as session:
        officer = parcels.filling.registry.accounts["officer.zx1"]
        place_transfer(session, institution_id="ZX1", account_id=officer, entry=entry(parcels.filling), command_id="t")
        session.scalars(select(TransferStudy)).one().arrival_id = subject
    tell(parcels, mailbox.port, NoticeRequest("2", "arrival-held", subject, "Why."))
    assert [mail for mail in read_mailbox(folder, 50) if "A study from your PACS is held. Why." in mail.body]


def test_each_side_reads_times_as_its_own_clocks_show_them(parcels: Parcels, mailbox: Program, folder: Path) -> None:
    subject, _ = about(parcels, "delivery-parked")
    with parcels.database.begin() as session:
        session.get_one(Institution, "ZX2").time_zone = "Pacific/Auckland"
        (transaction,) = session.scalars(select(Transaction)).all()
        said = {
            f"imaging@{zx}.example": standings(session, [transaction], zone, in_detail=False)[0].sentence
            for zx, zone in (("zx1", "Europe/London"), ("zx2", "Pacific/Auckland"))
        }
    tell(parcels, mailbox.port, NoticeRequest("k", "delivery-parked", subject, "The Node is full."))
    assert len(set(said.values())) == 2
    for address, mail in by_address(folder).items():
        assert f"How it stands: {said[address]}" in mail.body


def test_one_address_of_the_person_and_the_institution_gets_one_mail(
    parcels: Parcels, mailbox: Program, folder: Path
) -> None:
    subject, _ = about(parcels, "request-fulfilled")
    with parcels.database.begin() as session:
        session.get_one(Account, parcels.filling.registry.accounts["clinician.zx2"]).email = "imaging@zx2.example"
    assert tell(parcels, mailbox.port, NoticeRequest("k", "request-fulfilled", subject)) == 1
    assert set(by_address(folder)) == {"imaging@zx2.example"}


def test_the_requester_reads_whom_to_ring(parcels: Parcels, mailbox: Program, folder: Path) -> None:
    subject, _ = about(parcels, "request-unanswered")
    tell(parcels, mailbox.port, NoticeRequest("k", "request-unanswered", subject))
    assert "01632 960010" in by_address(folder)["clinician@zx2.example"].body


def test_a_copy_for_another_requester_goes_by_its_own_reference(
    parcels: Parcels, mailbox: Program, folder: Path
) -> None:
    parcels.release(small_ct())
    with parcels.database.begin() as session:
        arrival = session.scalars(select(Arrival)).one()
        copy = Transaction(
            reference="T-COPY-999", kind="copy", institution_id="ZX1", destination_id="ZX3",
            follows_id=arrival.transaction_id, lifecycle="delivery", state="waiting", state_since=now(),
            opened_at=now(),
        )  # fmt: skip
        session.add(copy)
        session.flush()
        worklist = session.get_one(Worklist, parcels.filling.registry.worklists["ZX3"])
        delivery = open_delivery(session, arrival, worklist, sealed=True, transaction=copy).id
    assert tell(parcels, mailbox.port, NoticeRequest("k", "delivery-on-worklist", delivery)) == 1
    assert "T-COPY-999" in by_address(folder)["imaging@zx3.example"].subject


def test_who_has_asked_for_it_is_told_when_it_stops(parcels: Parcels, mailbox: Program, folder: Path) -> None:
    asked, _ = about(parcels, "request-placed")
    delivery = parcels.release(small_ct())
    with parcels.database.begin() as session:
        wanted = session.get_one(ImageRequest, asked).studies[0]
        answer = Candidate(requested_study_id=wanted.id, arrival_id=session.scalars(select(Arrival.id)).one())
        answer.institution_id, answer.is_certain, answer.agrees, answer.differs = "ZX1", True, [], []
        answer.found_at = answer.answered_at = now()
        session.add(answer)
    assert tell(parcels, mailbox.port, NoticeRequest("k", "delivery-parked", delivery, "The Node is full.")) == 3
    assert "A study from ZX1 for ZX2 has stopped." in by_address(folder)["clinician@zx2.example"].body


def test_once_for_each_key(parcels: Parcels, mailbox: Program, folder: Path) -> None:
    delivery = parcels.release(small_ct())
    request = NoticeRequest("parked:1", "delivery-parked", delivery, "The Node is full.")
    assert tell(parcels, mailbox.port, request) == 2
    assert tell(parcels, mailbox.port, request) == 0
    assert len(read_mailbox(folder, 50)) == 2
    assert tell(parcels, mailbox.port, NoticeRequest("parked:2", "delivery-parked", delivery, "Again.")) == 2


def test_a_host_that_is_down_is_passing_and_nothing_is_lost(parcels: Parcels, mailbox: Program, folder: Path) -> None:
    delivery = parcels.release(small_ct())
    request = NoticeRequest("worklist:1", "delivery-on-worklist", delivery)
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(ApplicationError) as failed:
        tell(parcels, port, request)
    assert (failed.value.type, failed.value.non_retryable) == ("PeerUnreachable", False)
    assert "zx2" not in failed.value.message
    with parcels.database.begin() as session:
        assert [notice.sent_at for notice in session.scalars(select(Notice))] in ([], [None])
    assert tell(parcels, mailbox.port, request) == 1
    assert len(read_mailbox(folder, 50)) == 1


def test_who_has_no_address_gets_none(parcels: Parcels, mailbox: Program, folder: Path) -> None:
    delivery = parcels.release(small_ct())
    with parcels.database.begin() as session:
        session.get_one(Institution, "ZX1").email = ""
    assert tell(parcels, mailbox.port, NoticeRequest("k", "delivery-parked", delivery, "Why.")) == 1
    assert set(by_address(folder)) == {"imaging@zx2.example"}


def test_a_line_break_in_an_address_makes_no_second_header(parcels: Parcels, mailbox: Program, folder: Path) -> None:
    delivery = parcels.release(small_ct())
    with parcels.database.begin() as session:
        session.get_one(Institution, "ZX2").email = "a@zx2.example\r\nBcc: b@elsewhere.example"
    with pytest.raises(ApplicationError) as failed:
        tell(parcels, mailbox.port, NoticeRequest("k", "delivery-on-worklist", delivery))
    assert "elsewhere" not in failed.value.message
    assert read_mailbox(folder, 50) == []


def test_a_bad_address_of_one_side_does_not_silence_the_other(
    parcels: Parcels, mailbox: Program, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = NoticeActivities._submit

    def refusing(self: NoticeActivities, message: bytes, address: str) -> None:
        if "zx1" in address:
            raise PeerRefuses("The mail host refuses the address.")
        submit(self, message, address)

    monkeypatch.setattr(NoticeActivities, "_submit", refusing)
    request = NoticeRequest("parked:1", "delivery-parked", parcels.release(small_ct()), "It stopped.")
    with pytest.raises(ApplicationError, match="refuses the address"):
        tell(parcels, mailbox.port, request)
    assert set(by_address(folder)) == {"imaging@zx2.example"}
