"""Mail: an alert is a hint with a reference and a link, never a clinical hand-over."""

from __future__ import annotations

import hashlib
import smtplib
import ssl
from dataclasses import dataclass, replace
from threading import BoundedSemaphore

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from activities.border import acts
from models.answers import requests_answered_by
from models.db import Database
from models.deliveries import accepted_of
from models.domain.contracts import NoticeRequest
from models.domain.errors import ExchangeError, PeerBusy, PeerRefuses, PeerUnreachable
from models.mail import OCCASIONS, compose
from models.queries.standing import standings
from models.tables import (
    Account,
    Arrival,
    Delivery,
    ImageRequest,
    Institution,
    Notice,
    Transaction,
    Transfer,
    TransferStudy,
    now,
)

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
            decider = session.get(Account, request.account_id) if request.account_id else None
            concerned = replace(_concerned(session, request), decider=decider)
            facts = concerned.facts(session, request, self.url)
            addresses = concerned.addresses(session, OCCASIONS[request.kind].to)
            stands = {side: concerned.stands(session, side) for side in addresses}
        sent, fault = 0, None
        for side, address in addresses.items():
            key = f"{request.key}:{side}"
            message_id = f"<{hashlib.sha256(key.encode()).hexdigest()[:32]}@{self.host.sender.split('@')[-1]}>"
            if not self._is_owed(
                Notice(
                    key=key,
                    institution_id=concerned.sides[side],
                    transaction_id=concerned.transaction.id,
                    kind=request.kind,
                    address=address,
                    message_id=message_id,
                )
            ):
                continue
            message = compose(
                request.kind,
                facts | {"stands": stands[side]},
                sender=self.host.sender,
                recipient=address,
                message_id=message_id,
            )
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


@dataclass(frozen=True)
class _Concerned:
    """What a mail is about, and the Institution that each side is; the requester or sender also has an own address."""

    transaction: Transaction
    source: str
    destination: str
    delivery: Delivery | None = None
    requester: str = ""
    sender: str = ""
    is_fetched: bool = False
    decider: Account | None = None

    @property
    def sides(self) -> dict[str, str]:
        return {
            "source": self.source,
            "destination": self.destination,
            "requester": self.destination,
            "sender": self.source,
            "origin": self.transaction.institution_id,
            "decider": self.decider.institution_id if self.decider else "",
        }

    def addresses(self, session: Session, sides: tuple[str, ...]) -> dict[str, str]:
        """Where each side is told; an address that serves two of them once."""
        found: dict[str, str] = {}
        for side in sides:
            institution = session.get(Institution, self.sides[side])
            people = {"requester": self.requester, "sender": self.sender}
            if self.decider and self.decider.email:
                people["decider"] = self.decider.email
            address = people.get(side, institution.email if institution else "")
            if address and address not in found.values():
                found[side] = address
        return found

    def stands(self, session: Session, side: str) -> str:
        """The sentence of list and page, in that side's time zone, without what anybody typed."""
        institution = session.get(Institution, self.sides[side])
        zone = institution.time_zone if institution else ""
        (standing,) = standings(session, [self.transaction], zone, in_detail=False)
        return standing.sentence

    def facts(self, session: Session, request: NoticeRequest, url: str) -> dict[str, str]:
        source = session.get(Institution, self.source)
        return {
            "reference": self.transaction.reference,
            "link": f"{url}/transactions/{self.transaction.reference}",
            "source": self.source,
            "destination": self.destination,
            "urgency": self.transaction.urgency,
            "phone": source.phone if source else "",
            "node": self.delivery.node.name if self.delivery else "",
            "count": str(accepted_of(session, self.delivery)) if self.delivery else "",
            "detail": request.detail,
            "study": "A study from your PACS" if self.is_fetched else "A study that you pushed",
        }


def _concerned(session: Session, request: NoticeRequest) -> _Concerned:
    delivery = session.get(Delivery, request.subject_id)
    if delivery is not None:
        # Not the arrival's: of a copy or a forwarded study the sides are others.
        transaction = session.get_one(Transaction, delivery.transaction_id)
        if request.kind == "delivery-forwarded":
            # Where it came from may open its own transaction, not the one by which it went on.
            own = delivery.parcel.arrival.transaction
            return _Concerned(own, transaction.institution_id, delivery.institution_id, delivery)
        sides = transaction.institution_id, delivery.institution_id
        asked_by, sent_by = _asked_by(session, delivery), _sent_by(session, delivery)
        return _Concerned(transaction, *sides, delivery, requester=asked_by, sender=sent_by)
    asked = session.get(ImageRequest, request.subject_id)
    if asked is not None:
        person = session.get_one(Account, asked.placed_by)
        return _Concerned(asked.transaction, asked.source_id, asked.institution_id, requester=person.email)
    sent = session.get(Transfer, request.subject_id)
    if sent is not None:
        person = session.get_one(Account, sent.placed_by)
        return _Concerned(sent.transaction, sent.institution_id, sent.worklist.institution_id, sender=person.email)
    arrival = session.get_one(Arrival, request.subject_id)
    named = arrival.called_ae_title.removeprefix("IEP_")
    to = arrival.transaction.destination_id or named
    return _Concerned(arrival.transaction, arrival.institution_id, to, is_fetched=_is_fetched(session, arrival))


def _is_fetched(session: Session, arrival: Arrival) -> bool:
    """Whether it came for a transfer."""
    return session.scalars(select(TransferStudy.id).where(TransferStudy.arrival_id == arrival.id)).first() is not None


def _asked_by(session: Session, delivery: Delivery) -> str:
    """The address of who has asked for it, and waits; of several the most urgent request's."""
    requests = requests_answered_by(session, delivery.parcel.arrival_id, delivery.institution_id)
    return session.get_one(Account, requests[0].placed_by).email if requests else ""


def _sent_by(session: Session, delivery: Delivery) -> str:
    """The address of who has sent it from the own PACS; empty for what was pushed."""
    sent = select(Account.email).join(Transfer, Transfer.placed_by == Account.id).join(Transfer.studies)
    return session.scalars(sent.where(TransferStudy.arrival_id == delivery.parcel.arrival_id)).first() or ""
