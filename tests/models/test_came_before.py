"""A request that is written after its study has come: what it may be about is found, whatever the request names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, event, select
from sqlalchemy.orm import Session

from models.db import Database
from models.dicom import facts_to_json
from models.requests import RequestEntry, StudyEntry
from models.tables import Arrival, ArrivalInstance, Candidate, Delivery, Instance, now
from tests.database import Registry
from tests.models.test_requests import ENTRY, GAMMA, placed
from tests.workflows.fakes import World
from tests.workflows.rows import arrived, delivering

CT_HEAD = replace(ENTRY, studies=(StudyEntry(description="CT head", Modality="CT"),))
NOBODY = {"PatientID": "", "PatientName": "", "PatientBirthDate": "", "other_ids": ()}


@contextmanager
def counted(database: Database) -> Iterator[list[str]]:
    """Every statement that is sent during the block."""
    sent: list[str] = []

    def listen(connection: Any, cursor: Any, statement: str, *rest: Any) -> None:
        sent.append(statement)

    event.listen(database.engine, "before_cursor_execute", listen)
    try:
        yield sent
    finally:
        event.remove(database.engine, "before_cursor_execute", listen)


def come(session: Session, registry: Registry, number: str = "1", *, state: str, **said: Any) -> Arrival:
    """A study of the patient that goes to ZX2; `said` is what its header says otherwise."""
    delivery = delivering(session, registry, World(number), state=state)
    arrival = delivery.parcel.arrival
    patient = facts_to_json(replace(GAMMA, **{name: text for name, text in said.items() if hasattr(GAMMA, name)}))
    arrival.study.patient = patient
    arrival.study.AccessionNumber = said.get("AccessionNumber", "")
    arrival.study.StudyInstanceUID = said.get("StudyInstanceUID", arrival.study.StudyInstanceUID)
    image = select(Instance).join(ArrivalInstance).where(ArrivalInstance.arrival_id == arrival.id)
    for one in session.scalars(image):
        one.patient, one.AccessionNumber = patient, said.get("AccessionNumber", "")
    session.flush()
    return arrival


@pytest.mark.parametrize("state", ["receiving", "forwarding", "settled", "held"])
def test_what_the_source_has_yet_to_decide_about_is_a_candidate(
    database: Database, registry: Registry, state: str
) -> None:
    with database.begin() as session:
        arrived(session, registry, World("1"), state=state, patients=(GAMMA,))
        placed(session, registry, CT_HEAD)
        assert session.scalars(select(Candidate.arrival_id)).all() == ["1-arrival"]


@pytest.mark.parametrize(
    ("requester", "state", "days_ago", "found"),
    [
        ("ZX2", "on-worklist", 0, True),
        ("ZX2", "confirmed", 13, True),
        ("ZX2", "confirmed", 15, False),
        ("ZX2", "refused", 0, False),
        ("ZX2", "abandoned", 0, False),
        ("ZX3", "confirmed", 0, False),
    ],
)
def test_what_came_to_the_requester_lately_is_a_candidate(
    database: Database, registry: Registry, requester: str, state: str, days_ago: int, found: bool
) -> None:
    with database.begin() as session:
        arrival = come(session, registry, state=state)
        arrival.opened_at = arrival.transaction.opened_at = now() - timedelta(days=days_ago)
        placed(session, registry, CT_HEAD, requester=requester)
        assert session.scalars(select(Candidate.arrival_id)).all() == (["1-arrival"] if found else [])


@pytest.mark.parametrize(
    ("said", "entry"),
    [
        (NOBODY | {"StudyInstanceUID": "2.25.7"}, ENTRY),
        (NOBODY | {"AccessionNumber": "A7"}, replace(ENTRY, studies=(StudyEntry(AccessionNumber="A7"),))),
        (NOBODY | {"PatientID": "L3"}, replace(CT_HEAD, source_patient_id="L3")),
        ({"PatientID": "", "other_ids": ()}, CT_HEAD),
        ({"PatientID": "", "other_ids": (), "PatientBirthDate": "1970.03.04"}, CT_HEAD),
    ],
    ids=["study", "accession number", "ID at the source", "name and birth date", "birth date with full stops"],
)
@pytest.mark.parametrize("state", ["held", "confirmed"])
def test_it_is_found_by_whatever_the_request_names(
    database: Database, registry: Registry, said: dict[str, Any], entry: RequestEntry, state: str
) -> None:
    with database.begin() as session:
        arrival = come(session, registry, state="confirmed", **said)
        if state == "held":
            arrival.state = "held"
            session.execute(delete(Delivery))
        placed(session, registry, entry)
        assert session.scalars(select(Candidate.arrival_id)).all() == ["1-arrival"]


def test_what_is_held_of_others_costs_nothing(database: Database, registry: Registry) -> None:
    asked: list[int] = []
    for number in range(8):
        with database.begin() as session:
            arrived(session, registry, World(str(number)), state="held")
            if number in (0, 7):
                with counted(database) as statements:
                    placed(session, registry, CT_HEAD)
                asked.append(len(statements))
    assert asked[0] == asked[1]
