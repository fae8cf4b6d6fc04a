"""What must hold for every lifecycle table, and the sentences that speak of its states."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from enum import StrEnum
from typing import Any

import pytest

from models.domain.confirming import COMMITTED, UNCOMMITTED
from models.domain.decisions import RULES
from models.domain.errors import NotAllowed
from models.domain.lifecycle import Lifecycle
from models.domain.lifecycles import LIFECYCLES
from models.domain.lifecycles.delivery import DELIVERY, Event, State
from models.domain.sentences import SENTENCES, Facts, sentence

AnyLifecycle = Lifecycle[Any, Any]
EVERY = pytest.mark.parametrize("lifecycle", LIFECYCLES.values(), ids=LIFECYCLES)
STATES = [(table.name, state) for table in LIFECYCLES.values() for state in table.states]
FACTS = Facts(
    source="Northern Example",
    destination="Royal Example",
    node="ZX2_PACS",
    present=3,
    total=10,
    detail="ZX2_PACS answered A700, out of resources.",
    fault="ZX2_PACS did not answer.",
)


def _events(lifecycle: AnyLifecycle) -> set[StrEnum]:
    kinds: set[type[StrEnum]] = {type(event) for _, event in lifecycle.table}
    return {event for kind in kinds for event in kind}


def _reachable(lifecycle: AnyLifecycle, start: StrEnum) -> set[StrEnum]:
    found, edge = {start}, [start]
    while edge:
        state = edge.pop()
        following = {after for (before, _), after in lifecycle.table.items() if before == state} - found
        found |= following
        edge += following
    return found


@EVERY
def test_is_known_by_its_own_name(lifecycle: AnyLifecycle) -> None:
    assert LIFECYCLES[lifecycle.name] is lifecycle


@EVERY
def test_all_states_are_reachable(lifecycle: AnyLifecycle) -> None:
    assert _reachable(lifecycle, lifecycle.initial) == set(lifecycle.states)


@EVERY
def test_a_state_is_terminal_or_has_a_patience_or_is_parked_and_only_one_of_these(lifecycle: AnyLifecycle) -> None:
    for state in lifecycle.states:
        kinds = [state in lifecycle.terminal, state in lifecycle.patience, state in lifecycle.parked]
        assert sum(kinds) == 1, f"{state}: terminal, patience, parked = {kinds}"


@EVERY
def test_a_patience_is_a_stretch_of_time(lifecycle: AnyLifecycle) -> None:
    assert all(patience > timedelta(0) for patience in lifecycle.patience.values())


@EVERY
def test_nothing_leaves_a_terminal_state(lifecycle: AnyLifecycle) -> None:
    for state in lifecycle.terminal:
        assert lifecycle.events_from(state) == ()
        for event in _events(lifecycle):
            with pytest.raises(NotAllowed):
                lifecycle.after(state, event)


@EVERY
def test_a_lifecycle_that_ends_can_end_from_every_state(lifecycle: AnyLifecycle) -> None:
    for state in lifecycle.states if lifecycle.terminal else ():
        assert _reachable(lifecycle, state) & lifecycle.terminal, f"{state} can never end"


@EVERY
def test_every_event_is_used_and_has_a_meaning(lifecycle: AnyLifecycle) -> None:
    assert {event for _, event in lifecycle.table} == _events(lifecycle) == set(lifecycle.meanings)
    for meaning in lifecycle.meanings.values():
        assert meaning.who.strip()
        assert meaning.effect.endswith(".")


@EVERY
def test_states_and_events_read_as_words(lifecycle: AnyLifecycle) -> None:
    for word in (*lifecycle.states, *_events(lifecycle)):
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", word.value)


@EVERY
def test_the_table_is_followed_and_every_other_step_refused(lifecycle: AnyLifecycle) -> None:
    for state in lifecycle.states:
        for event in _events(lifecycle):
            if event in lifecycle.events_from(state):
                assert lifecycle.after(state, event) == lifecycle.table[state, event]
            else:
                with pytest.raises(NotAllowed, match=rf"^This {lifecycle.name} is {state.value};"):
                    lifecycle.after(state, event)


def test_what_the_exchange_alone_may_cause_is_offered_to_nobody() -> None:
    offered = {(rule.lifecycle, rule.event) for rule in RULES.values()}
    for lifecycle in LIFECYCLES.values():
        for event, meaning in lifecycle.meanings.items():
            assert meaning.who != "the exchange" or (lifecycle.name, event) not in offered


def test_a_delivery_is_withdrawn_wherever_something_may_still_be_sent_or_seen() -> None:
    # What was sent whole was routed for good.
    assert {state for state in DELIVERY.unfinished if (state, Event.WITHDRAWN) not in DELIVERY.table} == {State.SENT}


def test_only_a_node_never_ends() -> None:
    assert [name for name, lifecycle in LIFECYCLES.items() if not lifecycle.terminal] == ["node"]


def test_every_state_has_a_sentence_and_no_sentence_is_without_its_state() -> None:
    assert set(SENTENCES) == set(STATES)


@pytest.mark.parametrize(("lifecycle", "state"), STATES)
@pytest.mark.parametrize(
    "facts",
    [
        FACTS,
        replace(FACTS, fault=""),
        replace(FACTS, detail=""),
        replace(FACTS, detail="No route is known", fault="It did not answer "),
        replace(FACTS, present=1, total=1),
        replace(FACTS, fault="", node_is_away=True),
        replace(FACTS, down_for="planned work", down_until="06:00"),
    ],
    ids=["all", "no fault", "no detail", "no full stops", "one image", "away", "in downtime"],
)
def test_a_sentence_is_one_or_two_plain_sentences(lifecycle: str, state: StrEnum, facts: Facts) -> None:
    said = sentence(lifecycle, state, facts)
    assert re.fullmatch(r"[A-Z0-9].*\.", said), said
    assert "  " not in said, said
    assert ".." not in said, said
    assert "1 images" not in said, said
    assert not re.search(r"None|[{}<>]", said), said
    assert 1 <= len(re.findall(r"\.(?= |$)", said)) <= 2, said


@pytest.mark.parametrize(
    ("state", "one", "several"),
    [
        (State.ON_WORKLIST, "1 image on ZX2's worklist; its PACS officer releases it.", "releases them."),
        (State.SENT, "PACS accepted the one image; it is being asked whether it has it.", "accepted all 2 images"),
        (State.CONFIRMED, "Confirmed: 1 of 1 is in PACS, by its own answer.", "Confirmed: 2 of 2 are in PACS"),
        (State.UNVERIFIABLE, "PACS accepted the one image but cannot be asked.", "accepted all 2 images but"),
    ],
)
def test_one_image_is_spoken_of_as_one(state: StrEnum, one: str, several: str) -> None:
    for count, words in ((1, one), (2, several)):
        assert words in sentence("delivery", state, Facts(destination="ZX2", node="PACS", present=count, total=count))


@pytest.mark.parametrize("by", ["by P Officer (ZX2) at 14:05: they are on film", ""])
def test_what_was_left_out_is_said_wherever_the_rest_is(by: str) -> None:
    facts = Facts(node="PACS", present=179, total=180, left_out=1, left_out_by=by)
    out = f"1 was left out {by}".rstrip()
    for state, said in (
        (State.SENT, f"PACS accepted 179 of 180 images; it is being asked whether it has them; {out}."),
        (State.CONFIRMED_IN_PART, f"Confirmed in part: 179 of 180 are in PACS, by its own answer; {out}."),
        (State.UNVERIFIABLE, f"Sent, not verifiable: PACS accepted 179 of 180 images but cannot be asked; {out}."),
    ):
        assert sentence("delivery", state, facts) == said


def test_whose_word_it_is_is_said() -> None:
    facts = Facts(node="PACS", present=9, total=9)
    for state, detail, said in (
        (
            State.CONFIRMED,
            COMMITTED,
            "Confirmed: 9 of 9 are in PACS, by its storage commitment; identity not compared.",
        ),
        (
            State.UNVERIFIABLE,
            UNCOMMITTED,
            "Sent, not verifiable: PACS accepted all 9 images and has not committed to them.",
        ),
    ):
        assert sentence("delivery", state, replace(facts, detail=detail)) == said
        assert sentence("delivery", state, replace(facts, detail=f"{detail} And more.")) == f"{said} And more."


def test_a_request_whose_study_came_in_part_says_so() -> None:
    facts = Facts(source="ZX2", destination="ZX3", present=1, total=1, in_part=1)
    assert sentence("request", _state("request", "fulfilled"), facts) == (
        "Fulfilled: 1 of 1 study delivered to ZX3, 1 of them without images that were left out, as its page says."
    )


def test_a_transfer_whose_study_is_held_is_not_under_way() -> None:
    facts = Facts(source="ZX1", destination="ZX2", node="ZX1_PACS", total=9, studies=2, held=1)
    came = "9 images of 2 studies came from ZX1_PACS; 1 held at ZX1, its PACS officer decides"
    assert sentence("transfer", _state("transfer", "delivering"), facts) == f"{came}."
    assert sentence("transfer", _state("transfer", "delivering"), replace(facts, on_worklist=1)) == (
        f"{came}; 1 on ZX2's worklist, its PACS officer releases it."
    )


REQUESTED = {
    "1 study and its report": Facts(total=1, reports=1, paired=True),
    "2 studies and their reports": Facts(total=2, reports=2, paired=True),
    "2 studies and 1 report": Facts(total=2, reports=1),
    "1 report": Facts(reports=1),
    "2 reports": Facts(reports=2),
    "1 study": Facts(total=1),
}


@pytest.mark.parametrize("words", REQUESTED)
def test_what_is_asked_for_is_said_as_what_it_is(words: str) -> None:
    facts = replace(REQUESTED[words], source="ZX2", destination="ZX3")
    for state, said in (
        ("placed", f"ZX3 asks ZX2 for {words}; ZX2 is being told."),
        ("awaiting-source", f"ZX3 asks ZX2 for {words}. ZX2's PACS officer accepts"),
        ("awaiting-study", f"ZX2 has accepted and sends {words} from its PACS."),
    ):
        assert sentence("request", _state("request", state), facts).startswith(said)


@pytest.mark.parametrize(
    ("facts", "came"),
    [
        (Facts(present=1, total=2), "1 of 2 studies"),
        (Facts(present=1, total=1, reports=1, paired=True), "1 of 1 study and 0 of 1 report"),
        (Facts(present=1, total=1, reports_present=1, reports=2), "1 of 1 study and 1 of 2 reports"),
        (Facts(reports_present=1, reports=1), "1 of 1 report"),
    ],
)
def test_what_came_is_counted_as_what_it_is(facts: Facts, came: str) -> None:
    for state, said in (
        ("partly-answered", f"{came} answered; ZX2 still owes the rest."),
        ("answered", f"{came} came from ZX2; delivery to ZX3 is under way."),
        ("fulfilled", f"Fulfilled: {came} delivered to ZX3."),
    ):
        assert sentence("request", _state("request", state), replace(facts, source="ZX2", destination="ZX3")) == said


def _state(lifecycle: str, value: str) -> Any:
    return next(one for one in LIFECYCLES[lifecycle].states if one.value == value)


@pytest.mark.parametrize(
    ("lifecycle", "state", "said"),
    [
        ("request", "awaiting-requester", "ZX1 asks ZX2 back. The requester answers."),
        ("request", "declined", "Declined by ZX1. Nothing is sent."),
        ("request", "withdrawn", "Withdrawn by ZX2. Nothing more is awaited."),
        ("arrival", "held", "Held. ZX1's PACS officer decides."),
        ("delivery", "refused", "Refused by ZX2. Nothing was sent."),
    ],
)
def test_without_the_reason_that_somebody_typed_it_is_whole_all_the_same(lifecycle: str, state: str, said: str) -> None:
    """As it stands in a mail."""
    at = next(one for one in LIFECYCLES[lifecycle].states if one.value == state)
    assert sentence(lifecycle, at, Facts(source="ZX1", destination="ZX2")) == said
