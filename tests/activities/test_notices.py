"""Mail to a real mailbox: once for each key and address, without patient detail, and tried again when it did not go."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select
from temporalio.exceptions import ApplicationError

from activities.notices import MailHost, NoticeActivities
from models.domain.contracts import NoticeRequest
from models.domain.errors import PeerRefuses
from models.mail import OCCASIONS
from models.tables import Arrival, Institution, Notice, Transaction
from tests.activities.parcels import Parcels
from tests.demo.programs import Program, program
from tests.ingest.filling import small_ct
from web.mailbox import Mail, read_mailbox

SECRETS = ("Testpatient", "Zebra", "H1234567", "19700102", "OLDACC1", "2.25.1", "CT Head")


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
    delivery = parcels.release(small_ct())
    with parcels.database.begin() as session:
        arrival = session.scalars(select(Arrival.id)).one()
    subject = delivery if kind.startswith("delivery") else arrival
    sides = {"source": "imaging@zx1.example", "destination": "imaging@zx2.example"}
    to = OCCASIONS[kind].to
    assert tell(parcels, mailbox.port, NoticeRequest(f"{kind}:1", kind, subject, "It stopped.")) == len(to)
    mails = by_address(folder)
    assert set(mails) == {sides[side] for side in to}
    for mail in mails.values():
        assert reference(parcels) in mail.subject
        assert f"http://127.0.0.1:8080/transactions/{reference(parcels)}" in mail.body
        assert "no patient details" in mail.body
        raw = (folder / f"{mail.name}.eml").read_text()
        assert not [secret for secret in SECRETS if secret in raw]
        assert "{" not in mail.body


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
