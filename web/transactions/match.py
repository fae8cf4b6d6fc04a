"""Saying that a held study answers a request."""

from __future__ import annotations

from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from models.candidates import no_longer_wanted
from models.domain.contracts import CommandKind
from models.domain.permissions import Function
from models.queries.people import with_names
from models.queries.transaction import TransactionPage
from models.tables import ImageRequest, RequestedStudy, now
from web.entries import Wrong
from web.here import here
from web.permission import needs, person
from web.times import with_local_times
from web.transactions.blueprint import blueprint
from web.transactions.decide import decide
from web.transactions.offers import may_answer, must_be_of_one_patient


@blueprint.post("/<reference>/match")
@needs(Function.ASSIGN_HELD)
def match(reference: str) -> ResponseReturnValue:
    return decide(reference, CommandKind.MATCH_ARRIVAL, _study, "It answers the request, and goes to the requester.")


def _study(page: TransactionPage) -> dict[str, Any]:
    must_be_of_one_patient(page)
    chosen = request.form.get("requested_study_id", "")
    if chosen not in {one.requested_study_id for one in may_answer(page)}:
        raise Wrong("requested_study_id", _too_late(page, chosen) or "Choose one of the requests that it may answer.")
    return {"requested_study_id": chosen}


def _too_late(page: TransactionPage, study_id: str) -> str:
    """Why a study of which this Institution was asked cannot be answered any more; empty for any other."""
    with here().database.begin() as session:
        study = session.get(RequestedStudy, study_id)
        asked = session.get(ImageRequest, study.request_id) if study else None
        if study is None or asked is None or page.arrival is None or asked.source_id != page.arrival.institution_id:
            return ""
        said = with_names(session, no_longer_wanted(session, study, asked))
        return with_local_times(said, person().time_zone, now())
