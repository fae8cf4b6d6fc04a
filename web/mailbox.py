"""Mailbox, in the demo alone: the mails that the exchange has sent, as its local postman keeps them."""

from __future__ import annotations

import email
import email.policy
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path

from flask import Blueprint, abort, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from models.domain.permissions import Function
from models.tables import Account, Institution
from web.here import here
from web.permission import needs, person

blueprint = Blueprint("mailbox", __name__, url_prefix="/mailbox")
MOST = 100
NAME = re.compile(r"[0-9TZ.]+-[0-9a-f-]{36}")
LINK = re.compile(r"/transactions/(T-[A-Z0-9-]+)")


@dataclass(frozen=True)
class Mail:
    """`name` is its file's name without the suffix; `reference` that of the transaction it is about, if any."""

    name: str
    received_at: datetime
    sender: str
    recipients: tuple[str, ...]
    subject: str
    body: str
    reference: str


def read_mailbox(folder: Path, limit: int) -> list[Mail]:
    """The latest mails, the newest first; none where there is no folder yet."""
    kept = (path for path in folder.glob("*.eml") if NAME.fullmatch(path.stem))
    return [_read(path) for path in sorted(kept, reverse=True)[:limit]]


@blueprint.get("")
@needs(Function.READ_DEMO_MAIL)
def listing() -> ResponseReturnValue:
    return render_template("mailbox/listing.html", title="Mailbox", mails=list(_mails()))


@blueprint.get("/<name>")
@needs(Function.READ_DEMO_MAIL)
def read(name: str) -> ResponseReturnValue:
    mail = next((mail for mail in _mails() if mail.name == name), None)
    if mail is None:
        abort(404)
    return render_template("mailbox/read.html", title=mail.subject, mail=mail)


def _mails() -> Iterator[Mail]:
    """The latest mails to this person's Institution (all, for support), the newest first."""
    folder, mine = here().mailbox, _addresses()
    if folder is None:
        return
    for mail in read_mailbox(folder, MOST):
        if mine is None or mine & {address.lower() for address in mail.recipients}:
            yield mail


def _addresses() -> set[str] | None:
    viewer = person().viewer
    if viewer.sees_every_institution:
        return None
    with here().database.begin() as session:
        own = session.scalars(select(Account.email).where(Account.institution_id == viewer.institution_id)).all()
        shared = session.scalars(select(Institution.email).where(Institution.ods_code == viewer.institution_id)).all()
    return {address.lower() for address in (*own, *shared) if address}


def _read(path: Path) -> Mail:
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    body = _body(message)
    link = LINK.search(body)
    return Mail(
        name=path.stem,
        received_at=datetime.strptime(path.stem.partition("-")[0], "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC),
        sender=str(message.get("From", "")),
        recipients=tuple(map(str, message.get_all("Delivered-To", []))),
        subject=str(message.get("Subject", "")),
        body=body,
        reference=link[1] if link else "",
    )


def _body(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    if part is None:
        return ""
    try:
        return str(part.get_content())
    except (LookupError, ValueError):
        # An unknown character set or encoding.
        return bytes(part.get_payload(decode=True) or b"").decode("ascii", "replace")
