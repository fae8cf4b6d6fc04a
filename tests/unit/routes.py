"""A directory with every kind of organisation, and the verdict on a pushed study in one word."""

from __future__ import annotations

from dataclasses import replace

from models.domain.routing import STANDARD_RULES, Directory, Evidence, HeldReason, Organisation, Routed, RuleSet, route

ORGANISATIONS = {
    organisation.ods_code: organisation
    for organisation in (
        Organisation("ZX1", has_worklist=True),
        Organisation("ZX2", has_worklist=True),
        Organisation("ZX3", has_worklist=True),
        Organisation("ZX201", parent="ZX2"),
        Organisation("ZX202", parent="ZX2", has_worklist=True),
        Organisation("ZX101", parent="ZX1"),
        Organisation("ZX4"),
        Organisation("ZX5", has_worklist=True),
        Organisation("ZX6", closed=True, successor="ZX3", has_worklist=True),
        Organisation("ZX7", closed=True, successor="ZX201"),
        Organisation("ZX8", closed=True, successor="ZX6"),
        Organisation("ZX9", closed=True, successor="ZX1"),
        Organisation("ZX203", closed=True, parent="ZX2"),
        Organisation("ZX204", closed=True, successor="ZX203"),
        Organisation("ZX601", parent="ZX6"),
        Organisation("ZX401", parent="ZX4"),
        # What a careless reading makes of other text.
        Organisation("ZX", has_worklist=True),
        Organisation("SS", has_worklist=True),
        Organisation("FI", has_worklist=True),
        Organisation("IS", has_worklist=True),
    )
}
ODS_CODES = sorted(ORGANISATIONS)
DIRECTORY = Directory(
    ORGANISATIONS, frozenset((a, b) for a in ODS_CODES for b in ODS_CODES if a != b and b not in ("ZX5", "ZX202"))
)
EVERY_RULE = replace(STANDARD_RULES, rules=tuple(replace(rule, enabled=True) for rule in STANDARD_RULES.rules))
FOLLOWING = replace(STANDARD_RULES, follow_successor=True)


def verdict(*headers: Evidence, rules: RuleSet = STANDARD_RULES, source: str = "ZX1") -> str | HeldReason:
    """The destination's code, or the reason why the study is held."""
    found = route(rules, headers, DIRECTORY, source)
    return found.destination if isinstance(found, Routed) else found.reason


def comments(text: str) -> Evidence:
    return {"StudyComments": text}
