"""Finding by anything. What is looked for is sent, never part of an address: it may be an NHS number."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from models.audit import record_act
from models.domain.permissions import Function
from models.queries.finding import Found, as_found, find, find_patient, nhs_number_in, searched_from
from models.support import ALREADY_OVER, disclose
from models.tables import now
from web import entries
from web.entries import Wrong
from web.here import here
from web.permission import needs, person
from web.support.blueprint import blueprint
from web.support.desk import shown

LONGEST = 254


@blueprint.get("/support/find")
@needs(Function.USE_SUPPORT_DESK)
def find_again() -> ResponseReturnValue:
    """Whoever reloads the page of an answer starts anew: the question stands nowhere."""
    return redirect(url_for("support.desk"), 303)


@blueprint.post("/support/find")
@needs(Function.USE_SUPPORT_DESK)
def find_anything() -> ResponseReturnValue:
    words = " ".join(request.form.get("sought", "").split())
    if not words or len(words) > LONGEST:
        return shown(Wrong("sought", "Enter what you look for, in one line.")), 422
    number = nhs_number_in(words)
    try:
        reason = entries.reason(request.form.get("reason", ""), "find_reason") if number else ""
    except Wrong as wrong:
        needed = Wrong("find_reason", "That is an NHS number: say why you look for it; it is put on record.")
        return shown(wrong if request.form.get("reason", "").strip() else needed), 422
    with here().database.begin() as session:
        found = _of_patient(session, number, reason) if number else find(session, words, person().time_zone)
        began = searched_from(session)
    if not number and len(found) == 1 and found[0].reference:
        return redirect(url_for("support.show", reference=found[0].reference), 303)
    if not found:
        flash("No record.", "refused")
    return render_template(
        "support/found.html", title="Found", found=found, began=began, ended=now(), is_patient=bool(number)
    )


def _of_patient(session: Session, nhs_number: str, reason: str) -> tuple[Found, ...]:
    """Each Institution reads that support has learned whom its transaction is about; the number is not written down."""
    transactions, who = find_patient(session, nhs_number), person()
    record_act(
        session,
        institution_id=who.viewer.institution_id,
        actor=who.id,
        act="support.searched-nhs-number",
        subject="transactions",
        facts={"reason": reason, "found": [one.reference for one in transactions]},
    )
    for one in transactions:
        disclose(session, one, who.id, reason, ALREADY_OVER)
    return as_found(session, transactions, who.time_zone)
