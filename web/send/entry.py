"""The form of a transfer: what was ticked and typed, and what of it must be put right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from werkzeug.datastructures import MultiDict

from models.domain.identity import another_person
from models.domain.naming import Identifying
from models.domain.pacs_search import Hit, are_several, facts_of, priors
from models.domain.urgency import Urgency
from models.queries.partners import Askable
from models.transfers import PickedStudy, TransferEntry
from web import entries
from web.entries import Wrong
from web.requests.form import LONGEST, URGENCIES, Reading, call_back, needed_by
from web.send.page import Row, SearchPage

FIELDS = ("worklist", "recipient", "call_back", "urgency", "needed_by", "reason", "priors")
MOST_TICKS = 500


def typed(form: MultiDict[str, str]) -> dict[str, Any]:
    """What of a form belongs to a transfer, as it was ticked and typed."""
    said: dict[str, Any] = {name: form[name][:LONGEST] for name in FIELDS if form.get(name, "").strip()}
    ticks = {name: [one[:LONGEST] for one in form.getlist(name)[:MOST_TICKS]] for name in ("study", "series")}
    return said | {name: ticked for name, ticked in ticks.items() if ticked}


def read_entry(
    content: Mapping[str, Any], page: SearchPage, partners: Sequence[Askable], zone: str = "Europe/London"
) -> tuple[TransferEntry, list[Wrong]]:
    """The transfer without earlier studies, and what is wrong with it; it is not to be placed while anything is."""
    reading = Reading()
    read = reading.read
    urgency = Urgency(content["urgency"]) if content.get("urgency") in URGENCIES else Urgency.ROUTINE
    picked = _picked(content, page)
    entry = TransferEntry(
        node_id=page.node_id,
        worklist_id=read(_worklist, content.get("worklist", ""), page),
        recipient=read(entries.line, content.get("recipient", ""), "recipient", "Say whom the images are for.", True),
        call_back=read(call_back, content.get("call_back", ""), urgency),
        reason="",
        urgency=urgency,
        studies=tuple(picked.values()),
        request_id=page.request_id,
        needed_by=read(needed_by, content.get("needed_by", ""), urgency, zone),
    )
    hits = [row.hit for row in page.rows if row.hit.StudyInstanceUID in picked]
    if not hits:
        reading.wrong.append(Wrong("studies", "Tick the studies, or series of them, that are to be sent."))
    elif words := are_several(hits) or _not_the_request_s(hits, page):
        reading.wrong.append(Wrong("studies", words))
    reason = read(entries.reason, content.get("reason", ""), "reason", _whom(hits, partners))
    return replace(entry, reason=reason), reading.wrong


def with_priors(entry: TransferEntry, page: SearchPage, held: Sequence[str]) -> TransferEntry:
    """With the last two relevant of five years among the hits, without those that are `held` at the destination."""
    picked = {study.StudyInstanceUID for study in entry.studies}
    earlier = priors([row.hit for row in page.rows], picked, held)
    return replace(entry, studies=(*entry.studies, *map(_study, earlier)))


def _picked(content: Mapping[str, Any], page: SearchPage) -> dict[str, PickedStudy]:
    """By StudyInstanceUID, in the order of the page; a study that is ticked goes whole."""
    found = {}
    for row in page.rows:
        series = tuple(
            str(facts["SeriesInstanceUID"]) for tick, facts in _series_of(row) if tick in content.get("series", ())
        )
        if str(row.position) in content.get("study", ()):
            found[row.hit.StudyInstanceUID] = _study(row.hit)
        elif series:
            found[row.hit.StudyInstanceUID] = replace(_study(row.hit), series=series)
    return found


def _series_of(row: Row) -> Sequence[tuple[str, Mapping[str, Any]]]:
    return row.series.rows if row.series else ()


def _study(hit: Hit) -> PickedStudy:
    modality = hit.ModalitiesInStudy[0] if hit.ModalitiesInStudy else ""
    return PickedStudy(
        hit.StudyInstanceUID, description=hit.StudyDescription, Modality=modality, study_date=hit.StudyDate
    )


def _worklist(text: str, page: SearchPage) -> str:
    if text not in {choice.id for choice in page.worklists}:
        raise Wrong("worklist", "Choose where the images go.")
    return text


def _not_the_request_s(hits: Sequence[Hit], page: SearchPage) -> str:
    if page.patient and any(another_person(facts_of(hit), page.patient) for hit in hits):
        return f"What is ticked is not of the patient that {page.reference} names; ring {page.requester}."
    return ""


def _whom(hits: Sequence[Hit], partners: Sequence[Askable]) -> Identifying:
    """Whom its reason may not name: others read that before they see the patient."""
    sites = (word for one in partners for word in (one.ods_code, one.name))
    patient = facts_of(hits[0]) if hits else facts_of(Hit(""))
    return Identifying(
        PatientName=patient.PatientName,
        PatientBirthDate=patient.PatientBirthDate,
        ids=frozenset({patient.PatientID}),
        other_words=" ".join((*sites, *(hit.StudyDescription for hit in hits))),
    )
