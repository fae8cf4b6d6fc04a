"""Which decisions a person may take on a transaction now."""

from __future__ import annotations

from flask import abort

from models.domain.contracts import CommandKind
from models.domain.decisions import RULES, may_decide
from models.domain.held_words import IF_IN_CONFLICT
from models.domain.lifecycles import DELIVERY, LIFECYCLES
from models.domain.lifecycles.arrival import State as ArrivalState
from models.domain.lifecycles.delivery import State as DeliveryState
from models.domain.lifecycles.node import AWAY
from models.queries.request import AskedStudy, Fitting
from models.queries.set_aside import SetAside
from models.queries.transaction import TransactionPage
from models.queries.viewer import Viewer
from web.entries import Wrong


def is_possible(kind: CommandKind, page: TransactionPage) -> bool:
    """Whether the lifecycle has such a step from where the transaction stands."""
    rule = RULES[kind]
    if rule.lifecycle != page.lifecycle:
        return False
    if kind is CommandKind.MATCH_ARRIVAL and page.state != ArrivalState.HELD:
        # Before that the exchange itself asks the requests.
        return False
    lifecycle = LIFECYCLES[rule.lifecycle]
    return any(state == page.state and event == rule.event for state, event in lifecycle.table)


def offered(page: TransactionPage, viewer: Viewer) -> list[CommandKind]:
    """What `viewer` may decide here and now."""
    return [
        kind
        for kind in RULES
        if is_possible(kind, page)
        and may_decide(kind, viewer.role, page.sides)
        and _has_choices(kind, page)
        and not _is_decided(kind, page)
    ]


def _is_decided(kind: CommandKind, page: TransactionPage) -> bool:
    """Whether what waits for the engine leaves no room for `kind`."""
    stops = kind is CommandKind.ABANDON_DELIVERY and page.state not in (DELIVERY.parked | {DeliveryState.SENT})
    return page.waits is not None and not stops and page.waits.is_contrary_to(kind)


def must_be_permitted(kind: CommandKind, page: TransactionPage, viewer: Viewer) -> None:
    """Answers "forbidden" to whoever may see the transaction, but not decide this about it."""
    if not may_decide(kind, viewer.role, page.sides):
        abort(403)


def still_wanted(page: TransactionPage) -> tuple[AskedStudy, ...]:
    """The studies of a request that have neither come nor been declined."""
    return tuple(study for study in page.request.studies if study.state == "wanted") if page.request else ()


def may_answer(page: TransactionPage) -> tuple[Fitting, ...]:
    """The requests that a held study may answer; none where its images may be about two people."""
    return tuple(one for one in page.requests if one.answered_at is None and not page.conflict)


def must_be_of_one_patient(page: TransactionPage) -> None:
    """Wrong, with what to do instead, where the images of a held study cannot be about one person."""
    if page.conflict:
        raise Wrong("decisions", f"{page.conflict} {IF_IN_CONFLICT}")


def recognisable(page: TransactionPage) -> tuple[Fitting, ...]:
    """Studies that go to the requester already and may be what is still wanted."""
    candidates = (one for study in still_wanted(page) for one in study.fitting)
    return tuple(one for one in candidates if one.goes_to_requester and one.answered_at is None)


def has_answers(page: TransactionPage) -> bool:
    """Whether a study has come: such a request is not declined as a whole any more."""
    return page.request is not None and any(study.state == "answered" for study in page.request.studies)


def _aside(page: TransactionPage) -> tuple[SetAside, ...]:
    return page.delivery.set_aside if page.delivery else ()


def _is_stuck(page: TransactionPage) -> bool:
    """Whether what is sent may want a person: its Node answers soon, unless it is away or did not answer."""
    one = page.delivery
    return page.state != DeliveryState.SENT or one is None or bool(one.fault) or one.node_state in AWAY


def _has_choices(kind: CommandKind, page: TransactionPage) -> bool:
    choices = {
        CommandKind.CONVERT_DELIVERY: any(one.convertible for one in _aside(page)),
        CommandKind.LEAVE_OUT_DELIVERY: page.present and any(not one.left_out for one in _aside(page)),
        CommandKind.REDIRECT_DELIVERY: page.other_nodes if _is_stuck(page) else (),
        CommandKind.ABANDON_DELIVERY: _is_stuck(page),
        CommandKind.ASSIGN_ARRIVAL: page.worklists if not page.conflict else (),
        CommandKind.MATCH_ARRIVAL: may_answer(page),
        CommandKind.MATCH_REQUEST: recognisable(page),
        CommandKind.DECLINE_REQUEST: not has_answers(page),
        CommandKind.DECLINE_STUDY_REQUEST: still_wanted(page) if page.request and page.request.studies[1:] else (),
    }
    return bool(choices.get(kind, True))
