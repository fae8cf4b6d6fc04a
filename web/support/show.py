"""One transaction as support sees it: what happened, in our records and at the engine, in one list of words."""

from __future__ import annotations

from flask import abort, render_template
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from models.domain.errors import NotFound, PeerUnreachable
from models.domain.lifecycles import LIFECYCLES
from models.domain.lifecycles.arrival import State as ArrivalState
from models.domain.lifecycles.delivery import DELIVERY
from models.domain.permissions import Function
from models.queries.choices import Choice, other_nodes
from models.queries.oversight import patient_of
from models.queries.standing import standings
from models.queries.support import numbers
from models.queries.timeline import Part, Told, by_reference, owner, parts, timeline
from models.queries.transaction import references
from models.references import reference_in
from models.support import shown_until
from models.tables import Delivery, Transaction
from web.asking import token
from web.entries import Wrong
from web.here import here
from web.permission import needs, person
from web.support.blueprint import blueprint
from web.support.incident import summary

MOST = 300
ENGINE = "the engine"


@blueprint.get("/support/<reference>")
@needs(Function.USE_SUPPORT_DESK)
def show(reference: str) -> ResponseReturnValue:
    return shown(reference)


def found(session: Session, reference: str) -> Transaction:
    """The transaction, by its reference as it is written or as somebody says it."""
    try:
        return by_reference(session, reference_in(reference))
    except NotFound:
        abort(404)


def shown(reference: str, wrong: Wrong | None = None) -> str:
    """The page; with `wrong`, the entry that must be put right."""
    who = person()
    with here().database.begin() as session:
        one = found(session, reference)
        until = shown_until(session, one.id, who.id)
        (standing,) = standings(session, [one], who.viewer.time_zone, typed=until is not None)
        worked_on, told = parts(session, one.id), timeline(session, one, disclosed=until is not None)
        sides = {one.institution_id, one.destination_id or ""} - {""}
        facts = {
            "page": one,
            "sentence": standing.sentence,
            "parts": worked_on,
            "held": any(part.prefix == "arrival" and part.state == ArrivalState.HELD for part in worked_on),
            "possible": _possible(worked_on),
            "seen": _seen(worked_on),
            "other_nodes": _other_nodes(session, worked_on),
            "sides": sorted(sides),
            "follows": references(session, who.viewer, Transaction.id == one.follows_id),
            "followed_by": references(session, who.viewer, Transaction.follows_id == one.id),
            "owner": owner(session, one.id),
            "numbers": numbers(session, sides),
            "until": until,
            "patient": patient_of(session, one) if until else None,
        }
    remembered, engine_answers = _remembered(worked_on)
    of_engine = [line for of_part in remembered.values() for line in of_part]
    lines = sorted((line for line in (*told, *of_engine) if line.words.strip()), key=lambda line: line.at)
    return render_template(
        "support/show.html",
        title=f"Support, {one.reference}",
        wrong=wrong,
        token=token,
        lines=lines[-MOST:],
        left_out=max(0, len(lines) - MOST),
        engine_answers=engine_answers,
        summary=summary(one, worked_on, lines),
        first_choice=_first_choice(worked_on, remembered),
        **facts,
    )


def _remembered(worked_on: tuple[Part, ...]) -> tuple[dict[str, list[Told]], bool]:
    """What the engine remembers of every part, by workflow id, and whether it could be asked."""
    recovery = here().recovery
    if recovery is None:
        return {}, False
    try:
        happened = {part.workflow_id: recovery.story(part.workflow_id) for part in worked_on}
    except PeerUnreachable:
        return {}, False
    told = {
        key: [Told(line.at, line.words, ENGINE, line.is_fault) for line in lines] for key, lines in happened.items()
    }
    return told, True


def _first_choice(worked_on: tuple[Part, ...], remembered: dict[str, list[Told]]) -> str:
    """The id of the workflow that wants most to be run again: the latest that fails, else that is open, else any."""
    failing = [part for part in worked_on if (lines := remembered.get(part.workflow_id)) and lines[-1].is_fault]
    still_open = [part for part in worked_on if part.state not in LIFECYCLES[part.prefix].terminal]
    chosen = (*worked_on, *still_open, *failing)
    return chosen[-1].workflow_id if chosen else ""


def _possible(worked_on: tuple[Part, ...]) -> frozenset[str]:
    """What can happen to the latest delivery where it stands."""
    latest = _latest_delivery(worked_on)
    return frozenset(event.value for state, event in DELIVERY.table if latest and state == latest.state)


def _seen(worked_on: tuple[Part, ...]) -> str:
    """How the latest delivery stands: in view of that its acts are asked for."""
    latest = _latest_delivery(worked_on)
    return latest.state if latest else ""


def _other_nodes(session: Session, worked_on: tuple[Part, ...]) -> tuple[Choice, ...]:
    latest = _latest_delivery(worked_on)
    return other_nodes(session, session.get_one(Delivery, latest.id)) if latest else ()


def _latest_delivery(worked_on: tuple[Part, ...]) -> Part | None:
    return next((part for part in reversed(worked_on) if part.prefix == "delivery"), None)
