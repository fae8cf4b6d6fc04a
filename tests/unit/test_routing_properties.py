"""What no header, no rule set and no agreement can make of routing."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from models.domain.routing import PRIVATE_ROUTE, Directory, Evidence, HeldReason, Routed, RuleSet, Unrouted, route
from tests.unit.routes import DIRECTORY, EVERY_RULE, ODS_CODES, ORGANISATIONS, comments, verdict

SOURCES = [rule.source for rule in EVERY_RULE.rules]
CODES = st.sampled_from(ODS_CODES)
VALUES = st.one_of(
    st.builds(str.format, st.sampled_from(["{}", "IEP:{}", "dest={};", "IEP_{}", "see {} "]), CODES),
    st.lists(CODES, max_size=3).map("\\".join),
    st.text(max_size=12),
)
HEADERS = st.lists(st.dictionaries(st.sampled_from(SOURCES), VALUES, max_size=3), max_size=4)
RULES = st.builds(
    lambda on, follow: RuleSet(
        1, tuple(replace(rule, enabled=flag) for rule, flag in zip(EVERY_RULE.rules, on, strict=True)), follow
    ),
    st.lists(st.booleans(), min_size=len(SOURCES), max_size=len(SOURCES)),
    st.booleans(),
)
AGREEMENTS = st.frozensets(st.tuples(CODES, CODES), max_size=60)
UNKNOWN = st.from_regex(r"\AQ[A-Z0-9]{0,8}\Z")


@given(RULES, HEADERS, CODES, st.randoms(use_true_random=False))
def test_the_order_of_headers_does_not_matter(
    rules: RuleSet, headers: list[Evidence], source: str, shuffle: Random
) -> None:
    shuffled = list(headers)
    shuffle.shuffle(shuffled)
    assert route(rules, headers, DIRECTORY, source) == route(rules, shuffled, DIRECTORY, source)


@given(RULES, HEADERS, CODES)
def test_repeating_a_header_does_not_matter(rules: RuleSet, headers: list[Evidence], source: str) -> None:
    assert route(rules, headers, DIRECTORY, source) == route(rules, headers * 2, DIRECTORY, source)


@given(RULES, HEADERS, CODES, UNKNOWN, st.sampled_from(SOURCES), st.sampled_from(["{}", "IEP:{}", "IEP_{}"]))
def test_an_unknown_code_in_a_further_header_never_changes_the_verdict(
    rules: RuleSet, headers: list[Evidence], source: str, unknown: str, place: str, form: str
) -> None:
    further = [*headers, {place: form.format(unknown)}]
    assert route(rules, further, DIRECTORY, source) == route(rules, headers, DIRECTORY, source)


@given(CODES, UNKNOWN, st.booleans())
def test_an_unknown_code_in_the_same_value_never_changes_the_verdict(code: str, unknown: str, before: bool) -> None:
    tokens = [f"IEP:{unknown}", f"IEP:{code}"] if before else [f"IEP:{code}", f"IEP:{unknown}"]
    assert verdict(comments(" ".join(tokens))) == verdict(comments(f"IEP:{code}"))


@given(RULES, HEADERS, CODES, AGREEMENTS)
def test_what_is_routed_is_permitted_open_and_not_the_sender(
    rules: RuleSet, headers: list[Evidence], source: str, agreements: frozenset[tuple[str, str]]
) -> None:
    found = route(rules, headers, Directory(ORGANISATIONS, agreements), source)
    if isinstance(found, Routed):
        assert (source, found.destination) in agreements
        assert found.destination != source
        assert ORGANISATIONS[found.destination].has_worklist
        assert not ORGANISATIONS[found.destination].closed
        assert found.rule_id in {rule.id for rule in rules.rules if rule.enabled}


@given(RULES, HEADERS, CODES)
def test_without_agreements_nothing_is_routed(rules: RuleSet, headers: list[Evidence], source: str) -> None:
    assert isinstance(route(rules, headers, Directory(ORGANISATIONS, frozenset()), source), Unrouted)


@given(RULES, HEADERS, CODES, CODES)
def test_a_further_known_code_never_moves_a_study_elsewhere(
    rules: RuleSet, headers: list[Evidence], source: str, code: str
) -> None:
    before = route(rules, headers, DIRECTORY, source)
    after = route(rules, [*headers, {PRIVATE_ROUTE: code}], DIRECTORY, source)
    if isinstance(before, Routed) and isinstance(after, Routed):
        assert after.destination == before.destination


@given(st.text(max_size=30), st.sampled_from(SOURCES))
def test_only_ascii_can_name_a_destination(text: str, place: str) -> None:
    foreign = "".join(letter for letter in text if not letter.isascii())
    assert verdict({place: foreign}, rules=EVERY_RULE) == HeldReason.NO_ROUTE
    assert verdict({place: f"IEP:ZX2{foreign.strip()}"}, rules=EVERY_RULE) in ("ZX2", HeldReason.NO_ROUTE)


@given(HEADERS, CODES)
def test_every_reason_is_a_sentence_that_quotes_nothing_but_codes(headers: list[Evidence], source: str) -> None:
    found = route(EVERY_RULE, headers, DIRECTORY, source)
    if isinstance(found, Unrouted):
        assert found.detail.endswith(".")
        assert found.detail.isascii()
