"""The page with the form of a request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from flask import render_template

from models.office_hours import office_hours
from models.queries.partners import Askable, askable
from models.tables import now
from web.entries import Wrong
from web.here import here
from web.permission import person
from web.requests.form import MODALITIES, MOST_STUDIES, URGENCIES, WANTS, of_study
from web.requests.partners import meant


def shown(
    content: Mapping[str, str],
    draft_id: str,
    wrong: Sequence[Wrong] = (),
    asked_already: Mapping[str, str] = MappingProxyType({}),
    focus: str = "",
) -> str:
    """The form with `content`; `asked_already` are open requests for the same and what they ask for, by reference.

    `focus` is the id of an input.
    """
    with here().database.begin() as session:
        partners = askable(session, person().viewer.institution_id)
    asked = meant(content.get("source", ""), partners)
    return render_template(
        "requests/place.html",
        title="Place a request",
        content=content,
        rows=int(content.get("rows", "1")),
        draft_id=draft_id,
        partners=partners,
        asked=asked,
        hours=hours(asked),
        wrong=wrong,
        errors={one.field: str(one) for one in reversed(wrong)},
        asked_already=asked_already,
        of_study=of_study,
        modalities=MODALITIES,
        wants=WANTS,
        urgencies=URGENCIES,
        most=MOST_STUDIES,
        focus=focus,
    )


def hours(asked: Askable | None) -> str:
    """Like "Northern Example's office is open until 17:00."; empty while nobody is asked."""
    return f"{asked.name}'s office is {office_hours(now(), asked.time_zone)}." if asked else ""
