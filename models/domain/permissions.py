"""What one may do (Functions), and named sets of them (Roles). Every view declares the Function it needs."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Function(StrEnum):
    VIEW_TRANSACTIONS = "view-transactions"
    VIEW_PATIENT = "view-patient"
    PLACE_REQUEST = "place-request"
    ANSWER_REQUEST = "answer-request"
    SEND_STUDIES = "send-studies"
    RELEASE = "release"
    ASSIGN_HELD = "assign-held"
    FORWARD = "forward"
    RETRY = "retry"
    VIEW_NODES = "view-nodes"
    TEST_NODES = "test-nodes"
    HOLD_NODES = "hold-nodes"
    USE_SUPPORT_DESK = "use-support-desk"
    DISCLOSE_PATIENT = "disclose-patient"
    COUNTERSIGN = "countersign"
    READ_DEMO_MAIL = "read-demo-mail"


class Role(StrEnum):
    CLINICIAN = "clinician"
    PACS_OFFICER = "pacs-officer"
    SUPPORT = "support"


F = Function

FUNCTIONS: Mapping[Role, frozenset[Function]] = {
    Role.CLINICIAN: frozenset({F.VIEW_TRANSACTIONS, F.VIEW_PATIENT, F.PLACE_REQUEST, F.READ_DEMO_MAIL}),
    Role.PACS_OFFICER: frozenset(
        {
            F.VIEW_TRANSACTIONS,
            F.VIEW_PATIENT,
            F.PLACE_REQUEST,
            F.ANSWER_REQUEST,
            F.SEND_STUDIES,
            F.RELEASE,
            F.ASSIGN_HELD,
            F.FORWARD,
            F.RETRY,
            F.VIEW_NODES,
            F.TEST_NODES,
            F.HOLD_NODES,
            F.COUNTERSIGN,
            F.READ_DEMO_MAIL,
        }
    ),
    # Support sees references, states and nodes of every Institution; patient detail only after a reason, never images.
    # What it does about a delivery it does at its desk: with a reason, on record, and with a second person.
    Role.SUPPORT: frozenset(
        {
            F.VIEW_TRANSACTIONS,
            F.VIEW_NODES,
            F.TEST_NODES,
            F.HOLD_NODES,
            F.USE_SUPPORT_DESK,
            F.DISCLOSE_PATIENT,
            F.COUNTERSIGN,
            F.READ_DEMO_MAIL,
        }
    ),
}


def may(role: Role, function: Function) -> bool:
    return function in FUNCTIONS[role]
