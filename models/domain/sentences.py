"""One sentence says where a transaction is, whose move it is, and what happens next by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from models.domain.confirming import being_asked, by_its_word, in_vain
from models.domain.held_words import closed
from models.domain.lifecycles import LIFECYCLES, arrival, commitment, delivery, node, request, transfer


@dataclass(frozen=True)
class Facts:
    """Counts and names that a sentence may use; none is patient detail.

    `present` of `total` are images, of a transfer those of its `studies`. Of a request they are studies; beside them,
    or alone, it may ask for `reports`, which are `paired` with the studies where each has one and none lacks it.
    """

    source: str = ""
    destination: str = ""
    node: str = ""
    present: int = 0
    total: int = 0
    studies: int = 0
    reports_present: int = 0
    reports: int = 0
    paired: bool = False
    left_out: int = 0
    left_out_by: str = ""
    """How many of the images a person has decided not to send; by whom, when and why."""
    detail: str = ""
    fault: str = ""
    node_is_away: bool = False
    down_for: str = ""
    down_until: str = ""
    """What the Node's planned downtime is for, and the clock time of its end."""
    since: str = ""
    then: str = ""
    """A clock time as the reader's Institution reads it: when the state began, and when the exchange acts by itself."""
    on_worklist: int = 0
    stopped: int = 0
    lost: int = 0
    possible: int = 0
    in_part: int = 0
    held: int = 0
    """Of what came in answer to a request: studies that wait for a release, for a decision, or did not get there;
    those of which a person has yet to say whether they answer it; those that got there without what was left out.
    Of a transfer also those that are held at its source."""
    in_conflict: bool = False
    """Whether the images of a held study cannot be about one person: then it is not assigned."""


Say = Callable[[Facts], str]
A, C, D, N, R = arrival.State, commitment.State, delivery.State, node.State, request.State
T = transfer.State


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"


def _them(count: int) -> str:
    return "it" if count == 1 else "them"


def _all(count: int) -> str:
    return "the one image" if count == 1 else f"all {count} images"


def _accepted(f: Facts) -> tuple[str, str]:
    """What was accepted, and a word for it: like "all 180 images", "them"."""
    if not f.left_out:
        return _all(f.total), _them(f.total)
    return f"{f.total - f.left_out} of {_images(f.total)}", _them(f.total - f.left_out)


def _without(f: Facts) -> str:
    """Like "1 was left out by P Officer (ZX2) on 3 May at 14:05: they have the film"; empty where nothing was."""
    if not f.left_out:
        return ""
    return f"; {f.left_out} {'was' if f.left_out == 1 else 'were'} left out {f.left_out_by}".rstrip()


def _in_part(f: Facts) -> str:
    return f", {f.in_part} of them without images that were left out, as its page says" if f.in_part else ""


def _are(present: int, total: int) -> str:
    return f"{present} of {total} {'is' if present == 1 else 'are'}"


def _studies(count: int) -> str:
    return "1 study" if count == 1 else f"{count} studies"


def _reports(count: int) -> str:
    return "1 report" if count == 1 else f"{count} reports"


def asked(f: Facts) -> str:
    """Like "1 study and its report": what a request asks for."""
    if not f.reports:
        return _studies(f.total)
    if not f.total:
        return _reports(f.reports)
    theirs = "its report" if f.total == 1 else "their reports"
    return f"{_studies(f.total)} and {theirs if f.paired else _reports(f.reports)}"


def _came(f: Facts) -> str:
    """Like "1 of 1 study and 0 of 1 report"."""
    reports = f"{f.reports_present} of {_reports(f.reports)}"
    studies = f"{f.present} of {_studies(f.total)}"
    if not f.reports:
        return studies
    return f"{studies} and {reports}" if f.total else reports


def _why(said: str, detail: str) -> str:
    """`said`, with what a person or a Node gave as the reason; mails leave that out."""
    return f"{said}: {detail}" if detail else f"{said}."


def _in_downtime(f: Facts) -> str:
    return f"{f.node} is down for {f.down_for} until {f.down_until}; it goes on by itself then."


def _sending(f: Facts) -> str:
    if f.down_until:
        return f"{f.present} of {f.total} sent. {_in_downtime(f)}"
    if f.fault:
        return f"{f.present} of {f.total} sent to {f.node}: {f.fault}"
    return f"{f.present} of {f.total} sent to {f.node}; nobody needs to act."


def _reminded(f: Facts, unless: str = "it answers") -> str:
    return f"; reminded {f.then} unless {unless}." if f.then else "."


def _owed(f: Facts) -> Facts:
    """Of what was asked for, that which has not come; a request that was answered in part may be asked about again."""
    paired = f.paired and f.present == f.reports_present
    return replace(f, total=f.total - f.present, reports=f.reports - f.reports_present, paired=paired)


def _again(f: Facts) -> str:
    return " again, as what came was refused or abandoned" if f.lost else ""


def _possible(f: Facts) -> str:
    if not f.possible:
        return ""
    may = "1 study that may answer it has" if f.possible == 1 else f"{f.possible} studies that may answer it have"
    return f" {may} come: either side says on its page whether {'it does' if f.possible == 1 else 'they do'}."


def _decides(f: Facts) -> str:
    if f.in_conflict:
        return "refuses it and asks the sender to correct it and send it with new UIDs."
    return "decides."


def _waits(f: Facts) -> str:
    """Whose move it is with what came; empty while the exchange goes on by itself."""
    if f.held:
        rest = _waits(replace(f, held=0))
        return f"{f.held} held at {f.source}, its PACS officer decides{f'; {rest}' if rest else '.'}"
    if f.stopped:
        return f"delivery of {f.stopped} has stopped, a PACS officer of {f.destination} or {f.source} decides."
    if f.on_worklist:
        return f"{f.on_worklist} on {f.destination}'s worklist, its PACS officer releases {_them(f.on_worklist)}."
    return ""


SENTENCES: Mapping[tuple[str, StrEnum], Say] = {
    ("request", R.PLACED): lambda f: f"{f.destination} asks {f.source} for {asked(f)}; {f.source} is being told.",
    ("request", R.AWAITING_SOURCE): lambda f: (
        f"{f.destination} asks {f.source} for {asked(_owed(f))}{_again(f)}. "
        f"{f.source}'s PACS officer accepts, sends, asks back or declines{_reminded(f)}{_possible(f)}"
    ),
    ("request", R.AWAITING_REQUESTER): lambda f: (
        f"{_why(f'{f.source} asks {f.destination} back', f.detail)} The requester answers."
    ),
    ("request", R.AWAITING_STUDY): lambda f: (
        f"{f.source} has accepted and sends {asked(_owed(f))} from its PACS{_reminded(f, 'it comes')}{_possible(f)}"
    ),
    ("request", R.PARTLY_ANSWERED): lambda f: (
        f"{_came(f)} answered; {_waits(f)} {f.source} still owes the rest{_reminded(f, 'it comes')}{_possible(f)}"
    ),
    ("request", R.ANSWERED): lambda f: (
        f"{_came(f)} came from {f.source}; {_waits(f) or f'delivery to {f.destination} is under way.'}"
    ),
    ("request", R.FULFILLED): lambda f: f"Fulfilled: {_came(f)} delivered to {f.destination}{_in_part(f)}.",
    ("request", R.DECLINED): lambda f: f"{_why(f'Declined by {f.source}', f.detail)} Nothing is sent.",
    ("request", R.WITHDRAWN): lambda f: f"{_why(f'Withdrawn by {f.destination}', f.detail)} Nothing more is awaited.",
    ("request", R.EXPIRED): lambda f: f"Expired: it was not sent in time. {f.destination} may ask again, or ring.",
    ("transfer", T.PLACED): lambda f: (
        f"{f.source} sends {_studies(f.studies)} to {f.destination}; {f.node} is being asked which images there are"
        f"{f': {f.fault}' if f.fault else '.'}"
    ),
    ("transfer", T.RETRIEVING): lambda f: (
        f"{f.present} of {_images(f.total)} of {_studies(f.studies)} fetched from {f.node}"
        f"{f': {f.fault}' if f.fault else '; nobody needs to act.'}"
    ),
    ("transfer", T.DELIVERING): lambda f: (
        f"{_images(f.total)} of {_studies(f.studies)} came from {f.node}; "
        f"{_waits(f) or f'delivery to {f.destination} is under way.'}"
    ),
    ("transfer", T.NEEDS_ATTENTION): lambda f: (
        f"{_why(f'Stopped at {f.present} of {_images(f.total)}', f.detail)} "
        f"{f.source}'s PACS officer chooses: retry or withdraw."
    ),
    ("transfer", T.FULFILLED): lambda f: (
        f"Fulfilled: {_studies(f.studies)} with {_images(f.total)} delivered to {f.destination}{_in_part(f)}. "
        f"{f.detail}".rstrip()
    ),
    ("transfer", T.WITHDRAWN): lambda f: (
        f"{_why(f'Withdrawn by {f.source}', f.detail)} Nothing more is fetched; what was on its way goes on."
    ),
    ("arrival", A.RECEIVING): lambda f: f"{_images(f.total)} received from {f.source}; waiting for the last one.",
    ("arrival", A.FORWARDING): lambda f: (
        f"{_images(f.total)} received from {f.source} and already being sent on; waiting for the last one."
    ),
    ("arrival", A.SETTLED): lambda f: f"{_images(f.total)} received from {f.source}; the route is being decided.",
    ("arrival", A.HELD): lambda f: f"{_why('Held', f.detail)} {f.source}'s PACS officer {_decides(f)}",
    ("arrival", A.ROUTED): lambda f: f"{_images(f.total)} received from {f.source}, on the way to {f.destination}.",
    ("arrival", A.MATCHED): lambda f: (
        f"{_images(f.total)} received from {f.source} in answer to a request, on the way to {f.destination}."
    ),
    ("arrival", A.REFUSED): lambda f: (
        f"{_why(f'Refused by the PACS officer of {f.source}', f.detail)} It goes nowhere."
    ),
    ("delivery", D.WAITING): lambda f: f"{_images(f.total)} for {f.destination}, about to be put on its worklist.",
    ("delivery", D.ON_WORKLIST): lambda f: (
        f"{_images(f.total)} on {f.destination}'s worklist; "
        f"its PACS officer releases {_them(f.total)}. {f.detail}".rstrip()
    ),
    ("delivery", D.SENDING): _sending,
    ("delivery", D.SENT): lambda f: being_asked(
        f.node, *_accepted(f), _without(f), _in_downtime(f) if f.down_until else f.fault, is_away=f.node_is_away
    ),
    ("delivery", D.NEEDS_ATTENTION): lambda f: (
        f"{_why(f'Stopped at {f.present} of {f.total}', f.detail)} "
        f"A PACS officer of {f.destination} or {f.source} chooses: retry, other node or abandon."
    ),
    ("delivery", D.DIFFERS_AT_DESTINATION): lambda f: (
        f"{_why(f'{f.node} files this study under other identifiers', f.detail)} "
        f"{f.destination}'s PACS officer corrects it there, then has it asked again."
    ),
    ("delivery", D.CONFIRMED): lambda f: (
        f"Confirmed: {_are(f.present, f.total)} in {f.node}, {by_its_word(f.detail)}".rstrip()
    ),
    ("delivery", D.CONFIRMED_IN_PART): lambda f: (
        f"Confirmed in part: {_are(f.present, f.total)} in {f.node}, {by_its_word(f.detail, _without(f))}".rstrip()
    ),
    ("delivery", D.UNVERIFIABLE): lambda f: (
        f"Sent, not verifiable: {f.node} accepted {_accepted(f)[0]} {in_vain(f.detail, _without(f))}".rstrip()
    ),
    ("delivery", D.ABANDONED): lambda f: f"Abandoned at {f.present} of {f.total}. {f.detail}".rstrip(),
    ("delivery", D.REFUSED): lambda f: f"{_why(f'Refused by {f.destination}', f.detail)} Nothing was sent.",
    ("node", N.UP): lambda f: f"{f.node} answers.",
    ("node", N.FAILING): lambda f: f"{_why(f'{f.node} did not answer', f.detail)} It is asked again in seconds.",
    ("node", N.DOWN): lambda f: f"{_why(f'{f.node} is down', f.detail)} It is asked again by itself.",
    ("node", N.PROBING): lambda f: f"{f.node} is being asked whether it is back.",
    ("node", N.HELD): lambda f: f"{f.node} is held by a person; nothing is sent to it until it is resumed.",
    ("node", N.IN_DOWNTIME): lambda f: (
        _in_downtime(f) if f.down_until else f"{f.node} is down for planned work; it goes on by itself afterwards."
    ),
    ("commitment", C.ASKED): lambda f: f"{f.node} asked for commitment to {_images(f.total)}; it is told by itself.",
    ("commitment", C.ANSWERED): lambda f: f"{f.node} was told that {_are(f.present, f.total)} kept.",
    ("commitment", C.UNANSWERABLE): lambda f: f"{f.node} cannot be told what is kept. {f.detail}".rstrip(),
}


TYPED = frozenset(
    {
        ("request", R.AWAITING_REQUESTER),
        ("request", R.DECLINED),
        ("request", R.WITHDRAWN),
        ("transfer", T.WITHDRAWN),
        ("arrival", A.REFUSED),
        ("delivery", D.REFUSED),
        ("delivery", D.ABANDONED),
    }
)
"""Where the detail is what a person typed: it may name the patient, whatever the form asks for."""


def sentence(lifecycle: str, state: StrEnum, facts: Facts) -> str:
    """The one sentence, the same on page, list and mail: where it is, whose move, since when, what comes by itself."""
    facts = replace(facts, detail=closed(facts.detail), fault=closed(facts.fault))
    words = " ".join(SENTENCES[lifecycle, state](facts).split())
    is_open = state not in LIFECYCLES[lifecycle].terminal
    return f"{words} Since {facts.since}." if facts.since and is_open else words
