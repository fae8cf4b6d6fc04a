"""Releasing one or many: each by a command of its own, so that one that fails holds none of the others up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import abort, flash, redirect, request
from flask.typing import ResponseReturnValue

from models.domain.contracts import CommandKind
from models.domain.errors import NotAllowed
from models.domain.permissions import Function
from models.local_accessions import ANOTHERS_ACCESSION
from models.local_patients import ANOTHERS_ID
from models.queries.worklist_words import TICKS
from models.tables import Delivery, OutboxCommand
from temporal.gateway import SAVED
from web import entries
from web.asking import TOKEN, answer_to
from web.entries import Wrong
from web.here import here
from web.permission import needs
from web.worklist.blueprint import blueprint
from web.worklist.page import Fault, back, must_wait_still, own_delivery, shown


@blueprint.post("/release")
@needs(Function.RELEASE)
def release() -> ResponseReturnValue:
    """Each row that is ticked. What must be put right is said on its row, where what was typed stays."""
    chosen = [own_delivery(delivery_id) for delivery_id in dict.fromkeys(request.form.getlist("delivery"))]
    if not chosen:
        return shown({"": Fault("first", "Tick the studies that you release.")}), 422
    wrong: dict[str, Fault] = {}
    done = saved = 0
    for delivery in chosen:
        try:
            said = _released(delivery)
        except Wrong as entry:
            wrong[delivery.id] = Fault(entry.field, str(entry))
            continue
        if said == SAVED:
            saved += 1
        elif said:
            field = "accession" if said == ANOTHERS_ACCESSION else "patient_id"
            wrong[delivery.id] = Fault(f"{field}-{delivery.id}", said)
        else:
            done += 1
    if done:
        flash("1 study released." if done == 1 else f"{done} studies released.", "done")
    if saved:
        flash(SAVED if len(chosen) == 1 else f"{saved} of {len(chosen)}: {SAVED}", "saved")
    return (shown(wrong), 422) if wrong else redirect(back(), 303)


def _released(delivery: Delivery) -> str:
    """What the engine says to the release of one row. Raises Wrong for an entry that must be put right."""
    command_id = request.form.get(f"command-{delivery.id}", "")
    if not TOKEN.fullmatch(command_id):
        abort(400)
    with here().database.begin() as session:
        before = session.get(OutboxCommand, command_id)
        content: Mapping[str, Any] | None = before.payload if before else None
    if content is None:
        # A second click answers like the first, whatever has become of it meanwhile.
        try:
            seen = must_wait_still(delivery, f"seen-{delivery.id}")
        except NotAllowed as late:
            return str(late)
        content = {**_identifiers(delivery), **seen}
    said = answer_to(CommandKind.RELEASE_DELIVERY, delivery.id, delivery.institution_id, dict(content), command_id)
    return f"Local ID {content['patient_id']} belongs to another person; not released." if said == ANOTHERS_ID else said


def _identifiers(delivery: Delivery) -> dict[str, Any]:
    """What was entered, and what was ticked beside it."""
    entered = _entered(delivery)
    carried = {"patient_id": (delivery.identity or {}).get("PatientID")}
    for tick, field in TICKS.items():
        ticked = request.form.get(f"{tick}-{delivery.id}", "")
        if ticked and ticked != (entered or carried).get(field):
            raise Wrong(f"{field}-{delivery.id}", f"The tick is for {ticked}; take it out, or enter {ticked}.")
        if ticked:
            entered[tick] = ticked
    if f"under_another_id-{delivery.id}" in request.form:
        entered["under_another_id"] = True
    return entered


def _entered(delivery: Delivery) -> dict[str, Any]:
    """Nothing where the identifiers that the exchange has found are to be kept."""
    patient_id = request.form.get(f"patient_id-{delivery.id}", "")
    accession = request.form.get(f"accession-{delivery.id}", "")
    if delivery.identity is not None and not (patient_id.strip() or accession.strip()):
        return {}
    try:
        return {"patient_id": entries.patient_id(patient_id), "accession": entries.accession(accession)}
    except Wrong as wrong:
        raise Wrong(f"{wrong.field}-{delivery.id}", str(wrong)) from wrong
