"""Running a workflow again: one of a transaction, or those that were chosen from the list."""

from __future__ import annotations

from collections import Counter

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from models.domain.contracts import CommandKind
from models.domain.errors import NotFound
from models.domain.lifecycles import LIFECYCLES
from models.domain.permissions import Function
from models.queries.support import whose
from models.queries.timeline import Part, parts
from web import entries
from web.entries import Wrong
from web.here import here
from web.permission import needs
from web.reasons import reason_about
from web.support import desk
from web.support.acting import act
from web.support.blueprint import blueprint
from web.support.show import found, shown

MOST = 100


@blueprint.post("/support/<reference>/run-again")
@needs(Function.USE_SUPPORT_DESK)
def run_again(reference: str) -> ResponseReturnValue:
    """One part of a transaction, or every one that has not ended."""
    try:
        reason = reason_about(reference, "run_again_reason")
    except Wrong as wrong:
        return shown(reference, wrong), 422
    chosen = request.form.get("workflow_id", "")
    with here().database.begin() as session:
        one = found(session, reference)
        part = next((part for part in parts(session, one.id) if part.workflow_id == chosen), None)
    if part is None:
        return shown(reference, Wrong("workflow_id", "Choose what is run again.")), 422
    category, said = act(CommandKind.RUN_AGAIN, part.workflow_id, part.institution_id, one.id, reason)
    flash(said or _done(part), category)
    return redirect(url_for("support.show", reference=one.reference), 303)


def _done(part: Part) -> str:
    if part.state in LIFECYCLES[part.prefix].parked:
        return "It runs again. What it waited for it still waits for, as the sentence below says."
    return "It runs again, from its last good point."


@blueprint.post("/support/run-again")
@needs(Function.USE_SUPPORT_DESK)
def run_chosen_again() -> ResponseReturnValue:
    chosen = list(dict.fromkeys(request.form.getlist("workflow_id")))[:MOST]
    try:
        reason = entries.reason(request.form.get("reason", ""), "bulk_reason")
    except Wrong as wrong:
        return desk.shown(wrong), 422
    if not chosen:
        return desk.shown(Wrong("stuck", "Tick what is to be run again.")), 422
    try:
        with here().database.begin() as session:
            owners = {workflow_id: whose(session, workflow_id) for workflow_id in chosen}
    except NotFound:
        abort(404)
    said = Counter(act(CommandKind.RUN_AGAIN, workflow_id, *owners[workflow_id], reason)[0] for workflow_id in chosen)
    flash(
        f"{said['done']} run again, {said['saved']} saved for later, {said['refused']} refused.",
        "refused" if said["refused"] else "saved" if said["saved"] else "done",
    )
    return redirect(url_for("support.desk"), 303)
