"""What a shift of support tells others: a banner to all, notes and what is handed over, and whom to ring; audited."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.audit import record_act
from models.domain.contracts import CommandKind
from models.domain.errors import NotAllowed
from models.outbox import post
from models.tables import Banner, Contact, Institution, ShiftNote, Transaction, now


def banner(session: Session) -> Banner | None:
    """What all users are told now."""
    return session.scalars(
        select(Banner).where(Banner.cleared_at.is_(None)).order_by(Banner.set_at.desc()).limit(1)
    ).first()


def set_banner(session: Session, text: str, actor: str) -> None:
    """Tell all users `text` in place of what they were told before; an empty text tells nothing."""
    for before in session.scalars(select(Banner).where(Banner.cleared_at.is_(None)).with_for_update()):
        before.cleared_at, before.cleared_by = now(), actor
    if text:
        session.add(Banner(text=text, set_by=actor, set_at=now()))
    record_act(
        session,
        institution_id=None,
        actor=actor,
        act="support.banner-set" if text else "support.banner-cleared",
        subject="banner",
        facts={"text": text},
    )


def write_note(
    session: Session, note_id: str, text: str, actor: str, *, transaction_id: str | None = None, to: str | None = None
) -> bool:
    """A shift note; with `to` what it says is handed over to that Institution. The same `note_id` twice is one note.

    Returns whether it is new.
    """
    fresh = session.execute(
        insert(ShiftNote)
        .values(
            id=note_id, transaction_id=transaction_id, institution_id=to, text=text, written_by=actor, written_at=now()
        )
        .on_conflict_do_nothing()
        .returning(ShiftNote.id)
    ).scalar()
    if fresh is not None:
        record_act(
            session,
            institution_id=to,
            actor=actor,
            act="support.handed-over" if to else "support.noted",
            subject=transaction_id or note_id,
            facts={"note": note_id},
        )
    return fresh is not None


def hand_over(
    session: Session, note_id: str, text: str, actor: str, *, transaction: Transaction, subject_id: str, to: str
) -> None:
    """A note about `subject_id` (an arrival, delivery or request) that makes `to` its owner, who is mailed.

    The mail says that there is a note, not what it says.
    """
    if not write_note(session, note_id, text, actor, transaction_id=transaction.id, to=to):
        return
    post(
        session,
        note_id,
        institution_id=to,
        kind=CommandKind.HAND_OVER,
        subject_id=subject_id,
        actor=actor,
        content={"side": "source" if to == transaction.institution_id else "destination"},
    )


def add_contact(
    session: Session,
    actor: str,
    *,
    institution_id: str,
    name: str,
    phone: str,
    duty: str = "",
    on_call_from: datetime | None = None,
    on_call_to: datetime | None = None,
    contact_id: str | None = None,
) -> None:
    """A number to ring; with both times for that span only. The same `contact_id` twice is one contact.

    NotAllowed for an Institution that is not registered, and for a span that ends before it begins.
    """
    if session.get(Institution, institution_id) is None:
        raise NotAllowed(f"There is no Institution {institution_id}; check its ODS code.")
    if (on_call_from is None) != (on_call_to is None) or (on_call_from and on_call_to and on_call_to <= on_call_from):
        raise NotAllowed("Give both times of the on-call span, the later one last; or neither.")
    if contact_id is not None and session.get(Contact, contact_id) is not None:
        return
    contact = Contact(
        institution_id=institution_id,
        name=name,
        duty=duty,
        phone=phone,
        on_call_from=on_call_from,
        on_call_to=on_call_to,
    )
    if contact_id is not None:
        contact.id = contact_id
    session.add(contact)
    session.flush()
    record_act(session, institution_id=institution_id, actor=actor, act="contact.added", subject=contact.id, facts={})


def remove_contact(session: Session, contact_id: str, actor: str) -> None:
    """A number that is not to be rung any more; one that is gone already stays so."""
    contact = session.get(Contact, contact_id)
    if contact is None:
        return
    session.delete(contact)
    record_act(
        session,
        institution_id=contact.institution_id,
        actor=actor,
        act="contact.removed",
        subject=contact_id,
        facts={},
    )
