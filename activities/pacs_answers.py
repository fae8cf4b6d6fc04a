"""What a PACS answers to a query, as plain facts: text is decoded as each answer declares it, nothing fails on it."""

from __future__ import annotations

from typing import Any

from pydicom.dataset import Dataset

from models.character_sets import codecs_of, decode
from models.domain.pacs_search import Hit
from models.part10 import UID

STUDY_KEYS = (
    *("PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "OtherPatientIDsSequence"),
    *("StudyInstanceUID", "StudyDate", "StudyTime", "AccessionNumber", "ModalitiesInStudy", "StudyDescription"),
    *("NumberOfStudyRelatedSeries", "NumberOfStudyRelatedInstances"),
)
SERIES_KEYS = (
    *("SeriesInstanceUID", "SeriesNumber", "Modality", "SeriesDescription", "BodyPartExamined"),
    "NumberOfSeriesRelatedInstances",
)


def hit_of(answer: Dataset) -> Hit | None:
    """A study; None for an answer without a StudyInstanceUID by which it could be retrieved."""
    said = {keyword: text_of(answer, keyword) for keyword in STUDY_KEYS if not keyword.startswith("Other")}
    if not UID.fullmatch(said["StudyInstanceUID"]):
        return None
    series, images = said.pop("NumberOfStudyRelatedSeries"), said.pop("NumberOfStudyRelatedInstances")
    modalities = tuple(one.strip() for one in said.pop("ModalitiesInStudy").split("\\") if one.strip())
    dates = {keyword: said.pop(keyword).replace(".", "") for keyword in ("StudyDate", "PatientBirthDate")}
    return Hit(
        **said,
        **dates,
        ModalitiesInStudy=modalities,
        other_ids=_other_ids(answer),
        series=_count(series),
        images=_count(images),
    )


def series_of(answer: Dataset) -> dict[str, Any] | None:
    """A series; None without a SeriesInstanceUID."""
    said: dict[str, Any] = {keyword: text_of(answer, keyword) for keyword in SERIES_KEYS}
    if not UID.fullmatch(said["SeriesInstanceUID"]):
        return None
    return said | {"images": _count(said.pop("NumberOfSeriesRelatedInstances"))}


def text_of(answer: Dataset, keyword: str, codecs: tuple[str, ...] = ()) -> str:
    """An element as the peer wrote it: pydicom's own conversion complains of what is not quite as it should be."""
    if keyword not in answer:
        return ""
    value = answer.get_item(keyword).value
    if isinstance(value, bytes):
        return decode(value, codecs or _codecs(answer)).strip()
    return "\\".join(map(str, value)) if isinstance(value, list) else str(value if value is not None else "").strip()


def _codecs(answer: Dataset) -> tuple[str, ...]:
    declared = answer.get_item("SpecificCharacterSet").value if "SpecificCharacterSet" in answer else None
    if isinstance(declared, bytes):
        return codecs_of(declared.decode("ascii", "replace"))
    return codecs_of("\\".join(declared) if isinstance(declared, list) else str(declared or ""))


def _other_ids(answer: Dataset) -> tuple[str, ...]:
    retired = text_of(answer, "OtherPatientIDs").split("\\")
    codecs = _codecs(answer)
    items = answer.OtherPatientIDsSequence or [] if "OtherPatientIDsSequence" in answer else []
    found = [*(text_of(item, "PatientID", codecs) for item in items), *map(str.strip, retired)]
    return tuple(dict.fromkeys(one for one in found if one))


def _count(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() else None
