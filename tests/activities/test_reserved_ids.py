"""A local Patient ID is kept for a patient while somebody releases under it; where nothing is, it is nobody's."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select

from models.domain.identity import PatientFacts
from models.local_patients import ANOTHERS_ID, CALLED_OTHERWISE, known_ids, reserve
from models.purge import purge
from models.tables import Delivery, LocalPatient, now
from tests.activities.parcels import Parcels
from tests.activities.test_local_identity import (
    AGNES,
    BORIS,
    NUMBERED,
    TWIN,
    check,
    entered,
    image,
    known,
    released,
    too_late,
)


def test_of_two_who_enter_it_at_once_the_later_is_told_before_anything_is_released(parcels: Parcels) -> None:
    parcels.set_node(1, query_back=False)
    first, second = parcels.release(image(AGNES)), parcels.release(image(BORIS))
    assert check(parcels, first, "H123") == ""
    assert check(parcels, second, "H123") == ANOTHERS_ID
    assert check(parcels, first, "H123") == "", "whoever has it keeps it"


def test_an_id_that_was_not_released_under_in_the_end_is_nobody_s(parcels: Parcels) -> None:
    """One who mistypes and is told that somebody else was first has taught nothing."""
    parcels.set_node(1, query_back=False)
    mistyped, owner = parcels.release(image(AGNES | NUMBERED)), parcels.release(image(BORIS))
    assert check(parcels, mistyped, "H123") == ""
    assert known(parcels) == {}, "nothing was released yet"
    assert check(parcels, owner, "H123") == ANOTHERS_ID
    too_late(parcels, mistyped)
    assert known(parcels) == {}
    assert check(parcels, owner, "H123") == ""
    assert check(parcels, mistyped, "H123") == ANOTHERS_ID
    released(parcels, owner, "H123")
    assert known(parcels) == {"H123": "SAMPLE^Boris"}
    with parcels.database.begin() as session:
        assert known_ids(session, "ZX2", {NUMBERED["PatientID"]}) == {}, "it is not proposed for whom it was mistyped"


def test_of_two_who_enter_it_at_once_in_another_case_the_later_waits_and_is_told(parcels: Parcels) -> None:
    first, second = parcels.release(image(AGNES)), parcels.release(image(BORIS))
    answers: list[str] = []

    def enter_another_case(command_id: str) -> None:
        with parcels.database.begin() as session:
            answers.append(reserve(session, session.get_one(Delivery, second), "abc1", command_id))

    one, other = entered(parcels, first, "ABC1"), entered(parcels, second, "abc1")
    with parcels.database.begin() as session:
        assert reserve(session, session.get_one(Delivery, first), "ABC1", one) == ""
        later = threading.Thread(target=enter_another_case, args=(other,))
        later.start()
        later.join(0.5)
        assert answers == []
    later.join()
    assert answers == [ANOTHERS_ID]


def test_who_was_a_moment_too_late_for_a_twin_s_id_reads_that_it_is_perhaps_a_twin_s(
    parcels: Parcels, monkeypatch: pytest.MonkeyPatch
) -> None:
    parcels.set_node(1, query_back=False)
    first, twin = parcels.release(image(AGNES)), parcels.release(image(TWIN))

    def nobody_yet(session: object, delivery: object, patient_id: str, issuer: str) -> list[PatientFacts]:
        return []

    assert check(parcels, first, "H123") == ""
    monkeypatch.setattr("activities.local_identity.bearers", nobody_yet)
    assert check(parcels, twin, "H123") == CALLED_OTHERWISE


def test_whom_nobody_released_under_an_id_is_forgotten_at_night(parcels: Parcels) -> None:
    parcels.set_node(1, query_back=False)
    mistyped, waits, learned = (parcels.release(image(one)) for one in (AGNES, AGNES, BORIS))
    assert check(parcels, mistyped, "H1") == ""
    too_late(parcels, mistyped)
    assert check(parcels, waits, "H2") == ""
    released(parcels, learned, "H3")
    with parcels.database.begin() as session:
        session.add(LocalPatient(institution_id="ZX2", patient_id="H4", learned_at=now(), reserved_by="gone"))
    purge(parcels.database, parcels.archive, days=30)
    with parcels.database.begin() as session:
        assert set(session.scalars(select(LocalPatient.patient_id))) == {"H2", "H3"}
