"""The mailbox, spoken to by smtplib."""

from __future__ import annotations

import signal
import smtplib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from demo.mailbox import keep
from tests.demo.programs import Program, program
from web.mailbox import read_mailbox


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "mail"


@pytest.fixture
def mailbox(tmp_path: Path, folder: Path) -> Iterator[Program]:
    with program(tmp_path / "log", "demo.mailbox", "--folder", str(folder)) as running:
        yield running


def message(subject: str, body: str = "Sign in: http://127.0.0.1/") -> EmailMessage:
    made = EmailMessage()
    made["From"] = "exchange@example.nhs.uk"
    made["To"] = "officer@example.nhs.uk"
    made["Subject"] = subject
    made.set_content(body)
    return made


def test_a_mail_is_kept_before_it_is_acknowledged(mailbox: Program, folder: Path) -> None:
    before = datetime.now(UTC)
    with smtplib.SMTP("127.0.0.1", mailbox.port) as sender:
        sender.send_message(message("[Image exchange] Grüße", "a line\n.a dot\nünïcode"), to_addrs=["a@x.uk", "b@x.uk"])
        # No waiting: the answer has been given, so the file is there.
        kept = read_mailbox(folder, 10)
    assert len(kept) == 1
    assert kept[0].subject == "[Image exchange] Grüße"
    assert kept[0].body.splitlines() == ["a line", ".a dot", "ünïcode"]
    assert kept[0].sender == "exchange@example.nhs.uk"
    assert kept[0].recipients == ("a@x.uk", "b@x.uk")
    assert before - timedelta(seconds=1) < kept[0].received_at < datetime.now(UTC)
    assert not list(folder.glob("*.tmp"))


def test_the_newest_come_first_and_only_so_many(mailbox: Program, folder: Path) -> None:
    for subject in ("first", "second", "third"):
        with smtplib.SMTP("127.0.0.1", mailbox.port) as sender:
            sender.send_message(message(subject))
    assert [mail.subject for mail in read_mailbox(folder, 2)] == ["third", "second"]


def test_a_full_disk_is_said_to_the_sender(mailbox: Program, folder: Path) -> None:
    folder.rmdir()
    with smtplib.SMTP("127.0.0.1", mailbox.port) as sender, pytest.raises(smtplib.SMTPDataError) as refused:
        sender.send_message(message("lost"))
    assert refused.value.smtp_code == 452


def test_addresses_are_not_logged(mailbox: Program) -> None:
    with smtplib.SMTP("127.0.0.1", mailbox.port) as sender:
        sender.send_message(message("secret subject"))
    assert mailbox.stop() == 0
    assert mailbox.log.read_text().count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_with_exit_code_0(mailbox: Program, number: int) -> None:
    assert mailbox.stop(number) == 0


def test_odd_mails_are_readable(folder: Path) -> None:
    assert read_mailbox(folder, 5) == []
    folder.mkdir()
    now = datetime(2026, 4, 12, tzinfo=UTC)
    keep(folder, b"", now)
    keep(folder, b"Subject: x\r\nContent-Type: text/plain; charset=no-such\r\n\r\nbody \xff", now)
    keep(
        folder,
        b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: image/png\r\n\r\nx\r\n--b--",
        now,
    )
    assert sorted(mail.body for mail in read_mailbox(folder, 5)) == ["", "", "body \ufffd"]
    assert {mail.received_at for mail in read_mailbox(folder, 5)} == {now}
