"""The form of a search: what was typed, and what of it must be put right."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from models.domain.nhs_number import spaced
from models.domain.pacs_search import Criteria
from web import entries
from web.entries import Wrong
from web.requests.form import MODALITIES, Reading, uid
from web.words import dicom_date

FIELDS = (
    *("nhs_number", "patient_id", "accession", "family_name", "given_name", "birth_date", "StudyInstanceUID"),
    *("date_from", "date_to", "Modality", "node", "request"),
)
LONGEST = 200
NO_KEY = "Give an NHS number, a Patient ID, an accession number, or a family name with the birth date."


def typed(form: Mapping[str, str]) -> dict[str, str]:
    """What of a form belongs to a search, as it was typed."""
    return {name: form[name][:LONGEST] for name in FIELDS if form.get(name, "").strip()}


def read_criteria(content: Mapping[str, str], today: date) -> tuple[Criteria, list[Wrong]]:
    """What is looked for, and what is wrong with it; the PACS is not asked while anything is."""
    reading, chosen = Reading(), content.get("Modality", "")
    read = reading.read
    criteria = Criteria(
        nhs_number=read(entries.nhs_number, content.get("nhs_number", "")),
        patient_id=read(entries.own_patient_id, content.get("patient_id", "")),
        accession=read(entries.accession, content.get("accession", "")),
        family_name=read(entries.sought_name, content.get("family_name", ""), "family_name", "family name"),
        given_name=read(entries.sought_name, content.get("given_name", ""), "given_name", "given name"),
        birth_date=read(entries.day, content.get("birth_date", ""), "birth_date", today),
        StudyInstanceUID=read(uid, content.get("StudyInstanceUID", ""), "StudyInstanceUID"),
        date_from=read(entries.day, content.get("date_from", ""), "date_from", today),
        date_to=read(entries.day, content.get("date_to", ""), "date_to", today),
        Modality=chosen if chosen in MODALITIES else "",
    )
    if criteria.date_from and criteria.date_to and criteria.date_to < criteria.date_from:
        reading.wrong.append(Wrong("date_to", "The last date lies before the first one."))
    if not reading.wrong and not criteria.is_strong:
        reading.wrong.append(Wrong("nhs_number", NO_KEY))
    return criteria, reading.wrong


def written(criteria: Mapping[str, Any]) -> dict[str, str]:
    """What somebody would have typed to search for the same."""
    said = {name: str(value) for name, value in criteria.items() if value}
    for name in ("birth_date", "date_from", "date_to"):
        said |= {name: dicom_date(said[name])} if name in said else {}
    return said | ({"nhs_number": spaced(said["nhs_number"])} if "nhs_number" in said else {})
