"""The page of one search: what was found, what is known of it, and the form that sends it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import abort, render_template
from sqlalchemy.orm import Session

from models.domain.identity import PatientFacts
from models.domain.pacs_search import Criteria, Hit, Level, State, differences, facts_of
from models.queries.choices import Choice, worklists_open_to
from models.queries.known_studies import Known, known_studies
from models.queries.partners import Askable, askable
from models.queries.request import RequestFacts, patient_of, request_facts
from models.searches import hit_from_json, search_of, series_searches
from models.tables import ImageRequest, PacsSearch
from web.asking import token
from web.entries import Wrong
from web.here import here
from web.permission import person
from web.requests.form import URGENCIES
from web.send.from_request import answered_by, meant


@dataclass(frozen=True)
class Series:
    """What was asked about the series of one hit: `rows` are (what its tick box says, facts)."""

    id: str
    state: str
    sentence: str
    rows: tuple[tuple[str, Mapping[str, Any]], ...]


@dataclass(frozen=True)
class Row:
    """One hit; `differs` names what of the patient is not as it was looked for."""

    position: int
    hit: Hit
    differs: tuple[str, ...]
    known: tuple[Known, ...]
    series: Series | None


@dataclass(frozen=True)
class SearchPage:
    id: str
    node: str
    node_id: str
    state: str
    sentence: str
    truncated: bool
    criteria: Criteria
    rows: tuple[Row, ...]
    typed: Mapping[str, Any]
    worklists: tuple[Choice, ...]
    partner: Askable | None
    request: RequestFacts | None
    patient: PatientFacts | None
    request_id: str
    reference: str
    requester: str

    @property
    def is_asking(self) -> bool:
        return self.state == State.ASKING


def own_search(session: Session, search_id: str) -> PacsSearch:
    """A search for studies of one's own Institution; "not found" for another's, and once it is forgotten."""
    search = search_of(session, person().viewer.institution_id, search_id)
    if search is None or search.level != Level.STUDY:
        abort(404)
    return search


def page_of(session: Session, search: PacsSearch) -> SearchPage:
    viewer = person().viewer
    answered = answered_by(session, search)
    criteria = Criteria(**search.criteria)
    hits = [(hit.position, hit_from_json(hit.facts)) for hit in search.hits]
    known = known_studies(
        session, viewer.institution_id, {hit.StudyInstanceUID: hit.AccessionNumber for _, hit in hits}
    )
    series = {str(one.criteria["StudyInstanceUID"]): series_part(one) for one in series_searches(session, search.id)}
    sought = _sought(criteria, answered)
    partners = askable(session, viewer.institution_id)
    return SearchPage(
        id=search.id,
        node=search.node.name,
        node_id=search.node_id,
        state=search.state,
        sentence=search.sentence,
        truncated=search.truncated,
        criteria=criteria,
        rows=tuple(
            Row(
                position,
                hit,
                differences(sought, hit),
                known.get(hit.StudyInstanceUID, ()),
                series.get(hit.StudyInstanceUID),
            )
            for position, hit in hits
        ),
        typed=search.typed or (meant(session, answered) if answered else {}),
        worklists=worklists_open_to(session, viewer.institution_id),
        partner=partners[0] if partners else None,
        request=request_facts(session, viewer, answered) if answered else None,
        patient=patient_of(answered) if answered else None,
        request_id=answered.id if answered else "",
        reference=answered.transaction.reference if answered else "",
        requester=answered.institution_id if answered else "",
    )


def series_part(search: PacsSearch) -> Series:
    return Series(
        search.id,
        search.state,
        search.sentence,
        tuple((f"{search.id}.{hit.position}", hit.facts) for hit in search.hits),
    )


def shown(page: SearchPage, wrong: Sequence[Wrong] = (), command_id: str = "") -> str:
    return render_template(
        "send/show.html",
        title="Send studies",
        page=page,
        content=page.typed,
        wrong=wrong,
        errors={one.field: str(one) for one in reversed(wrong)},
        command_id=command_id or token(),
        urgencies=URGENCIES,
        token=token,
        dicom_port=here().dicom_port,
        patients=len({_whom(row.hit) for row in page.rows}),
    )


def _sought(criteria: Criteria, answered: ImageRequest | None) -> Criteria:
    """Whom the request names counts where somebody has searched by less."""
    if criteria.family_name or criteria.birth_date or answered is None:
        return criteria
    facts = patient_of(answered)
    family, _, given = facts.PatientName.partition("^")
    return Criteria(family_name=family, given_name=given, birth_date=facts.PatientBirthDate)


def _whom(hit: Hit) -> tuple[str, ...]:
    facts = facts_of(hit)
    return facts.PatientID, facts.PatientName, facts.PatientBirthDate
