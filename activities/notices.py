"""Mail: an alert is a hint with a reference and a link, never a clinical hand-over."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from dataclasses import dataclass
from threading import BoundedSemaphore

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from activities.border import acts
from models.db import Database
from models.deliveries import accepted_of
from models.domain.contracts import NoticeRequest
from models.domain.errors import ExchangeError, PeerBusy, PeerRefuses, PeerUnreachable
from models.mail import OCCASIONS, compose
from models.tables import Arrival, Delivery, Institution, Notice, now

TIMEOUT = 20.0
AT_ONCE = 4
"""Mails going out at the same time: a mail host that hangs must not hold the threads that studies need."""


@dataclass(frozen=True)
class MailHost:
    """Where mail is submitted, and as whom. `starttls` demands a verified certificate."""

    host: str
    port: int
    sender: str
    starttls: bool = False
    username: str = ""
    password: str = ""


class NoticeActivities:
    def __init__(self, database: Database, host: MailHost, url: str) -> None:
        self.database = database
        self.host = host
        self.url = url
        self._going_out = BoundedSemaphore(AT_ONCE)

    @acts
    def tell(self, request: NoticeRequest) -> int:
        """Mail the people concerned; how many mails went out. Once for each (key, address), by the table of notices."""
        with self.database.begin() as session:
            facts, sides, transaction_id = _facts(session, request, self.url)
            addresses = {
                side: institution.email
                for side in OCCASIONS[request.kind].to
                if (institution := session.get(Institution, sides.get(side, ""))) and institution.email
            }
        sent, fault = 0, None
        for side, address in addresses.items():
            key = f"{request.key}:{side}"
            message_id = f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{self.host.sender.split('@')[-1]}>"
            if not self._is_owed(
                Notice(
                    key=key,
                    institution_id=sides[side],
                    transaction_id=transaction_id,
                    kind=request.kind,
                    address=address,
                    message_id=message_id,
                )
            ):
                continue
            message = compose(request.kind, facts, sender=self.host.sender, recipient=address, message_id=message_id)
            try:
                self._submit_in_turn(message.as_bytes(), address)
            except ExchangeError as not_taken:
                # A bad address of one side must not silence the other.
                fault = not_taken
            else:
                with self.database.begin() as session:
                    session.get_one(Notice, key).sent_at = now()
                sent += 1
        if fault is not None:
            raise fault
        return sent

    def _is_owed(self, notice: Notice) -> bool:
        """Put the mail on record; whether it is still to be sent. No transaction is held while a mail goes out."""
        facts = {column.name: getattr(notice, column.name) for column in Notice.__table__.columns}
        with self.database.begin() as session:
            session.execute(insert(Notice).values(**facts).on_conflict_do_nothing())
            return session.get_one(Notice, notice.key).sent_at is None

    def _submit_in_turn(self, message: bytes, address: str) -> None:
        if not self._going_out.acquire(timeout=1):
            raise PeerBusy("Other mails are going out; this one waits.")
        try:
            self._submit(message, address)
        finally:
            self._going_out.release()

    def _submit(self, message: bytes, address: str) -> None:
        try:
            with smtplib.SMTP(self.host.host, self.host.port, timeout=TIMEOUT) as smtp:
                if self.host.starttls:
                    smtp.starttls(context=ssl.create_default_context())
                if self.host.username:
                    smtp.login(self.host.username, self.host.password)
                smtp.sendmail(self.host.sender, [address], message)
        except smtplib.SMTPRecipientsRefused as refused:
            if all(code >= 500 for code, _ in refused.recipients.values()):
                raise PeerRefuses("The mail host refuses the Institution's address for alerts; correct it.") from None
            raise PeerUnreachable("The mail host does not take mail for this address now.") from None
        except (OSError, smtplib.SMTPException) as fault:
            raise PeerUnreachable(f"The mail host does not take mail ({type(fault).__name__}).") from None


def _facts(session: Session, request: NoticeRequest, url: str) -> tuple[dict[str, str], dict[str, str], str]:
    delivery = session.get(Delivery, request.subject_id)
    arrival = delivery.parcel.arrival if delivery else session.get_one(Arrival, request.subject_id)
    transaction = arrival.transaction
    named = arrival.called_ae_title.removeprefix("IEP_")
    destination = delivery.institution_id if delivery else (transaction.destination_id or named)
    facts = {
        "reference": transaction.reference,
        "link": f"{url}/transactions/{transaction.reference}",
        "source": arrival.institution_id,
        "destination": destination,
        "node": delivery.node.name if delivery else "",
        "count": str(accepted_of(session, delivery)) if delivery else "",
        "detail": request.detail,
    }
    return facts, {"source": arrival.institution_id, "destination": destination}, transaction.id
