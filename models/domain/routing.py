"""Where a pushed study goes: an ordered chain of rules over what the header and the association say.

The chain never guesses: anything but one certain, permitted destination is an `Unrouted` with its reason, and is held.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from string import ascii_lowercase, ascii_uppercase

AE_TITLE = "IEP"
"""The exchange's own: without a code behind it, it names no destination."""
CALLED_AE_TITLE = "CalledAETitle"
PRIVATE_ROUTE = "PrivateRoute"
ODS_CODE = re.compile(r"[A-Z0-9]{1,9}")
# The end is named, not merely "no further letter": a code never is the readable beginning of something unreadable.
# "ROUTE: ORAL" and "ROUTE: RFA" are clinical: after that word a code must have a digit.
TOKEN = r"(?<!\w)(?:(?:IEP|DEST)\s*[:=]|ROUTE\s*[:=](?=\s*[A-Z]*\d))\s*([A-Z0-9]{1,9})(?=;|[,.)\]]?(?:\s|$))"
# str.upper() would make ASCII of what is not: "ß" becomes "SS", "ﬁ" "FI", "ı" "I".
ASCII_UPPER = str.maketrans(ascii_lowercase, ascii_uppercase)


class Mode(StrEnum):
    BARE = "bare"
    TOKEN = "token"
    MAP = "map"


class HeldReason(StrEnum):
    NO_ROUTE = "no-route"
    CLOSED = "closed"
    CONFLICT = "conflict"
    LOOP = "loop"
    NO_AGREEMENT = "no-agreement"
    NO_WORKLIST = "no-worklist"
    IDENTITY_CONFLICT = "identity-conflict"
    CHANGED_AE_TITLE = "changed-ae-title"
    NOT_PICKED = "not-picked"


@dataclass(frozen=True)
class Rule:
    """One place where a destination's code may stand, and how it is written there.

    `source` is CALLED_AE_TITLE, PRIVATE_ROUTE or the keyword of a DICOM element. `pattern` (one group) and `table`
    (value -> code) serve the modes token and map.
    """

    id: str
    source: str
    mode: Mode
    pattern: str = TOKEN
    table: tuple[tuple[str, str], ...] = ()
    enabled: bool = True


@dataclass(frozen=True)
class RuleSet:
    """The chain a transaction began with keeps its version."""

    version: int
    rules: tuple[Rule, ...]
    follow_successor: bool = False


@dataclass(frozen=True)
class Organisation:
    ods_code: str
    closed: bool = False
    successor: str | None = None
    parent: str | None = None
    has_worklist: bool = False


@dataclass(frozen=True)
class Directory:
    """The organisations known here, and which source may send to which destination."""

    organisations: Mapping[str, Organisation]
    agreements: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Routed:
    destination: str
    rule_id: str
    basis: str


@dataclass(frozen=True)
class Unrouted:
    reason: HeldReason
    detail: str


Evidence = Mapping[str, str]

STANDARD_RULES = RuleSet(
    version=0,
    rules=(
        Rule("private-block", PRIVATE_ROUTE, Mode.BARE),
        Rule("called-ae-title", CALLED_AE_TITLE, Mode.TOKEN, pattern=r"^IEP_([A-Z0-9]{1,9})$"),
        # Its value is the recipients' coded Institution, never their names: a short name can look like a code.
        Rule("intended-recipient", "NamesOfIntendedRecipientsOfResults", Mode.BARE),
        Rule("study-comments", "StudyComments", Mode.TOKEN),
        Rule("requested-procedure-comments", "RequestedProcedureComments", Mode.TOKEN),
        Rule("request-comments", "ImagingServiceRequestComments", Mode.TOKEN, enabled=False),
        Rule("department", "InstitutionalDepartmentName", Mode.BARE, enabled=False),
        Rule("institution-name", "InstitutionName", Mode.BARE, enabled=False),
    ),
)


def route(rules: RuleSet, evidence: Iterable[Evidence], directory: Directory, source: str) -> Routed | Unrouted:
    """The one destination that the images of a study name, or why there is none; an image may name none.

    `evidence` has one mapping (rule source -> value) for each distinct header seen in the study.
    """
    named: dict[str, str] = {}
    for code, rule_id in _candidates(rules, tuple(evidence), directory):
        named.setdefault(code, rule_id)
    if not named:
        return Unrouted(HeldReason.NO_ROUTE, "No image names a destination that the exchange knows.")
    if len(named) > 1:
        return Unrouted(HeldReason.CONFLICT, f"The images name several destinations: {', '.join(sorted(named))}.")
    ((code, rule_id),) = named.items()
    return _permitted(code, rule_id, rules, directory, source)


def _candidates(rules: RuleSet, headers: tuple[Evidence, ...], directory: Directory) -> Iterator[tuple[str, str]]:
    for rule in rules.rules:
        if rule.enabled:
            for header in headers:
                for code in _codes(rule, header.get(rule.source, "")):
                    if code in directory.organisations:
                        yield code, rule.id


def _codes(rule: Rule, value: str) -> Iterator[str]:
    for part in value.translate(ASCII_UPPER).replace("\0", " ").split("\\"):
        text = part.strip()
        if not text:
            continue
        if rule.mode is Mode.TOKEN:
            yield from re.findall(rule.pattern, text)
        elif rule.mode is Mode.MAP:
            yield from (code for name, code in rule.table if name.translate(ASCII_UPPER) == text)
        elif ODS_CODE.fullmatch(text):
            yield text


def _permitted(code: str, rule_id: str, rules: RuleSet, directory: Directory, source: str) -> Routed | Unrouted:
    named = directory.organisations[code]
    chain = [named]
    basis = f"{code}, named by rule {rule_id}"
    if named.closed:
        successor = directory.organisations.get(named.successor or "")
        if not rules.follow_successor or successor is None or successor.closed:
            return Unrouted(HeldReason.CLOSED, f"{code} is closed; choose its successor by hand.")
        chain.append(successor)
        basis = f"{basis}; {code} is closed, its successor is {successor.ods_code}"
    site = chain[-1]
    parent = directory.organisations.get(site.parent or "")
    if not site.has_worklist and parent is not None:
        chain.append(parent)
        basis = f"{basis}; site {site.ods_code} has no worklist, its parent {parent.ods_code} has"
    destination = chain[-1].ods_code
    if source in {organisation.ods_code for organisation in chain}:
        return Unrouted(HeldReason.LOOP, f"The images name {code}, which leads back to where they come from.")
    if chain[-1].closed:
        return Unrouted(HeldReason.CLOSED, f"{code} has no worklist and {destination}, its parent, is closed.")
    if not chain[-1].has_worklist:
        return Unrouted(HeldReason.NO_WORKLIST, f"{destination} is known but receives nothing here yet.")
    if (source, destination) not in directory.agreements:
        return Unrouted(HeldReason.NO_AGREEMENT, f"No agreement lets {source} send to {destination}.")
    return Routed(destination, rule_id, basis)
