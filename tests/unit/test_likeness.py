"""Whether two are one person: by what both say, one thing that differs for somebody to look at, more of two people."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain.identity import PatientFacts
from models.domain.likeness import Likeness, agrees_in_all, likeness, says_nothing

NUMBER, OTHERS = (("9990000018", "NHS"),), (("9990000026", "NHS"),)
ANNA = PatientFacts("H1", "ZX1", "EXAMPLE^Anna", "19700102", "F")
NUMBERED = replace(ANNA, other_ids=NUMBER)


def named(name: str, one: PatientFacts = ANNA) -> PatientFacts:
    return replace(one, PatientName=name)


def born(day: str, one: PatientFacts = ANNA) -> PatientFacts:
    return replace(one, PatientBirthDate=day)


SAME, ALIKE, SILENT, DOUBTFUL, ANOTHER = Likeness
CASES: dict[str, tuple[PatientFacts, PatientFacts, Likeness]] = {
    "in every respect": (ANNA, ANNA, SAME),
    "in another case, with a middle name": (ANNA, named("Example^ANNA^Mary^^Mrs"), SAME),
    "with accents and hyphens": (named("M\u00fcller-van Dyke^Anna"), named("MULLER VANDYKE^ANNA"), SAME),
    "with a second given name": (ANNA, named("EXAMPLE^Anna Mary"), SAME),
    "a day with full stops": (ANNA, born("1970.01.02"), SAME),
    "no sex": (ANNA, replace(ANNA, PatientSex=""), SAME),
    "another sex that tells nothing": (ANNA, replace(ANNA, PatientSex="O"), SAME),
    "by NHS number, without birth date": (NUMBERED, born("", NUMBERED), SAME),
    "by NHS number, without name": (NUMBERED, named("", NUMBERED), SAME),
    "by NHS number, with an initial": (NUMBERED, named("EXAMPLE^A", NUMBERED), SAME),
    "married, with one NHS number": (NUMBERED, named("MARRIED^Anna", NUMBERED), SAME),
    "in Japanese": (named("=\u5c71\u7530^\u592a\u90ce"), named("Yamada^Taro=\u5c71\u7530^\u592a\u90ce"), SAME),
    "an initial": (ANNA, named("EXAMPLE^A"), ALIKE),
    "half of a double name": (named("EXAMPLE^Anna-Lise"), ANNA, ALIKE),
    "no given name": (ANNA, named("EXAMPLE"), ALIKE),
    "no birth date": (ANNA, born(""), ALIKE),
    "no day": (ANNA, born("19700000"), ALIKE),
    "no names": (ANNA, named(""), ALIKE),
    "nothing": (ANNA, PatientFacts("H1", "ZX1"), SILENT),
    "a given name alone": (ANNA, PatientFacts(PatientName="^Anna"), SILENT),
    "names that only one has": (
        PatientFacts(PatientName="EXAMPLE^Anna"),
        PatientFacts(PatientBirthDate="19700102"),
        SILENT,
    ),
    "names in two writings": (named("=\u5c71\u7530^\u592a\u90ce", born("")), born(""), SILENT),
    "a twin": (ANNA, named("EXAMPLE^Bella"), DOUBTFUL),
    "a twin of another sex": (ANNA, replace(named("EXAMPLE^Peter"), PatientSex="M"), DOUBTFUL),
    "a twin with one NHS number": (NUMBERED, named("EXAMPLE^Bella", NUMBERED), DOUBTFUL),
    "a twin with a double name": (named("EXAMPLE^Anna-Lise"), named("EXAMPLE^Anna-Marie"), DOUBTFUL),
    "a twin with a second name": (named("EXAMPLE^Anna Lise"), named("EXAMPLE^Anna Marie"), DOUBTFUL),
    "a twin in Japanese": (named("=\u5c71\u7530^\u592a\u90ce"), named("=\u5c71\u7530^\u6b21\u90ce"), DOUBTFUL),
    "in Japanese, with the same Latin name": (
        named("Yamada^Taro=\u5c71\u7530^\u592a\u90ce"),
        named("Yamada^Taro=\u5c71\u7530^\u6b21\u90ce"),
        DOUBTFUL,
    ),
    "another year without a day": (ANNA, born("19710000"), DOUBTFUL),
    "a shorter name that is no initial": (named("=\u5c71\u7530^\u592a"), named("=\u5c71\u7530^\u592a\u90ce"), DOUBTFUL),
    "vowel signs": (
        named("\u0930\u093e\u092e^\u0915\u093f\u0930\u0923"),
        named("\u0930\u093e\u092e^\u0915\u0930\u0923"),
        DOUBTFUL,
    ),
    "another sex": (ANNA, replace(ANNA, PatientSex="M"), DOUBTFUL),
    "another sex with one NHS number": (NUMBERED, replace(NUMBERED, PatientSex="M"), DOUBTFUL),
    "married": (ANNA, named("MARRIED^Anna"), DOUBTFUL),
    "married, with half a name and one NHS number": (
        named("EXAMPLE^Anna-Lise", NUMBERED),
        named("MARRIED^Anna", NUMBERED),
        DOUBTFUL,
    ),
    "a mistyped birth date": (ANNA, born("19700201"), DOUBTFUL),
    "a mistyped birth date with one NHS number": (NUMBERED, born("19700201", NUMBERED), DOUBTFUL),
    "family and given name swapped": (ANNA, named("ANNA^EXAMPLE"), DOUBTFUL),
    "another family name and nothing else, with one NHS number": (
        NUMBERED,
        PatientFacts(PatientName="SAMPLE", other_ids=NUMBER),
        DOUBTFUL,
    ),
    "unknown when first scanned": (ANNA, PatientFacts(PatientName="UNKNOWN^Female", PatientSex="F"), DOUBTFUL),
    "two NHS numbers": (NUMBERED, replace(ANNA, other_ids=OTHERS), ANOTHER),
    "family and given name": (ANNA, named("SAMPLE^Boris"), ANOTHER),
    "family name and birth date": (ANNA, born("19500101", named("SAMPLE^Anna")), ANOTHER),
    "given name and birth date": (ANNA, born("19500101", named("EXAMPLE^Bella")), ANOTHER),
    "birth date, of an initial": (ANNA, born("19500101", named("EXAMPLE^A")), ANOTHER),
    "family name and birth date with one NHS number": (
        NUMBERED,
        born("19500101", named("SAMPLE^Anna", NUMBERED)),
        ANOTHER,
    ),
    "swapped, and another birth date": (ANNA, born("19500101", named("ANNA^EXAMPLE")), ANOTHER),
    "unknown, of another sex": (ANNA, PatientFacts(PatientName="UNKNOWN^Male", PatientSex="M"), ANOTHER),
}


@pytest.mark.parametrize(("one", "other", "expected"), CASES.values(), ids=CASES)
def test_by_what_both_say(one: PatientFacts, other: PatientFacts, expected: Likeness) -> None:
    assert likeness(one, other) is likeness(other, one) is expected


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (PatientFacts(other_ids=NUMBER), SILENT),
        (named("EXAMPLE", NUMBERED), ALIKE),
        (named("EXAMPLE^A", NUMBERED), ALIKE),
        (named("SAMPLE", NUMBERED), DOUBTFUL),
        (NUMBERED, SAME),
    ],
)
def test_under_an_nhs_number_the_number_tells_nothing(other: PatientFacts, expected: Likeness) -> None:
    assert likeness(NUMBERED, other, number_tells=False) is expected


@pytest.mark.parametrize(
    ("known", "patient", "settled"),
    [
        (ANNA, ANNA, True),
        (ANNA, replace(ANNA, PatientSex=""), True),
        (replace(ANNA, PatientSex=""), ANNA, False),
        (named("EXAMPLE^A"), ANNA, False),
        (named("EXAMPLE"), named("EXAMPLE"), False),
        (born(""), born(""), False),
        (NUMBERED, replace(ANNA, other_ids=OTHERS), False),
    ],
)
def test_what_settles_agrees_in_all(known: PatientFacts, patient: PatientFacts, settled: bool) -> None:
    assert agrees_in_all(known, patient) is settled


def test_of_whom_nothing_is_known_there_is_nothing_to_ask() -> None:
    assert says_nothing(PatientFacts("H1", "ZX1", "", "", "F"))
    assert says_nothing(PatientFacts("H1", "ZX1", "^^^", "00001340"))
    assert not says_nothing(PatientFacts(PatientName="^Anna"))
    assert not says_nothing(PatientFacts(PatientBirthDate="19700102"))
    assert not says_nothing(PatientFacts(other_ids=NUMBER))


FACTS = st.builds(
    PatientFacts,
    st.sampled_from(["9990000018", "H123", ""]),
    st.sampled_from(["NHS", "ZX1", ""]),
    st.one_of(
        st.sampled_from(["EXAMPLE^Anna", "Anna^EXAMPLE", "EXAMPLE^A", "=\u4f8b^\u660e", "-^ ", ""]),
        st.text(max_size=20),
    ),
    st.one_of(st.sampled_from(["19700101", "1970.01.01", "19700000", ""]), st.text(max_size=10)),
    st.sampled_from(["F", "M", "O", ""]),
    st.sampled_from([(), NUMBER, OTHERS]),
)


@given(FACTS, FACTS, st.booleans())
def test_the_order_does_not_matter(one: PatientFacts, other: PatientFacts, number_tells: bool) -> None:
    assert likeness(one, other, number_tells=number_tells) is likeness(other, one, number_tells=number_tells)


@given(FACTS, st.booleans())
def test_nobody_differs_from_oneself(one: PatientFacts, number_tells: bool) -> None:
    assert likeness(one, one, number_tells=number_tells) in (SAME, ALIKE, SILENT)
