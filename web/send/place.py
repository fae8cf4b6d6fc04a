"""Sending what was picked: the transfer is placed, and what becomes of it is on its own page."""

from __future__ import annotations

from flask import flash, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from models.domain.errors import NotAllowed
from models.domain.identity import nhs_numbers
from models.domain.pacs_search import facts_of
from models.domain.permissions import Function
from models.held_already import delivered_studies
from models.queries.partners import askable
from models.searches import search_of
from models.tables import Account, OutboxCommand, Worklist
from models.transfers import TransferEntry, place
from web.asking import category_of, command_token, tried
from web.entries import Wrong
from web.here import here
from web.permission import needs, person, rescued_by
from web.send.blueprint import blueprint
from web.send.entry import read_entry, typed, with_priors
from web.send.page import SearchPage, own_search, page_of, shown


def rescue(account: Account) -> str:
    """Keep what somebody has ticked and typed whose session has ended, with the search; where it is found again."""
    search_id = str((request.view_args or {}).get("search_id", ""))
    with here().database.begin() as session:
        search = search_of(session, account.institution_id, search_id)
        if search is None:
            return url_for("send.looking")
        search.typed = typed(request.form)
    return url_for("send.show", search_id=search_id)


@blueprint.post("/<search_id>")
@needs(Function.SEND_STUDIES)
@rescued_by(rescue)
def send(search_id: str) -> ResponseReturnValue:
    who, command_id = person(), command_token()
    institution_id = who.viewer.institution_id
    with here().database.begin() as session:
        search = own_search(session, search_id)
        search.typed = typed(request.form)
        session.flush()
        page = page_of(session, search)
        entry, wrong = read_entry(page.typed, page, askable(session, institution_id), person().time_zone)
        if not wrong and "priors" in page.typed:
            entry = with_priors(entry, page, _held_there(session, entry, page))
        before = session.get(OutboxCommand, command_id) is not None
    if not wrong:
        try:
            with here().database.begin() as session:
                reference = place(
                    session, institution_id=institution_id, account_id=who.id, command_id=command_id, entry=entry
                )
        except NotAllowed as refusal:
            wrong = [Wrong("worklist", str(refusal))]
        else:
            return _placed(reference, command_id, entry, before)
    return shown(page, wrong, command_id), 422


def _placed(reference: str, command_id: str, entry: TransferEntry, before: bool) -> ResponseReturnValue:
    if before:
        # What was ticked since is sent to nobody.
        flash(f"This form was sent already as {reference}; search again to send more.", "refused")
    else:
        said = tried(command_id)
        count = len(entry.studies)
        flash(said or f"Placed with {count} {'study' if count == 1 else 'studies'}.", category_of(said))
    return redirect(url_for("transactions.show", reference=reference), 303)


def _held_there(session: Session, entry: TransferEntry, page: SearchPage) -> list[str]:
    """Studies of the patient that the destination's own PACS has confirmed: they need not go there as priors."""
    destination = session.get_one(Worklist, entry.worklist_id).institution_id
    numbers = {page.criteria.nhs_number} - {""}
    for row in page.rows:
        numbers |= nhs_numbers(facts_of(row.hit))
    return [uid for number in numbers for uid in delivered_studies(session, destination, number)]
