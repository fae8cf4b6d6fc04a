"""A patient of one hospital is never filed as another hospital's: identity on its way to a destination."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.domain.identity import (
    LONG_STRING,
    SHORT_STRING,
    IssuerForm,
    PatientFacts,
    SentIdentity,
    automatic,
    disagreement,
    local,
    nhs_numbers,
)
from models.domain.nhs_number import ISSUER, OID, parse_nhs_number

FIRST, SECOND, INVALID = "9990000018", "9990000026", "9990000019"
SOURCE = "ZX1"
PERSON = PatientFacts("H123", "", "EXAMPLE^ADA", "19700101", "F", ((FIRST, ISSUER),))
FORMS = pytest.mark.parametrize("form", IssuerForm)


def sent(
    facts: PatientFacts,
    form: IssuerForm = IssuerForm.ELEMENT,
    accession: str = "",
    *,
    nhs_first: bool = False,
    may_be_nhs: bool = False,
) -> SentIdentity | None:
    return automatic(facts, accession, SOURCE, form, nhs_first=nhs_first, patient_id_may_be_nhs=may_be_nhs)


def ids(identity: SentIdentity | None) -> tuple[str, str] | None:
    return None if identity is None else (identity.PatientID, identity.IssuerOfPatientID)


class TestNhsNumbers:
    @pytest.mark.parametrize("issuer", [ISSUER, OID, "nhs", " NHS \0"])
    def test_are_read_where_the_nhs_is_named_as_issuer(self, issuer: str) -> None:
        assert nhs_numbers(PatientFacts(FIRST, issuer)) == {FIRST}
        assert nhs_numbers(PatientFacts(other_ids=((FIRST, issuer),))) == {FIRST}

    def test_one_number_named_twice_is_one(self) -> None:
        assert nhs_numbers(PatientFacts("999 000 0018", ISSUER, other_ids=((FIRST, OID),))) == {FIRST}

    @pytest.mark.parametrize("issuer", ["", "ZX1", "CHI"])
    def test_are_never_inferred_from_the_shape_of_an_id(self, issuer: str) -> None:
        assert nhs_numbers(PatientFacts(FIRST, issuer, other_ids=((SECOND, issuer),))) == frozenset()

    def test_a_node_may_declare_that_its_ids_are_nhs_numbers(self) -> None:
        assert nhs_numbers(PatientFacts(FIRST), patient_id_may_be_nhs=True) == {FIRST}

    @pytest.mark.parametrize("issuer", ["ZX1", "CHI"])
    def test_an_issuer_in_the_header_overrules_what_the_node_declares(self, issuer: str) -> None:
        assert nhs_numbers(PatientFacts(FIRST, issuer), patient_id_may_be_nhs=True) == frozenset()

    def test_an_invalid_number_is_none(self) -> None:
        assert nhs_numbers(PatientFacts(INVALID, ISSUER)) == frozenset()


class TestDisagreement:
    def test_no_image_and_one_image_agree(self) -> None:
        assert disagreement([]) is None
        assert disagreement([PERSON]) is None

    def test_padding_means_nothing(self) -> None:
        assert disagreement([PERSON, replace(PERSON, PatientID="H123 ", PatientName="EXAMPLE^ADA\0")]) is None

    @pytest.mark.parametrize(
        "other",
        [
            replace(PERSON, PatientName="Example^Ada^^Mrs"),
            replace(PERSON, PatientBirthDate=""),
            replace(PERSON, PatientBirthDate="1970.01.01"),
            replace(PERSON, PatientSex=""),
            replace(PERSON, PatientSex="O"),
        ],
    )
    def test_how_it_is_written_and_what_is_left_out_means_nothing(self, other: PatientFacts) -> None:
        assert disagreement([replace(PERSON, PatientSex="F"), other, PERSON]) is None

    def test_an_image_without_the_nhs_number_agrees_with_one_that_has_it(self) -> None:
        assert disagreement([PERSON, replace(PERSON, other_ids=())]) is None

    @pytest.mark.parametrize(
        ("other", "named"),
        [
            (replace(PERSON, PatientID="H124"), "Patient IDs"),
            (replace(PERSON, PatientID=""), "Patient IDs"),
            (replace(PERSON, IssuerOfPatientID="ZX9"), "issuers"),
            (replace(PERSON, PatientName="EXAMPLE^BEA"), "names"),
            (replace(PERSON, PatientName=""), "names"),
            (replace(PERSON, PatientBirthDate="19700102"), "birth dates"),
            (replace(PERSON, PatientName="=\u5c71\u7530^\u592a\u90ce"), "names"),
            (replace(PERSON, PatientSex="M"), "sexes"),
            (replace(PERSON, other_ids=((SECOND, ISSUER),)), "NHS numbers"),
            (replace(PERSON, other_ids=((SECOND, OID),)), "NHS numbers"),
        ],
    )
    def test_is_found_in_either_order_and_holds_no_patient_detail(self, other: PatientFacts, named: str) -> None:
        for headers in ([PERSON, other], [other, PERSON], [PERSON, PERSON, other]):
            said = disagreement(headers) or ""
            assert named in said
            assert said.endswith(".")
            assert not any(word in said for word in ("H12", "999", "EXAMPLE", "1970"))

    def test_one_header_with_two_nhs_numbers_disagrees_with_itself(self) -> None:
        assert disagreement([replace(PERSON, other_ids=((FIRST, ISSUER), (SECOND, ISSUER)))])

    def test_ids_declared_as_nhs_numbers_count(self) -> None:
        facts = PatientFacts(FIRST, other_ids=((SECOND, ISSUER),))
        assert disagreement([facts]) is None
        assert disagreement([facts], patient_id_may_be_nhs=True)


class TestAutomatic:
    @FORMS
    def test_the_nhs_number_goes_first_where_the_node_wants_it(self, form: IssuerForm) -> None:
        assert ids(sent(PERSON, form, nhs_first=True)) == (FIRST, ISSUER)

    def test_otherwise_the_senders_id_with_its_issuer(self) -> None:
        assert ids(sent(PERSON)) == ("H123", SOURCE)

    def test_or_prefixed_with_the_senders_code(self) -> None:
        assert ids(sent(PERSON, IssuerForm.PREFIX)) == ("ZX1H123", SOURCE)

    def test_without_a_valid_nhs_number_the_senders_id_is_used(self) -> None:
        facts = replace(PERSON, other_ids=((INVALID, ISSUER),))
        assert ids(sent(facts, nhs_first=True)) == ("H123", SOURCE)

    @FORMS
    @pytest.mark.parametrize("blank", ["", " ", "\0", " \0 "])
    def test_a_blank_patient_id_needs_a_person(self, form: IssuerForm, blank: str) -> None:
        assert sent(PatientFacts(blank), form, nhs_first=True) is None

    def test_a_blank_patient_id_beside_an_nhs_number_does_not(self) -> None:
        assert ids(sent(replace(PERSON, PatientID=""), nhs_first=True)) == (FIRST, ISSUER)

    @FORMS
    @pytest.mark.parametrize(("patient_id", "accession"), [("*", ""), ("H12?", ""), ("H1\\H2", ""), ("H123", "A*")])
    def test_what_stands_for_others_in_a_question_needs_a_person(
        self, form: IssuerForm, patient_id: str, accession: str
    ) -> None:
        """The destination would be asked for any patient, and confirm the wrong one."""
        assert sent(PatientFacts(patient_id), form, accession) is None

    @FORMS
    @pytest.mark.parametrize(("patient_id", "accession"), [("H1\u202e32", ""), ("H1\n2", ""), ("H123", "A\u202e1")])
    def test_what_nobody_can_read_needs_a_person(self, form: IssuerForm, patient_id: str, accession: str) -> None:
        assert sent(PatientFacts(patient_id), form, accession) is None

    @FORMS
    @pytest.mark.parametrize("nhs_first", [True, False])
    def test_two_nhs_numbers_need_a_person(self, form: IssuerForm, nhs_first: bool) -> None:
        facts = replace(PERSON, other_ids=((FIRST, ISSUER), (SECOND, ISSUER)))
        assert sent(facts, form, nhs_first=nhs_first) is None

    @FORMS
    def test_the_senders_own_code_as_issuer_is_kept(self, form: IssuerForm) -> None:
        assert ids(sent(replace(PERSON, IssuerOfPatientID="ZX1 "), form)) == ids(sent(PERSON, form))

    @FORMS
    @pytest.mark.parametrize("issuer", ["ZX2", "ZX9", "PAS", "ZX10"])
    def test_another_issuer_needs_a_person(self, form: IssuerForm, issuer: str) -> None:
        """It may be the destination, or be called as something is at the destination, or own the same H123."""
        assert sent(replace(PERSON, IssuerOfPatientID=issuer), form) is None

    @FORMS
    def test_another_issuer_beside_an_nhs_number_does_not(self, form: IssuerForm) -> None:
        assert ids(sent(replace(PERSON, IssuerOfPatientID="ZX9"), form, nhs_first=True)) == (FIRST, ISSUER)

    @pytest.mark.parametrize("nhs_first", [True, False])
    def test_an_nhs_number_as_patient_id_is_sent_as_ten_digits(self, nhs_first: bool) -> None:
        assert ids(sent(PatientFacts("999 000 0018", "nhs"), nhs_first=nhs_first)) == (FIRST, ISSUER)

    @FORMS
    @pytest.mark.parametrize("issuer", [ISSUER, OID])
    @pytest.mark.parametrize("nhs_first", [True, False])
    def test_an_invalid_number_never_goes_out_as_an_nhs_number(
        self, form: IssuerForm, issuer: str, nhs_first: bool
    ) -> None:
        assert sent(PatientFacts(INVALID, issuer), form, nhs_first=nhs_first) is None

    @FORMS
    def test_padding_is_not_part_of_an_id(self, form: IssuerForm) -> None:
        assert ids(sent(replace(PERSON, PatientID=" H123\0"), form)) == ids(sent(PERSON, form))

    @FORMS
    def test_two_patient_ids_in_one_element_need_a_person(self, form: IssuerForm) -> None:
        assert sent(PatientFacts("H123\\H124"), form) is None

    def test_a_prefixed_id_of_64_characters_fits_and_one_of_65_needs_a_person(self) -> None:
        longest = "9" * (LONG_STRING - len(SOURCE))
        fits = sent(PatientFacts(longest), IssuerForm.PREFIX)
        assert fits is not None
        assert len(fits.PatientID) == LONG_STRING
        assert sent(PatientFacts(longest + "9"), IssuerForm.PREFIX) is None

    def test_an_id_longer_than_its_element_needs_a_person(self) -> None:
        assert ids(sent(PatientFacts("9" * LONG_STRING))) == ("9" * LONG_STRING, SOURCE)
        assert sent(PatientFacts("9" * (LONG_STRING + 1))) is None


class TestAccession:
    def test_carries_its_issuer(self) -> None:
        identity = sent(PERSON, accession="A77")
        assert identity is not None
        assert (identity.AccessionNumber, identity.accession_issuer) == ("A77", SOURCE)

    @pytest.mark.parametrize("blank", ["", " ", "\0"])
    def test_a_blank_one_has_no_issuer(self, blank: str) -> None:
        identity = sent(PERSON, accession=blank)
        assert identity is not None
        assert (identity.AccessionNumber, identity.accession_issuer) == ("", "")

    @pytest.mark.parametrize("nhs_first", [True, False])
    def test_is_prefixed_where_the_destination_reads_no_issuer(self, nhs_first: bool) -> None:
        identity = sent(PERSON, IssuerForm.PREFIX, "A77", nhs_first=nhs_first)
        assert identity is not None
        assert (identity.AccessionNumber, identity.accession_issuer) == ("ZX1A77", SOURCE)

    def test_is_never_truncated(self) -> None:
        longest = "7" * (SHORT_STRING - len(SOURCE))
        assert sent(PERSON, IssuerForm.PREFIX, longest) is not None
        assert sent(PERSON, IssuerForm.PREFIX, longest + "7") is None


class TestLocal:
    def test_what_a_person_enters_belongs_to_the_destination(self) -> None:
        identity = local(" L9 ", "B5 ", "ZX2")
        assert ids(identity) == ("L9", "ZX2")
        assert (identity.AccessionNumber, identity.accession_issuer) == ("B5", "ZX2")

    def test_a_blank_accession_has_no_issuer(self) -> None:
        assert local("L9", " ", "ZX2").accession_issuer == ""


ISSUERS = st.sampled_from(["", "ZX1", "ZX2", "ZX9", "PAS", ISSUER, OID, "nhs"])
PATIENT_IDS = st.one_of(st.sampled_from([FIRST, "999 000 0026", INVALID, "H123"]), st.text(max_size=70))
FACTS = st.builds(
    PatientFacts, PATIENT_IDS, ISSUERS, other_ids=st.lists(st.tuples(PATIENT_IDS, ISSUERS), max_size=3).map(tuple)
)


@given(FACTS, st.text(max_size=20), st.sampled_from(IssuerForm), st.booleans(), st.booleans())
def test_what_goes_out_by_itself_is_a_valid_nhs_number_or_the_senders_own(
    facts: PatientFacts, accession: str, form: IssuerForm, nhs_first: bool, may_be_nhs: bool
) -> None:
    identity = sent(facts, form, accession, nhs_first=nhs_first, may_be_nhs=may_be_nhs)
    if identity is None:
        return
    assert identity.PatientID == identity.PatientID.strip() != ""
    assert len(identity.PatientID) <= LONG_STRING
    if identity.IssuerOfPatientID == ISSUER:
        assert parse_nhs_number(identity.PatientID) == identity.PatientID
    else:
        assert identity.IssuerOfPatientID == SOURCE
    assert bool(identity.AccessionNumber) == bool(identity.accession_issuer)
    assert identity.accession_issuer in ("", SOURCE)
    if form is IssuerForm.PREFIX:
        assert identity.IssuerOfPatientID == ISSUER or identity.PatientID.startswith(SOURCE)
        assert identity.AccessionNumber == "" or identity.AccessionNumber.startswith(SOURCE)


@given(FACTS, FACTS, st.sampled_from(IssuerForm))
def test_two_ids_of_one_sender_never_become_one(a: PatientFacts, b: PatientFacts, form: IssuerForm) -> None:
    first, second = sent(a, form), sent(b, form)
    if first and second and first.IssuerOfPatientID == second.IssuerOfPatientID == SOURCE:
        same = a.PatientID.replace("\0", " ").strip() == b.PatientID.replace("\0", " ").strip()
        assert (first.PatientID == second.PatientID) == same


@given(st.lists(FACTS, max_size=4), st.booleans())
def test_disagreement_does_not_depend_on_the_order(headers: list[PatientFacts], may_be_nhs: bool) -> None:
    said = disagreement(headers, patient_id_may_be_nhs=may_be_nhs)
    assert disagreement(headers[::-1], patient_id_may_be_nhs=may_be_nhs) == said
    assert disagreement(headers * 2, patient_id_may_be_nhs=may_be_nhs) == said
