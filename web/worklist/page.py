"""The page of the worklist: which part of it the address names, and what was typed into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import abort, render_template, request, url_for

from models.domain.errors import NotAllowed
from models.domain.lifecycles.delivery import DELIVERY, State
from models.domain.seen import Seen
from models.queries.undecided import undecided_on_worklist
from models.queries.worklist import Place, Sought, worklist, worklists_of
from models.queries.worklist_words import references_of, who_decided
from models.tables import Delivery, Worklist
from web.asking import token
from web.here import here
from web.permission import person
from web.times import at_length


@dataclass(frozen=True)
class Fault:
    """What is wrong with a row: `field` is the id of the input concerned, or of the row's check box."""

    field: str
    words: str


def shown(wrong: Mapping[str, Fault] | None = None) -> str:
    """The part of the worklist that the address names; `wrong` tells by delivery what must be put right.

    What was typed stands in its inputs again.
    """
    viewer, sought = person().viewer, _sought()
    with here().database.begin() as session:
        lists = worklists_of(session, viewer)
        if sought.worklist_id and sought.worklist_id not in {one.id for one in lists}:
            abort(404)
        page = worklist(session, viewer, sought, _after())
        undecided = undecided_on_worklist(session, viewer, sought)
        references = references_of(session, wrong or {})
    return render_template(
        "worklist/show.html",
        title="Worklist",
        page=page,
        undecided=undecided,
        decided=max(0, page.total - undecided.total),
        lists=lists,
        sought=sought,
        wrong=wrong or {},
        references=references,
        token=token,
        query=f"?{request.query_string.decode()}" if request.query_string else "",
        is_first="after" not in request.args,
        first=url_for("worklist.show", **_kept()),
        next=url_for("worklist.show", after=_written(page.next), **_kept()) if page.next else "",
    )


def back() -> str:
    """The address of the part of the worklist that the form was sent from, from its start."""
    return url_for("worklist.show", **_kept())


def own_delivery(delivery_id: str) -> Delivery:
    """The delivery, if it is to this Institution; else "not found"."""
    with here().database.begin() as session:
        delivery = session.get(Delivery, delivery_id)
        if delivery is None or delivery.institution_id != person().viewer.institution_id:
            abort(404)
        return delivery


def must_wait_still(delivery: Delivery, field: str) -> dict[str, str]:
    """What goes with the decision: in view of what it was taken, as the form's `field` says, if at all.

    NotAllowed with who did what, and when, where it has left the worklist that was seen.
    """
    seen, waits = request.form.get(field, ""), delivery.state == State.ON_WORKLIST
    if waits and not Seen.of(seen).is_past(Seen(delivery.state, delivery.worklist_id)):
        return {"seen": seen} if seen else {}
    with here().database.begin() as session:
        last = who_decided(session, delivery.id)
        on = session.get_one(Worklist, delivery.worklist_id)
        where = f" It waits on {on.name} now, for {on.node.name}." if waits else ""
    if last is None or delivery.state == DELIVERY.initial:
        raise NotAllowed(where.strip() or "It is not on the worklist yet; try again in a moment.")
    event, who, at = last
    raise NotAllowed(f"Too late: it was {event} by {who} on {at_length(at, person().time_zone)}.{where}")


def _kept() -> dict[str, Any]:
    sought = _sought()
    kept = {"worklist": sought.worklist_id, "reference": sought.reference}
    return {name: value for name, value in kept.items() if value}


def _sought() -> Sought:
    return Sought(request.args.get("worklist", ""), request.args.get("reference", ""))


def _after() -> Place | None:
    priority, _, rest = request.args.get("after", "").partition("~")
    if not rest:
        return None
    time, _, key = rest.partition("~")
    try:
        return Place(int(priority), datetime.fromisoformat(time).astimezone(UTC), key)
    except (ValueError, OverflowError):
        abort(404)


def _written(place: Place) -> str:
    return f"{place.priority}~{place.created_at.isoformat()}~{place.id}"
