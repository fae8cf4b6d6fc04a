"""Who may do what: the safety-relevant cells of the table, said one by one."""

from __future__ import annotations

import pytest

from models.domain.permissions import FUNCTIONS, Function, Role, may

ACTS_ON_IMAGES = (Function.RELEASE, Function.ASSIGN_HELD, Function.FORWARD, Function.RETRY)
OF_THE_DESK = (Function.USE_SUPPORT_DESK, Function.DISCLOSE_PATIENT)


def test_every_role_has_its_functions_and_every_function_a_role() -> None:
    assert set(FUNCTIONS) == set(Role)
    assert frozenset().union(*FUNCTIONS.values()) == set(Function)


@pytest.mark.parametrize("function", Function)
def test_a_pacs_officer_may_do_all_but_what_is_for_the_support_desk(function: Function) -> None:
    assert may(Role.PACS_OFFICER, function) is (function not in OF_THE_DESK)


@pytest.mark.parametrize(
    "function", [*ACTS_ON_IMAGES, Function.ANSWER_REQUEST, Function.TEST_NODES, Function.HOLD_NODES]
)
def test_a_clinician_looks_and_moves_nothing(function: Function) -> None:
    assert may(Role.CLINICIAN, Function.VIEW_PATIENT)
    assert not may(Role.CLINICIAN, function)


@pytest.mark.parametrize("function", [Function.VIEW_PATIENT, *ACTS_ON_IMAGES])
def test_support_sees_no_patient_and_decides_nothing_about_one(function: Function) -> None:
    assert not may(Role.SUPPORT, function)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("function", [Function.RELEASE, Function.ASSIGN_HELD])
def test_who_decides_about_a_patient_sees_the_patient(role: Role, function: Function) -> None:
    assert may(role, Function.VIEW_PATIENT) or not may(role, function)


@pytest.mark.parametrize("role", Role)
def test_who_acts_also_sees_what_is_acted_on(role: Role) -> None:
    if any(may(role, function) for function in ACTS_ON_IMAGES):
        assert may(role, Function.VIEW_TRANSACTIONS)
    if may(role, Function.HOLD_NODES) or may(role, Function.TEST_NODES):
        assert may(role, Function.VIEW_NODES)
