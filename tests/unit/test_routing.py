"""Routing never guesses: one certain and permitted destination, or held with the reason."""

from __future__ import annotations

import pytest

from models.domain.routing import (
    CALLED_AE_TITLE,
    PRIVATE_ROUTE,
    STANDARD_RULES,
    Directory,
    Evidence,
    HeldReason,
    Mode,
    Routed,
    Rule,
    RuleSet,
    Unrouted,
    route,
)
from tests.unit.routes import DIRECTORY, EVERY_RULE, FOLLOWING, ORGANISATIONS, comments, verdict


class TestAcceptance:
    def test_a_token_in_lower_case_with_a_semicolon_names_a_site(self) -> None:
        assert verdict(comments("IEP:zx201;")) == "ZX2"

    def test_a_token_word_in_prose_names_nothing(self) -> None:
        assert verdict(comments("see IEP: 4pm")) == HeldReason.NO_ROUTE

    def test_an_institution_name_that_looks_like_a_code_names_nothing(self) -> None:
        assert verdict({"InstitutionName": "LEEDS"}, rules=EVERY_RULE) == HeldReason.NO_ROUTE

    def test_called_ae_title_against_header_is_a_conflict(self) -> None:
        assert verdict({CALLED_AE_TITLE: "IEP_ZX2", "StudyComments": "IEP:ZX3"}) == HeldReason.CONFLICT

    def test_a_closed_code_is_held_though_it_has_a_successor(self) -> None:
        assert verdict(comments("IEP:ZX6")) == HeldReason.CLOSED

    def test_a_second_image_with_a_different_code_holds_the_whole_study(self) -> None:
        assert verdict(comments("IEP:ZX2"), comments("IEP:ZX3")) == HeldReason.CONFLICT

    def test_the_code_of_the_sender_itself_is_a_loop(self) -> None:
        assert verdict(comments("IEP:ZX1")) == HeldReason.LOOP

    def test_lower_case(self) -> None:
        assert verdict({PRIVATE_ROUTE: "zx2"}) == "ZX2"

    @pytest.mark.parametrize("padding", ["\0", " ", " \0", "\0\0", "   "])
    def test_trailing_nul_or_space(self, padding: str) -> None:
        assert verdict({PRIVATE_ROUTE: "ZX2" + padding}) == "ZX2"
        assert verdict(comments("IEP:ZX2" + padding)) == "ZX2"
        assert verdict({CALLED_AE_TITLE: "IEP_ZX2" + padding}) == "ZX2"

    def test_multi_valued_with_one_code(self) -> None:
        assert verdict({PRIVATE_ROUTE: "ZX2\\ZX2\\"}) == "ZX2"

    def test_multi_valued_with_two_codes(self) -> None:
        assert verdict({PRIVATE_ROUTE: "ZX2\\ZX3"}) == HeldReason.CONFLICT


class TestOrganisations:
    def test_a_successor_is_followed_only_where_the_rules_say_so(self) -> None:
        found = route(FOLLOWING, [comments("IEP:ZX6")], DIRECTORY, "ZX1")
        assert isinstance(found, Routed)
        assert found.destination == "ZX3"
        assert "ZX6 is closed" in found.basis

    def test_a_successor_without_a_worklist_leads_to_its_parent(self) -> None:
        assert verdict(comments("IEP:ZX7"), rules=FOLLOWING) == "ZX2"

    def test_a_successor_that_is_closed_itself_is_not_followed_further(self) -> None:
        assert verdict(comments("IEP:ZX8"), rules=FOLLOWING) == HeldReason.CLOSED
        assert verdict(comments("IEP:ZX204"), rules=FOLLOWING) == HeldReason.CLOSED

    def test_a_successor_that_is_the_sender_is_a_loop(self) -> None:
        assert verdict(comments("IEP:ZX9"), rules=FOLLOWING) == HeldReason.LOOP

    def test_the_fall_back_to_a_parent_is_recorded(self) -> None:
        found = route(STANDARD_RULES, [comments("IEP:ZX201")], DIRECTORY, "ZX1")
        assert isinstance(found, Routed)
        assert "ZX201 has no worklist" in found.basis

    def test_a_parent_that_is_closed_receives_nothing(self) -> None:
        assert verdict(comments("IEP:ZX601")) == HeldReason.CLOSED
        assert verdict(comments("IEP:ZX601"), rules=FOLLOWING) == HeldReason.CLOSED

    def test_neither_site_nor_parent_has_a_worklist(self) -> None:
        assert verdict(comments("IEP:ZX401")) == HeldReason.NO_WORKLIST
        assert verdict(comments("IEP:ZX4")) == HeldReason.NO_WORKLIST

    def test_a_site_and_its_parent_are_two_codes(self) -> None:
        assert verdict(comments("IEP:ZX201"), comments("IEP:ZX2")) == HeldReason.CONFLICT

    def test_a_site_with_its_own_worklist_does_not_borrow_its_parents_agreement(self) -> None:
        assert verdict(comments("IEP:ZX202")) == HeldReason.NO_AGREEMENT

    def test_without_an_agreement_nothing_goes(self) -> None:
        assert verdict(comments("IEP:ZX5")) == HeldReason.NO_AGREEMENT

    def test_a_site_of_the_sender_that_leads_back_to_the_sender_is_a_loop(self) -> None:
        assert verdict(comments("IEP:ZX101")) == HeldReason.LOOP

    def test_a_site_that_names_itself_does_not_reach_its_parent(self) -> None:
        assert verdict(comments("IEP:ZX201"), source="ZX201") == HeldReason.LOOP

    def test_an_agreement_has_a_direction(self) -> None:
        one_way = Directory(ORGANISATIONS, frozenset({("ZX2", "ZX1")}))
        found = route(STANDARD_RULES, [comments("IEP:ZX2")], one_way, "ZX1")
        assert isinstance(found, Unrouted)
        assert found.reason is HeldReason.NO_AGREEMENT


CERTAIN = [
    "IEP:ZX2",
    "IEP=ZX2",
    "dest: zx2",
    "ROUTE:ZX2",
    "IEP : ZX2",
    "CT chest, IEP:ZX2, urgent",
    "(IEP:ZX2)",
    "[DEST=ZX2]",
    "Please see IEP:ZX2.",
    "CT\r\nIEP:ZX2\r\nurgent",
    "IEP:ZX2;urgent",
    "IEP:ZX2 IEP:zx2",
    "IEP:ZX2\\DEST=ZX2",
    "chest/IEP:ZX2",
]
UNCERTAIN = {
    "code inside a word": "IEP:ZX2NDLINE",
    "token word inside a word": "XIEP:ZX2",
    "token word after an underscore": "NO_IEP:ZX2",
    "token word after a letter with an accent": "ÉIEP:ZX2",
    "no separator": "IEP ZX2",
    "no token word": "ZX2",
    "ten characters": "IEP:ZX20000000",
    "twenty characters": "IEP:" + "ZX2" * 7,
    "code with a hyphen": "IEP:ZX2-01",
    "code with a point": "IEP:ZX2.01",
    "code with a slash": "IEP:ZX2/ZX3",
    "code with a comma and another": "IEP:ZX2,ZX3",
    "code with an underscore": "IEP:ZX2_TEST",
    "code then a question mark": "IEP:ZX2?",
    "code then a caret": "IEP:ZX2^ZX3",
    "code then an accent": "IEP:ZX2é",
    "code then a combining accent": "IEP:ZX2\N{COMBINING ACUTE ACCENT}",
    "code then a zero width space": "IEP:ZX2\N{ZERO WIDTH SPACE}01",
    "code then a soft hyphen": "IEP:ZX2\N{SOFT HYPHEN}01",
    "fullwidth digit": "IEP:ZX２",
    "fullwidth code": "IEP:ＺＸ２",
    "fullwidth colon": "IEP：ZX2",
    "Arabic-Indic digit": "IEP:ZX٢",
    "superscript digit": "IEP:ZX²",
    "Cyrillic letter": "IEP:Z\N{CYRILLIC CAPITAL LETTER HA}2",
    "Greek letter": "IEP:\N{GREEK CAPITAL LETTER ZETA}X2",
    "dotless i in the token word": "\N{LATIN SMALL LETTER DOTLESS I}ep:ZX2",
    "sharp s that upper() doubles": "IEP:ß",
    "ligature that upper() takes apart": "IEP:\N{LATIN SMALL LIGATURE FI}",
    "letters that upper() makes ASCII": "IEP:\N{LATIN SMALL LETTER DOTLESS I}\N{LATIN SMALL LETTER LONG S}",
    "NUL inside the code": "IEP:Z\0X2",
    "blank inside the code": "IEP:Z X2",
    "value separator inside the token": "IEP:\\ZX2",
    "the letter O for a nought": "IEP:ZX2O1",
    "nothing after the separator": "IEP:",
    "empty": "",
}


CLINICAL = ["ROUTE: ORAL", "ROUTE: IV", "Route: FI, 1 litre", "route=IS", "ROUTE: SS;", "ROUTE:\nFI"]


class TestTokens:
    @pytest.mark.parametrize("text", CERTAIN)
    def test_certain(self, text: str) -> None:
        assert verdict(comments(text)) == "ZX2"

    @pytest.mark.parametrize("text", UNCERTAIN.values(), ids=UNCERTAIN)
    def test_uncertain_is_held(self, text: str) -> None:
        assert verdict(comments(text)) == HeldReason.NO_ROUTE

    @pytest.mark.parametrize("text", CLINICAL)
    def test_a_clinical_route_is_no_code(self, text: str) -> None:
        """Neither one that no Institution is called by, nor one that happens to be an Institution's code."""
        assert verdict(comments(text)) == HeldReason.NO_ROUTE
        assert verdict(comments(f"{text} IEP:ZX2")) == "ZX2"
        assert verdict(comments(text), {CALLED_AE_TITLE: "IEP_ZX2"}) == "ZX2"

    @pytest.mark.parametrize("text", ["IEP:ZX2 DEST=ZX3", "DEST=ZX3 IEP:ZX2", "IEP:ZX2;DEST=ZX3;", "IEP:ZX2\nIEP:ZX3"])
    def test_two_tokens_in_one_value_are_a_conflict(self, text: str) -> None:
        assert verdict(comments(text)) == HeldReason.CONFLICT


BARE_UNCERTAIN = {
    key: text.removeprefix("IEP:").removeprefix("iep:")
    for key, text in UNCERTAIN.items()
    if text.startswith("IEP:") and "\\" not in text
}


class TestBare:
    @pytest.mark.parametrize("text", BARE_UNCERTAIN.values(), ids=BARE_UNCERTAIN)
    def test_uncertain_is_held(self, text: str) -> None:
        assert verdict({PRIVATE_ROUTE: text}) == HeldReason.NO_ROUTE

    @pytest.mark.parametrize("text", ["ZX2 ZX3", "ZX2,ZX3", "ZX2;", "IEP:ZX2", "ZX2\0ZX3"])
    def test_the_whole_value_is_the_code(self, text: str) -> None:
        assert verdict({PRIVATE_ROUTE: text}) == HeldReason.NO_ROUTE

    def test_the_coded_institution_of_an_intended_recipient_is_a_code(self) -> None:
        assert verdict({"NamesOfIntendedRecipientsOfResults": "ZX2\\ZX2"}) == "ZX2"
        assert verdict({"NamesOfIntendedRecipientsOfResults": "ZX2\\ZX3"}) == HeldReason.CONFLICT


class TestCalledAETitle:
    @pytest.mark.parametrize("title", ["IEP_ZX2", "iep_zx2", " IEP_ZX2 "])
    def test_certain(self, title: str) -> None:
        assert verdict({CALLED_AE_TITLE: title}) == "ZX2"

    @pytest.mark.parametrize(
        "title", ["IEP", "IEP_", "ZX2", "XIEP_ZX2", "IEP_ZX2_B", "IEP_ZX2 B", "IEP-ZX2", "IEP:ZX2"]
    )
    def test_anything_else_names_nothing(self, title: str) -> None:
        assert verdict({CALLED_AE_TITLE: title}) == HeldReason.NO_ROUTE


class TestMap:
    RULES = RuleSet(1, (Rule("by-name", "StationName", Mode.MAP, table=(("Ward ß 1", "ZX2"), ("", "ZX3"))),))

    @pytest.mark.parametrize("value", ["Ward ß 1", "WARD ß 1 ", "other\\Ward ß 1"])
    def test_a_listed_value_gives_its_code(self, value: str) -> None:
        assert verdict({"StationName": value}, rules=self.RULES) == "ZX2"

    @pytest.mark.parametrize("value", ["WARD SS 1", "Ward ß", "ZX2", "", " ", "\0"])
    def test_anything_else_names_nothing_and_no_table_has_a_default(self, value: str) -> None:
        assert verdict({"StationName": value}, rules=self.RULES) == HeldReason.NO_ROUTE


class TestRules:
    def test_a_disabled_rule_is_not_read(self) -> None:
        assert verdict({"InstitutionName": "ZX3"}) == HeldReason.NO_ROUTE
        assert verdict({"InstitutionName": "ZX3"}, rules=EVERY_RULE) == "ZX3"

    def test_the_sources_own_institution_is_not_read_as_a_destination(self) -> None:
        own = ("InstitutionName", "InstitutionalDepartmentName", "ImagingServiceRequestComments")
        assert not {rule.source for rule in STANDARD_RULES.rules if rule.enabled} & set(own)

    def test_no_rule_reads_an_identity(self) -> None:
        never = {"PatientID", "PatientName", "PatientComments", "AccessionNumber", "IssuerOfPatientID"}
        assert not {rule.source for rule in STANDARD_RULES.rules} & never

    def test_the_first_rule_of_the_chain_is_the_basis_whichever_header_comes_first(self) -> None:
        headers: list[Evidence] = [comments("IEP:ZX2"), {CALLED_AE_TITLE: "IEP_ZX2"}]
        for order in (headers, headers[::-1]):
            found = route(STANDARD_RULES, order, DIRECTORY, "ZX1")
            assert isinstance(found, Routed)
            assert found.rule_id == "called-ae-title"

    def test_no_header_at_all(self) -> None:
        assert verdict() == HeldReason.NO_ROUTE

    def test_images_that_name_none_do_not_disturb_those_that_do(self) -> None:
        assert verdict({}, comments("IEP:ZX2"), comments("CT chest")) == "ZX2"
