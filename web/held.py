"""Held: what waits for a person because the exchange never guesses."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from models.domain.permissions import Function
from models.queries.held import held_alone, held_arrivals
from web.here import here
from web.permission import needs, person

blueprint = Blueprint("held", __name__)


@blueprint.get("/held")
@needs(Function.VIEW_TRANSACTIONS)
def held() -> ResponseReturnValue:
    viewer = person().viewer
    with here().database.begin() as session:
        arrivals, alone = held_arrivals(session, viewer), held_alone(session, viewer)
    return render_template("held.html", title="Held", arrivals=arrivals, alone=alone)
