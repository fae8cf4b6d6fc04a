"""What support does: acts with a reason and a second person, and looks at patients; all audited."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.audit import record_act
from models.candidates import note_for_arrival
from models.domain.contracts import CommandKind
from models.domain.errors import NotAllowed, NotFound
from models.outbox import post
from models.tables import Arrival, Disclosure, Institution, SupportAct, Transaction, now

AFTERWARDS = "afterwards"
BEFORE = "before"
"""The Institution wants a second person before an act of support is done, not afterwards."""
SHOWN_FOR = timedelta(minutes=30)
ALREADY_OVER = timedelta()
"""Something was learned of a patient, and nothing is shown."""


def ask_act(
    session: Session,
    act_id: str,
    *,
    kind: CommandKind,
    subject_id: str,
    institution_id: str,
    transaction_id: str | None,
    account_id: str,
    reason: str,
    content: dict[str, Any] | None = None,
) -> SupportAct:
    """Save an act and, where no second person is wanted first, its command. The same `act_id` twice is one act."""
    _save(
        session,
        id=act_id,
        institution_id=institution_id,
        transaction_id=transaction_id,
        account_id=account_id,
        kind=kind.value,
        subject_id=subject_id,
        content=content or {},
        reason=reason,
        second_person=session.get_one(Institution, institution_id).second_person,
    )
    act = session.get_one(SupportAct, act_id, with_for_update=True)
    if (act.kind, act.subject_id, act.account_id) != (kind.value, subject_id, account_id):
        raise NotAllowed("That form was used for something else; reload the page and send it again.")
    if act.second_person != BEFORE and act.done_at is None:
        _do(session, act)
    return act


def want_second_person(session: Session, institution_id: str, when: str, actor: str) -> None:
    """Whether an act of support is signed `before` it is done or `afterwards`. NotFound for an unknown Institution."""
    institution = session.get(Institution, institution_id)
    if institution is None:
        raise NotFound(f"There is no Institution {institution_id}; check its ODS code.")
    institution.second_person = when
    record_act(
        session,
        institution_id=institution_id,
        actor=actor,
        act="institution.second-person",
        subject=institution_id,
        facts={"when": when},
    )


def match_again(session: Session, act_id: str, arrival: Arrival, *, account_id: str, reason: str) -> int:
    """Compare a held arrival with what is asked of its source now; how many requested studies it may be.

    It decides nothing: the source's held desk shows what was found. So it needs no command and no second person first.
    """
    is_new = _save(
        session,
        id=act_id,
        institution_id=arrival.institution_id,
        transaction_id=arrival.transaction_id,
        account_id=account_id,
        kind="match-again",
        subject_id=arrival.id,
        content={},
        reason=reason,
        second_person=AFTERWARDS,
        done_at=now(),
    )
    found = note_for_arrival(session, arrival)
    if is_new:
        record_act(
            session,
            institution_id=arrival.institution_id,
            actor=account_id,
            act="support.matched-again",
            subject=arrival.id,
            facts={"found": len(found)},
        )
    return len(found)


def sign(session: Session, act_id: str, actor: str) -> SupportAct:
    """A second person has looked at an act; one that waited for that is done now. Twice is once.

    NotAllowed for whoever asked for it, and after somebody has said no.
    """
    act = session.get_one(SupportAct, act_id, with_for_update=True)
    if act.account_id == actor:
        raise NotAllowed("You asked for this yourself; another person signs.")
    if act.signed_at is not None and act.done_at is None:
        raise NotAllowed("Too late: a second person said that it is not done; ask for it again.")
    if _looked_at(session, act, actor, "support.signed") and act.done_at is None:
        _do(session, act)
    return act


def say_no(session: Session, act_id: str, actor: str) -> SupportAct:
    """What waits for a second person is not done; whoever asked for it may take it back so. Twice is once.

    NotAllowed for what is done already.
    """
    act = session.get_one(SupportAct, act_id, with_for_update=True)
    if act.done_at is not None:
        raise NotAllowed("Too late: it is done already.")
    _looked_at(session, act, actor, "support.said-no")
    return act


def _save(session: Session, **facts: Any) -> bool:
    """Put an act on record; whether it is new."""
    saved = insert(SupportAct).values(asked_at=now(), **facts).on_conflict_do_nothing().returning(SupportAct.id)
    return session.execute(saved).scalar() is not None


def _looked_at(session: Session, act: SupportAct, actor: str, said: str) -> bool:
    """Put on record what the second person said; whether that is the first word."""
    if act.signed_at is not None:
        return False
    act.signed_by, act.signed_at = actor, now()
    record_act(
        session,
        institution_id=act.institution_id,
        actor=actor,
        act=said,
        subject=act.id,
        facts={"kind": act.kind},
    )
    return True


def _do(session: Session, act: SupportAct) -> None:
    act.done_at = now()
    post(
        session,
        act.id,
        institution_id=act.institution_id,
        kind=CommandKind(act.kind),
        subject_id=act.subject_id,
        actor=act.account_id,
        content={**act.content, "reason": act.reason},
    )


def disclose(session: Session, transaction: Transaction, account_id: str, reason: str, shown_for: timedelta) -> None:
    """Put on record that somebody of support sees, or has learned, whom a transaction is about.

    Whoever sent the images first reads it, too: by the transaction that it knows.
    """
    at = now()
    for institution_id, transaction_id in _concerned(session, transaction).items():
        session.add(
            Disclosure(
                institution_id=institution_id,
                transaction_id=transaction_id,
                account_id=account_id,
                reason=reason,
                at=at,
                until=at + shown_for,
            )
        )
    record_act(
        session,
        institution_id=transaction.institution_id,
        actor=account_id,
        act="support.disclosed" if shown_for else "support.found-by-nhs-number",
        subject=transaction.id,
        facts={"reason": reason} | ({"minutes": int(shown_for.total_seconds() // 60)} if shown_for else {}),
        at=at,
    )


def _concerned(session: Session, transaction: Transaction) -> dict[str, str]:
    """By Institution: the id of its own transaction, of this one and of those that it follows."""
    sides = sorted({transaction.institution_id, transaction.destination_id or ""} - {""})
    concerned = dict.fromkeys(sides, transaction.id)
    earlier = transaction.follows_id
    while earlier is not None:
        one = session.get_one(Transaction, earlier)
        concerned.setdefault(one.institution_id, one.id)
        earlier = one.follows_id
    return concerned


def see(session: Session, disclosure: Disclosure, actor: str) -> None:
    """The Institution's officer has read of a disclosure. Twice is once."""
    if disclosure.seen_at is not None:
        return
    disclosure.seen_by, disclosure.seen_at = actor, now()
    record_act(
        session,
        institution_id=disclosure.institution_id,
        actor=actor,
        act="support.disclosure-seen",
        subject=disclosure.id,
    )


def shown_until(session: Session, transaction_id: str, account_id: str) -> datetime | None:
    """Until when this person may see the patient of a transaction; None when not now."""
    return session.scalars(
        select(Disclosure.until)
        .where(
            Disclosure.transaction_id == transaction_id,
            Disclosure.account_id == account_id,
            Disclosure.until > now(),
        )
        .order_by(Disclosure.until.desc())
        .limit(1)
    ).first()
