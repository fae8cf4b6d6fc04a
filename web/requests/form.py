"""The form of a request: what was typed, its rows of studies, and what of it must be put right."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date

from models.domain.naming import Identifying
from models.domain.urgency import Urgency
from models.queries.partners import Askable
from models.requests import RequestEntry, StudyEntry
from models.tables import now
from web import entries
from web.entries import Wrong
from web.requests.partners import partner

FIELDS = (
    *("source", "nhs_number", "family_name", "given_name", "birth_date", "source_patient_id"),
    *("priors", "wants", "recipient", "call_back", "urgency", "needed_by", "reason"),
)
OF_A_STUDY = ("description", "Modality", "from", "to", "AccessionNumber", "StudyInstanceUID")
MOST_STUDIES = 10
LONGEST = 2000
MODALITIES: Mapping[str, str] = {
    "": "Any",
    "CT": "CT",
    "MR": "MRI",
    "DX": "X-ray (DX)",
    "CR": "X-ray (CR)",
    "US": "Ultrasound",
    "XA": "Angiography",
    "NM": "Nuclear medicine",
    "PT": "PET",
    "MG": "Mammography",
    "RF": "Fluoroscopy",
}
FIRST_WORDS: Mapping[str, str] = {
    "CT": "CT", "MR": "MR", "MRI": "MR", "US": "US", "ULTRASOUND": "US", "PET": "PT", "MAMMOGRAM": "MG",
}  # fmt: skip
WANTS: Mapping[str, str] = {"images": "Images", "report": "Report", "both": "Images and report"}
URGENCIES: Mapping[str, str] = {
    Urgency.ROUTINE: "Routine",
    Urgency.BY_DEADLINE: "Soon: say by when",
    Urgency.URGENT: "Urgent",
    Urgency.LIFE_CRITICAL: "Life-critical",
}
SMALL = re.compile(r"[0-9]{1,2}")
UID = re.compile(r"[0-9]+(\.[0-9]+)+")


def typed(form: Mapping[str, str]) -> dict[str, str]:
    """What of a form belongs to a request, as it was typed; `rows` says how many studies it has room for."""
    rows = min(max(number(form.get("rows", "")) or 1, 1), MOST_STUDIES)
    names = [*FIELDS, *(of_study(row, name) for row in range(rows) for name in OF_A_STUDY)]
    return {name: form[name][:LONGEST] for name in names if form.get(name, "").strip()} | {"rows": str(rows)}


def number(text: str) -> int | None:
    """A small number; None for what is none."""
    return int(text) if SMALL.fullmatch(text) else None


def of_study(row: int, name: str) -> str:
    """The name, and id, of an input about one study."""
    return f"study-{row}-{name}"


def with_row(content: Mapping[str, str]) -> dict[str, str]:
    """With room for one more study."""
    return {**content, "rows": str(min(int(content["rows"]) + 1, MOST_STUDIES))}


def without_row(content: Mapping[str, str], gone: int) -> dict[str, str]:
    """Without one study; those after it move up."""
    rows = int(content["rows"])
    kept = [row for row in range(rows) if row != gone] or [rows]
    moved = {
        of_study(place, name): content.get(of_study(row, name), "")
        for place, row in enumerate(kept)
        for name in OF_A_STUDY
    }
    others = {name: content[name] for name in FIELDS if name in content}
    return others | {name: text for name, text in moved.items() if text} | {"rows": str(len(kept))}


def is_empty(content: Mapping[str, str]) -> bool:
    """Whether nothing was typed: who is asked, and what a form says by itself, is no draft yet."""
    return not set(content) - {"rows", "source", "wants", "urgency"}


class Reading:
    """Reads entry after entry and gathers what is wrong, so that all of it can be put right at once."""

    def __init__(self) -> None:
        self.wrong: list[Wrong] = []

    def read(self, check: Callable[..., str], *given: object) -> str:
        try:
            return check(*given)
        except Wrong as wrong:
            self.wrong.append(wrong)
            return ""


def read_entry(
    content: Mapping[str, str], partners: Sequence[Askable], today: date, zone: str = "Europe/London"
) -> tuple[RequestEntry, list[Wrong]]:
    """The request, and what is wrong with it; it is not to be placed while anything is."""
    reading = Reading()
    read = reading.read
    urgency = Urgency(content["urgency"]) if content.get("urgency") in URGENCIES else Urgency.ROUTINE
    entry = RequestEntry(
        source_id=read(lambda: partner(content.get("source", ""), partners).ods_code),
        nhs_number=read(entries.nhs_number, content.get("nhs_number", "")),
        family_name=read(entries.name, content.get("family_name", ""), "family_name", "family name"),
        given_name=read(entries.name, content.get("given_name", ""), "given_name", "given name"),
        birth_date=read(entries.day, content.get("birth_date", ""), "birth_date", today, True),
        source_patient_id=read(entries.sources_patient_id, content.get("source_patient_id", "")),
        studies=_studies(content, reading, today),
        wants=content.get("wants", "") if content.get("wants") in WANTS else "images",
        recipient=read(entries.line, content.get("recipient", ""), "recipient", "Say whom the images are for.", True),
        call_back=read(call_back, content.get("call_back", ""), urgency),
        urgency=urgency,
        reason="",
        needed_by=read(needed_by, content.get("needed_by", ""), urgency, zone),
    )
    reason = read(entries.reason, content.get("reason", ""), "reason", _whom(entry, partners))
    return replace(entry, reason=reason), reading.wrong


def _whom(entry: RequestEntry, partners: Sequence[Askable]) -> Identifying:
    """Whom its reason may not name: others read that before they see the patient."""
    sites = (word for one in partners for word in (one.ods_code, one.name))
    return Identifying(
        PatientName=f"{entry.family_name}^{entry.given_name}",
        PatientBirthDate=entry.birth_date,
        ids=frozenset({entry.source_patient_id}),
        other_words=" ".join((*sites, *(study.description for study in entry.studies))),
    )


def _studies(content: Mapping[str, str], reading: Reading, today: date) -> tuple[StudyEntry, ...]:
    studies = [
        _study(content, row, reading, today)
        for row in range(int(content["rows"]))
        if any(of_study(row, name) in content for name in OF_A_STUDY)
    ]
    if "priors" in content:
        studies.append(StudyEntry(is_prior=True))
    if not studies:
        reading.wrong.append(Wrong(of_study(0, "description"), "Describe the study, or tick the earlier studies."))
    return tuple(studies)


def _study(content: Mapping[str, str], row: int, reading: Reading, today: date) -> StudyEntry:
    ids = {name: of_study(row, name) for name in OF_A_STUDY}
    given = {name: content.get(ids[name], "") for name in OF_A_STUDY}
    chosen = given["Modality"]
    first = reading.read(entries.day, given["from"], ids["from"], today)
    last = reading.read(entries.day, given["to"], ids["to"], today)
    if first and last and last < first:
        reading.wrong.append(Wrong(ids["to"], "The last possible date lies before the first one."))
    return StudyEntry(
        StudyInstanceUID=reading.read(uid, given["StudyInstanceUID"], ids["StudyInstanceUID"]),
        AccessionNumber=reading.read(entries.accession, given["AccessionNumber"], ids["AccessionNumber"]),
        Modality=chosen if chosen in MODALITIES and chosen else _said_first(given["description"]),
        study_date_from=first,
        # One date alone is that day.
        study_date_to=last or first,
        description=reading.read(entries.line, given["description"], ids["description"], ""),
    )


def _said_first(description: str) -> str:
    """The kind that a description like "CT head" begins with; empty where it begins with none that is certain."""
    return FIRST_WORDS.get(description.split(maxsplit=1)[0].upper(), "") if description.strip() else ""


def uid(text: str, field: str) -> str:
    """A Study Instance UID; it may be empty."""
    text = text.strip()
    if text and (len(text) > 64 or not UID.fullmatch(text)):
        raise Wrong(field, "A Study Instance UID is digits and points, 64 at most.")
    return text


def call_back(text: str, urgency: Urgency) -> str:
    """A number to ring; whoever is in a hurry must give one."""
    needed = "Give a number that is answered now: it is urgent." if urgency.is_urgent else ""
    return entries.line(text, "call_back", needed, urgency.is_urgent)


def needed_by(text: str, urgency: Urgency, zone: str) -> str:
    """By when it is needed; who says that it is soon must say so."""
    return entries.moment(text, "needed_by", zone, now(), urgency is Urgency.BY_DEADLINE)
