"""Finding by anything that somebody on the phone may say: references, UIDs, AE titles, numbers, addresses."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, Text, func, or_, select
from sqlalchemy.orm import Session

from models.domain.nhs_number import parse_nhs_number
from models.held_already import names_nhs_number
from models.queries.standing import standings
from models.references import reference_in
from models.tables import (
    Account,
    Arrival,
    CommitmentRequest,
    Contact,
    Delivery,
    ImageRequest,
    Instance,
    Institution,
    Node,
    Parcel,
    RequestedStudy,
    Study,
    Transaction,
)

MOST = 25
WORKFLOW = re.compile(r"(?:(arrival|delivery|request|node|commitment)-)?([0-9a-f]{32})")
UID = re.compile(r"[0-2](\.\d+){2,}")
AE_TITLE = re.compile(r"[!-\[\]-~](?:[ -\[\]-~]{0,14}[!-\[\]-~])?")
"""PS3.5 Section 6.2, value representation AE: 16 characters at most, no backslash."""
DIGITS = re.compile(r"[^0-9]")
SHORTEST_PHONE = 5
INTERNATIONAL = re.compile("^440?")
"""Numbers are kept as they are dialled within the country."""


@dataclass(frozen=True)
class Found:
    """One thing that was found. `reference` leads to a transaction, `node_id` to a Node; neither: it is told only."""

    what: str
    name: str
    sentence: str
    reference: str = ""
    node_id: str = ""


def nhs_number_in(words: str) -> str:
    """The NHS number that `words` are, or nothing."""
    return parse_nhs_number(DIGITS.sub("", words)) or "" if re.fullmatch(r"[\d -]+", words) else ""


def find(session: Session, words: str, zone: str = "") -> tuple[Found, ...]:
    """All that `words` may mean, except an NHS number. Sentences name times as clocks show them in `zone`."""
    found: dict[tuple[str, str], Found] = {}
    for look in (_by_reference, _by_workflow, _by_uid, _by_phone, _by_address, _by_ae_title):
        for one in look(session, words, zone):
            found.setdefault((one.what, one.reference or one.node_id or one.name), one)
    return tuple(found.values())


def find_patient(session: Session, nhs_number: str) -> list[Transaction]:
    """The latest transactions about the patient with this NHS number. Whoever asks has given a reason."""
    studies = select(Study.id).where(names_nhs_number(nhs_number))
    asked = select(ImageRequest.transaction_id).where(ImageRequest.nhs_number == nhs_number)
    return _transactions(session, asked.union(*_carrying(studies)))


def searched_from(session: Session) -> datetime | None:
    """When the oldest transaction was opened: before that there is nothing to find."""
    return session.scalar(select(func.min(Transaction.opened_at)))


def as_found(session: Session, transactions: Collection[Transaction], zone: str = "") -> tuple[Found, ...]:
    return tuple(
        Found("Transaction", one.transaction.reference, one.sentence, reference=one.transaction.reference)
        for one in standings(session, transactions, zone, typed=False)
    )


def _transactions(session: Session, ids: Select[tuple[str]] | object) -> list[Transaction]:
    newest = Transaction.opened_at.desc()
    rows = select(Transaction).where(Transaction.id.in_(ids)).order_by(newest).limit(MOST)  # type: ignore[arg-type]
    return list(session.scalars(rows))


def _carrying(study_ids: Select[str] | Collection[str]) -> tuple[Select[str], Select[str]]:
    """Ids of the transactions by which these studies came, and of those that carry them on: copies and forwards too."""
    arrivals = select(Arrival.id).where(Arrival.study_id.in_(study_ids))
    on = select(Delivery.transaction_id).join(Parcel, Parcel.id == Delivery.parcel_id)
    return (
        select(Arrival.transaction_id).where(Arrival.study_id.in_(study_ids)),
        on.where(Parcel.arrival_id.in_(arrivals)),
    )


def _by_reference(session: Session, words: str, zone: str) -> tuple[Found, ...]:
    reference = reference_in(words)
    rows = session.scalars(select(Transaction).where(Transaction.reference == reference)).all() if reference else ()
    return as_found(session, rows, zone)


def _by_workflow(session: Session, words: str, zone: str) -> Iterator[Found]:
    """A workflow's id, or the id of any row that has one."""
    match = WORKFLOW.fullmatch(words.strip().lower())
    if match is None:
        return
    row_id = match[2]
    ids = (
        select(Arrival.transaction_id).where(Arrival.id == row_id),
        select(Delivery.transaction_id).where(Delivery.id == row_id),
        select(ImageRequest.transaction_id).where(ImageRequest.id == row_id),
        select(Transaction.id).where(Transaction.id == row_id),
    )
    yield from as_found(session, _transactions(session, ids[0].union(*ids[1:])), zone)
    yield from _nodes(session, Node.id == row_id)
    if asked := session.get(CommitmentRequest, row_id):
        yield Found(
            "Commitment",
            f"Asked by {asked.node.name} ({asked.institution_id})",
            f"It is {asked.state.replace('-', ' ')}. {asked.state_detail}".rstrip(),
            node_id=asked.node_id,
        )


def _by_uid(session: Session, words: str, zone: str) -> tuple[Found, ...]:
    uid = words.strip()
    if not UID.fullmatch(uid) or len(uid) > 64:
        return ()
    institutions = select(Institution.ods_code)
    # Each is answered from its own index.
    studies = select(Study.id).where(Study.StudyInstanceUID == uid)
    series = select(Instance.study_id).where(Instance.SeriesInstanceUID == uid).distinct().limit(MOST)
    images = select(Instance.study_id).where(Instance.institution_id.in_(institutions), Instance.SOPInstanceUID == uid)
    study_ids = {row for query in (studies, series, images) for row in session.scalars(query)}
    asked = (
        select(ImageRequest.transaction_id)
        .join(RequestedStudy, RequestedStudy.request_id == ImageRequest.id)
        .where(RequestedStudy.StudyInstanceUID == uid)
    )
    return as_found(session, _transactions(session, asked.union(*_carrying(study_ids))), zone)


def _by_phone(session: Session, words: str, zone: str) -> Iterator[Found]:
    digits = INTERNATIONAL.sub("0", DIGITS.sub("", words)) if words.strip()[:1] in "+(" else DIGITS.sub("", words)
    if len(digits) < SHORTEST_PHONE or not re.fullmatch(r"[\d ()+./-]+", words.strip()):
        return
    yield from _institutions(session, _only_digits(Institution.phone) == digits, zone)
    for contact in session.scalars(select(Contact).where(_only_digits(Contact.phone) == digits)):
        yield Found("Contact", f"{contact.name} ({contact.institution_id})", contact.duty)
    asked = select(ImageRequest.transaction_id).where(_only_digits(ImageRequest.call_back) == digits)
    yield from as_found(session, _transactions(session, asked), zone)


def _by_address(session: Session, words: str, zone: str) -> Iterator[Found]:
    address = words.strip().lower()
    if "@" not in address:
        return
    yield from _institutions(session, func.lower(Institution.email) == address, zone)
    for account in session.scalars(select(Account).where(func.lower(Account.email) == address)):
        yield Found(
            "Account",
            f"{account.display_name} ({account.institution_id})",
            f"Signs in as {account.username}, {account.role.replace('-', ' ')}.",
        )


def _by_ae_title(session: Session, words: str, zone: str) -> Iterator[Found]:
    title = words.strip()
    if not AE_TITLE.fullmatch(title):
        return
    yield from _nodes(session, or_(func.upper(Node.ae_title) == title.upper(), func.upper(Node.name) == title.upper()))
    sent = (
        select(Arrival.transaction_id)
        .where(Arrival.calling_ae_title.in_({title, title.upper()}))
        .order_by(Arrival.opened_at.desc())
        .limit(MOST)
    )
    yield from as_found(session, _transactions(session, sent), zone)


def _institutions(session: Session, which: ColumnElement[bool], zone: str) -> Iterator[Found]:
    """Institutions, and the latest transactions of each."""
    for institution in session.scalars(select(Institution).where(which)):
        name = f"{institution.name} ({institution.ods_code})"
        yield Found("Institution", name, f"{institution.phone or 'No number given'}, {institution.email or 'no mail'}")
        for side in (Transaction.institution_id, Transaction.destination_id):
            latest = select(Transaction).where(side == institution.ods_code).order_by(Transaction.opened_at.desc())
            yield from as_found(session, session.scalars(latest.limit(MOST // 2)).all(), zone)


def _nodes(session: Session, which: ColumnElement[bool]) -> Iterator[Found]:
    for node in session.scalars(select(Node).where(which).order_by(Node.name)):
        name = f"{node.name} ({node.institution_id})"
        yield Found("Node", name, f"AE title {node.ae_title}, {node.state}.", node_id=node.id)


def _only_digits(column: object) -> ColumnElement[str]:
    return func.regexp_replace(column, "[^0-9]", "", "g", type_=Text)
