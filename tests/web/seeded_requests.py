"""Requests in every state, as placing and the journal would have left them: ZX2 asks ZX1."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.domain.lifecycles.request import REQUEST, State
from models.references import new_reference
from models.tables import (
    Arrival,
    Candidate,
    Delivery,
    ImageRequest,
    Parcel,
    RequestedStudy,
    Transaction,
    TransitionRow,
    new_id,
    now,
)
from tests.database import Registry

WAYS: dict[State, tuple[str, ...]] = {
    State.PLACED: (),
    State.AWAITING_SOURCE: ("told",),
    State.AWAITING_REQUESTER: ("told", "asked-back"),
    State.AWAITING_STUDY: ("told", "accepted"),
    State.PARTLY_ANSWERED: ("told", "matched"),
    State.ANSWERED: ("told", "matched", "answered"),
    State.FULFILLED: ("told", "matched", "answered", "fulfilled"),
    State.DECLINED: ("told", "declined"),
    State.WITHDRAWN: ("told", "withdrawn"),
    State.EXPIRED: ("told", "expired"),
}
DETAILS = {
    "asked-back": "With or without contrast?",
    "declined": "We have no such study.",
    "withdrawn": "Scanned again here.",
}
SOURCES = ("asked-back", "accepted", "declined")


def add_request(
    session: Session,
    registry: Registry,
    state: State = State.AWAITING_SOURCE,
    *,
    source: str = "ZX1",
    requester: str = "ZX2",
    urgency: str = "routine",
    descriptions: tuple[str, ...] = ("CT head", "CT chest"),
    nhs_number: str = "9990000018",
    minutes: int = 30,
    with_reports: bool = False,
) -> ImageRequest:
    """With reports, every study's report is asked for, too: after all of the studies, not yet written."""
    at = now() - timedelta(minutes=minutes)
    transaction = Transaction(
        id=new_id(),
        reference=new_reference(),
        kind="request",
        institution_id=source,
        destination_id=requester,
        urgency=urgency,
        lifecycle="request",
        state=state.value,
        state_since=at + timedelta(minutes=2),
        opened_at=at,
    )
    session.add(transaction)
    session.flush()
    request = ImageRequest(
        id=new_id(),
        institution_id=requester,
        transaction_id=transaction.id,
        source_id=source,
        placed_by=registry.accounts[f"clinician.{requester.lower()}"],
        nhs_number=nhs_number,
        family_name="EXAMPLE",
        given_name="Agnes",
        birth_date="19510203",
        source_patient_id="ZX1-0042",
        recipient="Dr R Cipient",
        call_back="01632 960222",
        reason="Fell on the stairs yesterday.",
        state=state.value,
        state_detail=DETAILS.get(WAYS[state][-1], "") if WAYS[state] else "",
        next_reminder_at=now() + timedelta(days=2),
        expires_at=at + timedelta(days=14),
        placed_at=at,
    )
    came = {State.PARTLY_ANSWERED: 1, State.ANSWERED: len(descriptions), State.FULFILLED: len(descriptions)}
    request.studies = [
        RequestedStudy(
            id=new_id(),
            institution_id=requester,
            position=position,
            description=description,
            Modality="CT",
            study_date_from="20260503",
            study_date_to="20260503",
            AccessionNumber="A1000042" if position == 1 else "",
            state="answered" if position <= came.get(state, 0) else "wanted",
        )
        for position, description in enumerate(descriptions, 1)
    ]
    if with_reports:
        request.studies += [
            RequestedStudy(
                id=new_id(),
                institution_id=requester,
                position=len(request.studies) + place,
                wants="report",
                report_of_id=study.id,
                description=study.description,
                Modality="CT",
                state="wanted",
            )
            for place, study in enumerate(request.studies, 1)
        ]
    session.add(request)
    session.flush()
    _walk(session, registry, request)
    return request


def add_candidate(
    session: Session, study: RequestedStudy, push: Transaction, *, answers: bool = False, actor: str = "exchange"
) -> Candidate:
    """The arrival of `push` answers `study`, or may do so."""
    one = Candidate(
        requested_study_id=study.id,
        arrival_id=session.scalars(select(Arrival.id).where(Arrival.transaction_id == push.id)).one(),
        institution_id=push.institution_id,
        is_certain=answers,
        agrees=["NHS number", "birth date"],
        differs=[] if answers else ["given name"],
        found_at=now(),
        answered_at=now() if answers else None,
        actor=actor if answers else "",
    )
    session.add(one)
    session.flush()
    return one


def add_copy(
    session: Session, registry: Registry, push: Transaction, destination: str, worklist_id: str = ""
) -> Transaction:
    """The images of `push` on the worklist of a further requester."""
    parcel = session.scalars(select(Parcel).where(Parcel.transaction_id == push.id)).one()
    one = Transaction(
        id=new_id(),
        reference=new_reference(),
        kind="copy",
        institution_id=push.institution_id,
        destination_id=destination,
        follows_id=push.id,
        lifecycle="delivery",
        state="on-worklist",
        state_since=now(),
        opened_at=now(),
    )
    session.add(one)
    session.flush()
    session.add(
        Delivery(
            id=new_id(),
            institution_id=destination,
            transaction_id=one.id,
            parcel_id=parcel.id,
            worklist_id=worklist_id or registry.worklists[destination],
            node_id=registry.nodes[f"{destination}_PACS"],
            state="on-worklist",
            created_at=now(),
        )
    )
    session.flush()
    return one


def _walk(session: Session, registry: Registry, request: ImageRequest) -> None:
    state, run_id = REQUEST.initial, new_id()
    for sequence, word in enumerate(WAYS[State(request.state)], 1):
        event = next(event for at, event in REQUEST.table if event.value == word)
        after = REQUEST.after(state, event)
        people = {"withdrawn": registry.accounts[f"clinician.{request.institution_id.lower()}"]} | dict.fromkeys(
            SOURCES, registry.accounts[f"officer.{request.source_id.lower()}"]
        )
        session.add(
            TransitionRow(
                transaction_id=request.transaction_id,
                institution_id=request.institution_id,
                lifecycle="request",
                subject_id=request.id,
                run_id=run_id,
                sequence=sequence,
                event=word,
                before=state.value,
                after=after.value,
                actor=people.get(word, "exchange"),
                detail=DETAILS.get(word, ""),
                at=request.placed_at + timedelta(seconds=5 * sequence),
            )
        )
        state = after
    session.flush()
