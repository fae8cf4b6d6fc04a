"""The page of one transaction, and the part of it that keeps itself fresh."""

from __future__ import annotations

import hashlib

from flask import abort, current_app, render_template, request
from flask.typing import ResponseReturnValue

from models.domain.errors import NotFound
from models.domain.lifecycles import DELIVERY, LIFECYCLES
from models.domain.permissions import Function
from models.queries.transaction import TransactionPage, transaction
from web.asking import token
from web.course import Course, course
from web.entries import Wrong
from web.here import here
from web.permission import needs, person
from web.transactions.blueprint import blueprint
from web.transactions.next_step import next_step, whose_move
from web.transactions.offers import offered, still_wanted

STOP_POLLING = 286
"""htmx takes the answer and asks no more."""


@blueprint.get("/<reference>")
@needs(Function.VIEW_TRANSACTIONS)
def show(reference: str) -> ResponseReturnValue:
    return shown(found(reference))


@blueprint.get("/<reference>/live")
@needs(Function.VIEW_TRANSACTIONS)
def live(reference: str) -> ResponseReturnValue:
    """How it stands now. Decisions are sent again only when others are possible: nothing typed is ever lost."""
    page = found(reference)
    changed = request.args.get("seen") != _seen(page)
    told = request.args.get("facts") != _facts(page)
    text = _rendered("transactions/live_answer.html", page, None, changed=changed, told=told)
    return text, STOP_POLLING if _has_ended(page) else 200


def found(reference: str) -> TransactionPage:
    """The transaction as this person may see it; "not found" where there is none for this person's Institution."""
    try:
        with here().database.begin() as session:
            return transaction(session, person().viewer, reference)
    except NotFound:
        abort(404)


def shown(page: TransactionPage, wrong: Wrong | None = None) -> str:
    """The page; with `wrong`, the entry that must be put right."""
    return _rendered("transactions/show.html", page, wrong)


def _rendered(template: str, page: TransactionPage, wrong: Wrong | None, **more: object) -> str:
    viewer = person().viewer
    return render_template(
        template,
        title=f"Transaction {page.reference}",
        page=page,
        wrong=wrong,
        course=_course(page),
        next_step="" if page.needs_nobody else next_step(page),
        whose_move="" if page.needs_nobody else whose_move(page),
        still_wanted=still_wanted(page),
        dicom_port=here().dicom_port,
        offered=[kind.value for kind in offered(page, viewer)],
        token=token,
        seen=_seen(page),
        facts=_facts(page),
        has_ended=_has_ended(page),
        percent=100 * page.present // page.total if page.total else 0,
        **more,
    )


def _course(page: TransactionPage) -> Course:
    # A delivery begins some time after the transaction.
    began = None if page.lifecycle == DELIVERY.name else page.opened_at
    return course(LIFECYCLES[page.lifecycle], page.state, page.steps, began=began)


def _seen(page: TransactionPage) -> str:
    undone = [one.id for one in (page.waits, page.refused) if one]
    return ".".join([page.lifecycle, str(page.seen), *undone])


def _facts(page: TransactionPage) -> str:
    """Changes with what heading, identifiers and facts say. Keyed: it stands in an address, and patients are in it."""
    said = (
        *(page.destination, page.urgency, page.arrival, page.delivery, page.patient, page.identity, page.description),
        *(page.patients, page.conflict),
        *(page.state.startswith("confirmed"), page.study_date, page.accession, page.held_parts, page.follows),
        *(page.followed_by, page.request, page.requests, page.transfer),
    )
    return hashlib.blake2b(repr(said).encode(), key=_key(), digest_size=16).hexdigest()


def _key() -> bytes:
    secret = current_app.secret_key or b""
    return hashlib.sha256(secret.encode() if isinstance(secret, str) else secret).digest()


def _has_ended(page: TransactionPage) -> bool:
    if page.lifecycle == "arrival" and page.state in ("routed", "matched"):
        # Its delivery is about to begin.
        return False
    return page.state in {state.value for state in LIFECYCLES[page.lifecycle].terminal}
