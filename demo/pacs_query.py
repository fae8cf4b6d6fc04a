"""What a query asks for and which stored facts answer it (PS3.4 C.2.2.2 and C.6: matching and the information models).

Attributes are named by keyword. Facts are Datasets of decoded elements that hold no pixel data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from demo.pacs_keys import KEYS, LEVELS, UIDS, UNIQUE

_WILD = {"AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"}
_RANGE = {"DA", "TM", "DT"}


def answers(request: Dataset, stored: Iterable[Dataset], ae_title: str) -> Iterator[Dataset]:
    """One Dataset for each patient, study, series or instance that matches `request`, with the keys it asks for."""
    level = request.QueryRetrieveLevel
    known = [keyword for upper in LEVELS[: LEVELS.index(level) + 1] for keyword in KEYS[upper]]
    for group in _grouped(select(request, stored, level), level):
        facts = Dataset()
        for keyword in known:
            if keyword in group[0]:
                facts[keyword] = group[0][keyword]
        _count(facts, group, level)
        if all(matches(element, facts) for element in request if element.keyword in known or element.keyword in facts):
            facts.RetrieveAETitle = ae_title
            facts.InstanceAvailability = "ONLINE"
            yield _asked(request, facts, {*known, "RetrieveAETitle", "InstanceAvailability"})


def select(request: Dataset, stored: Iterable[Dataset], level: str) -> list[Dataset]:
    """Those that match the UIDs in `request` (lists of UIDs) down to `level`; a retrieval needs no more (C.4.2.1.4)."""
    uids = [request[keyword] for keyword in UIDS if keyword in request and _at_or_above(UIDS[keyword], level)]
    return [facts for facts in stored if all(matches(element, facts) for element in uids)]


def unsupported(request: Dataset, answer: Dataset) -> bool:
    """Whether `request` has keys that `answer` does not return (status FF01 instead of FF00)."""
    silent = {"SpecificCharacterSet", "TimezoneOffsetFromUTC"}
    return any(element.keyword not in answer and element.keyword not in silent for element in request)


def matches(asked: DataElement, facts: Dataset) -> bool:
    """Whether `facts` match one key of a query; an empty key and "*" match everything, even what is not there."""
    if asked.VR == "SQ":
        return _matches_sequence(asked, facts)
    wanted = [value for value in texts(asked) if value]
    if not wanted or wanted == ["*"]:
        return True
    found = texts(facts[asked.tag]) if asked.tag in facts else []
    return any(_matches_value(asked.VR, want, value) for want in wanted for value in found if value)


def texts(element: DataElement) -> list[str]:
    """The values of an element as text, one each."""
    if element.value is None:
        return []
    many = element.value if isinstance(element.value, MultiValue | list | tuple) else [element.value]
    return [str(value).strip(" \0") for value in many]


def _matches_sequence(asked: DataElement, facts: Dataset) -> bool:
    wanted = [key for item in asked.value or [] for key in item]
    if not any(key.VR == "SQ" or any(texts(key)) for key in wanted):
        return True
    found = facts[asked.tag].value if asked.tag in facts else []
    return any(all(matches(key, item) for key in wanted) for item in found)


def _matches_value(vr: str, want: str, value: str) -> bool:
    if vr in _RANGE:
        low, dash, high = want.partition("-")
        high = high if dash else low
        # "10" as an upper bound means until 10:59:59: as many digits are compared as were asked for.
        return value >= low and (not high or value[: len(high)] <= high)
    if vr == "PN":
        want, value = want.casefold().rstrip("^="), value.casefold().rstrip("^=")
    if vr in _WILD:
        pattern = re.escape(want).replace(r"\*", ".*").replace(r"\?", ".")
        return re.fullmatch(pattern, value, re.DOTALL) is not None
    return want == value


def _grouped(stored: list[Dataset], level: str) -> list[list[Dataset]]:
    groups: dict[tuple[str, ...], list[Dataset]] = {}
    for facts in stored:
        key = tuple(str(facts.get(keyword, "")) for keyword in UNIQUE[level])
        if key[0]:
            groups.setdefault(key, []).append(facts)
    return list(groups.values())


def _count(facts: Dataset, group: list[Dataset], level: str) -> None:
    """Adds the attributes that are counted instead of stored (PS3.4 C.3.4)."""

    def distinct(keyword: str) -> list[str]:
        return sorted({str(one.get(keyword, "")) for one in group} - {""})

    if level == "PATIENT":
        facts.NumberOfPatientRelatedStudies = len(distinct("StudyInstanceUID"))
        facts.NumberOfPatientRelatedSeries = len(distinct("SeriesInstanceUID"))
        facts.NumberOfPatientRelatedInstances = len(group)
    elif level == "STUDY":
        facts.ModalitiesInStudy = distinct("Modality")
        facts.SOPClassesInStudy = distinct("SOPClassUID")
        facts.NumberOfStudyRelatedSeries = len(distinct("SeriesInstanceUID"))
        facts.NumberOfStudyRelatedInstances = len(group)
    elif level == "SERIES":
        facts.NumberOfSeriesRelatedInstances = len(group)


def _asked(request: Dataset, facts: Dataset, known: set[str]) -> Dataset:
    answer = Dataset()
    answer.SpecificCharacterSet = "ISO_IR 192"
    answer.QueryRetrieveLevel = request.QueryRetrieveLevel
    answer.RetrieveAETitle = facts.RetrieveAETitle
    for element in request:
        if element.keyword in facts:
            answer[element.keyword] = facts[element.keyword]
        elif element.keyword in known:
            answer.add_new(element.tag, dictionary_VR(element.tag), None)
    return answer


def _at_or_above(upper: str, level: str) -> bool:
    return LEVELS.index(upper) <= LEVELS.index(level)
