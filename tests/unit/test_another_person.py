"""One study from two Institutions: when their headers are about two people, and when they only write differently."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain.identity import PatientFacts, another_person, declared_nhs, may_be_twins
from models.domain.nhs_number import ISSUER, OID

FIRST, SECOND, INVALID = "9990000018", "9990000026", "9990000019"
NHS, OTHER_NHS = ((FIRST, ISSUER),), ((SECOND, ISSUER),)
ADA = PatientFacts("H123", "ZX1", "EXAMPLE^ADA", "19700101", "F")
WITH_NHS = replace(ADA, other_ids=NHS)

SAME = {
    "another local Patient ID": (ADA, replace(ADA, PatientID="L9", IssuerOfPatientID="ZX3")),
    "no local Patient ID": (ADA, replace(ADA, PatientID="", IssuerOfPatientID="")),
    "another sex": (ADA, replace(ADA, PatientSex="O")),
    "another given name": (ADA, replace(ADA, PatientName="EXAMPLE^ADELINE^^MRS")),
    "lower case": (ADA, replace(ADA, PatientName="Example^Ada")),
    "further carets": (ADA, replace(ADA, PatientName="EXAMPLE^ADA^^^")),
    "no given name": (ADA, replace(ADA, PatientName="EXAMPLE")),
    "blanks around": (ADA, replace(ADA, PatientName=" EXAMPLE ^ADA\0", PatientBirthDate="19700101 ")),
    "blanks within": (replace(ADA, PatientName="VAN SAMPLE^A"), replace(ADA, PatientName="VANSAMPLE^A")),
    "a hyphen": (replace(ADA, PatientName="TEST-SAMPLE^A"), replace(ADA, PatientName="TEST SAMPLE^A")),
    "accents": (replace(ADA, PatientName="TÉSTCASE^A"), replace(ADA, PatientName="TESTCASE^A")),
    "accents in two encodings": (replace(ADA, PatientName="TE\u0301ST^A"), replace(ADA, PatientName="T\u00c9ST^A")),
    "ideographic group": (ADA, replace(ADA, PatientName="EXAMPLE^ADA=例^明")),
    "other ideographic groups": (
        replace(ADA, PatientName="EXAMPLE^ADA=例^明"),
        replace(ADA, PatientName="EXAMPLE^ADA=試^明"),
    ),
    "only an ideographic group": (ADA, replace(ADA, PatientName="=例^明")),
    "no name": (ADA, replace(ADA, PatientName="")),
    "no family name": (ADA, replace(ADA, PatientName="^ADA")),
    "no birth date": (ADA, replace(ADA, PatientBirthDate="")),
    "birth date in the older form": (ADA, replace(ADA, PatientBirthDate="1970.01.01")),
    "nothing said": (ADA, PatientFacts()),
    "one NHS number, two family names": (WITH_NHS, replace(WITH_NHS, PatientName="SAMPLE^ADA")),
    "NHS number written with blanks, named by OID": (
        WITH_NHS,
        replace(ADA, PatientName="SAMPLE^ADA", other_ids=(("999 000 0018", OID),)),
    ),
    "NHS number as Patient ID": (
        WITH_NHS,
        replace(ADA, PatientID=FIRST, IssuerOfPatientID=ISSUER, PatientName="SAMPLE^ADA"),
    ),
    "NHS number on one side": (WITH_NHS, ADA),
    "invalid NHS number": (WITH_NHS, replace(ADA, other_ids=((INVALID, ISSUER),))),
    "ten digits that nobody says are the NHS's": (WITH_NHS, replace(ADA, PatientID=SECOND, IssuerOfPatientID="ZX3")),
}

OTHER = {
    "NHS numbers": (WITH_NHS, replace(ADA, other_ids=OTHER_NHS)),
    "NHS numbers in two places": (WITH_NHS, replace(ADA, PatientID=SECOND, IssuerOfPatientID=OID)),
    "birth dates": (ADA, replace(ADA, PatientBirthDate="19700102")),
    "birth dates under one NHS number": (WITH_NHS, replace(WITH_NHS, PatientBirthDate="19700102")),
    "birth dates, without names": (replace(ADA, PatientName=""), replace(ADA, PatientBirthDate="19700102")),
    "family names": (ADA, replace(ADA, PatientName="SAMPLE^ADA")),
    "family names, without birth dates": (
        replace(ADA, PatientBirthDate=""),
        replace(ADA, PatientBirthDate="", PatientName="SAMPLE^ADA"),
    ),
    "family names, NHS number on one side": (WITH_NHS, replace(ADA, PatientName="SAMPLE^ADA")),
    "family names, one NHS number invalid": (
        WITH_NHS,
        replace(ADA, PatientName="SAMPLE^ADA", other_ids=((INVALID, ISSUER),)),
    ),
    "family names under one local Patient ID": (ADA, replace(ADA, PatientName="SAMPLE^BEA")),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_may_be_one_person(one: PatientFacts, other: PatientFacts) -> None:
    assert not another_person(one, other)
    assert not another_person(other, one)


@pytest.mark.parametrize(("one", "other"), OTHER.values(), ids=OTHER)
def test_are_two_people(one: PatientFacts, other: PatientFacts) -> None:
    assert another_person(one, other)
    assert another_person(other, one)


class TestDeclaredNhs:
    def test_an_id_without_an_issuer_is_an_nhs_number(self) -> None:
        ours, theirs = declared_nhs(PatientFacts(FIRST)), declared_nhs(PatientFacts(SECOND))
        assert another_person(ours, theirs)
        assert not another_person(PatientFacts(FIRST), theirs)

    def test_an_issuer_in_the_header_overrules_it(self) -> None:
        assert declared_nhs(ADA) == ADA


IDS = st.tuples(st.sampled_from([FIRST, SECOND, INVALID, "H123"]), st.sampled_from([ISSUER, OID, "ZX1", ""]))
FACTS = st.builds(
    PatientFacts,
    st.sampled_from([FIRST, SECOND, "H123", ""]),
    st.sampled_from([ISSUER, "ZX1", ""]),
    st.one_of(st.sampled_from(["EXAMPLE^ADA", "Sample^Bea", "=例^明", ""]), st.text(max_size=20)),
    st.one_of(st.sampled_from(["19700101", "1970.01.01", ""]), st.text(max_size=10)),
    other_ids=st.lists(IDS, max_size=2).map(tuple),
)


@given(FACTS, FACTS)
def test_the_order_does_not_matter(one: PatientFacts, other: PatientFacts) -> None:
    assert another_person(one, other) == another_person(other, one)


@given(FACTS)
def test_nobody_is_another_person_than_oneself(one: PatientFacts) -> None:
    assert not another_person(one, one)
    assert not another_person(one, PatientFacts())


@pytest.mark.parametrize(
    ("one", "other", "twins"),
    [
        ("EXAMPLE^Agnes", "EXAMPLE^Berta", True),
        ("EXAMPLE^Agnes", "Example^AGNES^^Mrs", False),
        ("EXAMPLE^Agnes", "EXAMPLE^A", False),
        ("EXAMPLE^Agnes Mary", "EXAMPLE^Agnes", False),
        ("EXAMPLE^Agnes", "EXAMPLE", False),
        ("EXAMPLE^Anna", "EXAMPLE^Anton", True),
        ("EXAMPLE^Ann", "EXAMPLE^Anna", True),
        ("EXAMPLE^B", "EXAMPLE^Agnes", True),
        ("EXAMPLE^Anne-Marie", "EXAMPLE^ANNEMARIE", False),
    ],
)
def test_another_given_name_is_a_twin_s(one: str, other: str, twins: bool) -> None:
    number = (("9990000018", "NHS"),)
    assert may_be_twins(PatientFacts(PatientName=one), PatientFacts(PatientName=other)) is twins
    same = PatientFacts(PatientName=one, other_ids=number), PatientFacts(PatientName=other, other_ids=number)
    assert not may_be_twins(*same), "one NHS number is one person, whatever they are called"
