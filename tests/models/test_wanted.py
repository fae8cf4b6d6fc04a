"""What an arrival may answer is found among all that is wanted: no fit is missed, no statement is sent for each."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from models.candidates import note_for_arrival
from models.db import Database
from models.domain.matching import Arrived, fits
from models.domain.parts import Part
from models.requests import RequestEntry, StudyEntry
from models.tables import Candidate, ImageRequest, RequestedStudy
from models.wanted import ASKED, wanted_like, wanted_of
from tests.database import Registry
from tests.models.test_came_before import CT_HEAD, counted
from tests.models.test_requests import ENTRY, GAMMA, placed
from tests.workflows.fakes import World
from tests.workflows.rows import arrived

NUMBERS = ("", "9990000018", "9990000026")
DAYS = ("", "19700304", "19610203", "19010101")
FAMILIES = ("", "Testcase", "Testpatient", "Te-st Cäse")
IDS = ("", "L3", "L4")
UIDS = ("", "2.25.7", "2.25.8")
ACCESSIONS = ("", "A7", "A8")
MODALITIES = ("", "CT", "MR")


def some_entry(chance: Random) -> RequestEntry:
    pick = chance.choice
    return replace(
        ENTRY,
        source_id=pick(("ZX1", "ZX1", "ZX3")),
        nhs_number=pick(NUMBERS),
        birth_date=pick(DAYS),
        family_name=pick(FAMILIES),
        source_patient_id=pick(IDS),
        wants=pick(("images", "report", "both")),
        studies=tuple(some_study(chance) for _ in range(chance.randint(1, 3))),
    )


def some_study(chance: Random) -> StudyEntry:
    return StudyEntry(
        StudyInstanceUID=chance.choice(UIDS),
        AccessionNumber=chance.choice(ACCESSIONS),
        Modality=chance.choice(MODALITIES),
        is_prior=chance.random() < 0.3,
    )


def some_arrival(chance: Random) -> Arrived:
    return Arrived(
        StudyInstanceUID=chance.choice((*UIDS[1:], " 2.25.7 ", "2.25.9")),
        nhs_numbers=frozenset(chance.sample(NUMBERS[1:], chance.choice((0, 0, 1, 2)))),
        PatientID=chance.choice((*IDS, "L9")),
        PatientName=chance.choice(("", "TESTCASE^GAMMA", "TESTPATIENT^GAMMA", "OTHER^GAMMA")),
        PatientBirthDate=chance.choice((*DAYS, "19991231")),
        StudyDate=chance.choice(("", "20260503")),
        accessions=frozenset(chance.sample(ACCESSIONS[1:], chance.choice((0, 0, 1, 2)))),
        modalities=frozenset(chance.sample(MODALITIES[1:], chance.choice((0, 1, 2)))),
        holds=frozenset(chance.sample(tuple(Part), chance.choice((1, 1, 2)))),
    )


def everything_wanted(session: Session, source_id: str) -> list[tuple[ImageRequest, RequestedStudy]]:
    """Every study that is still wanted of an Institution, whatever has arrived."""
    rows = session.execute(
        select(ImageRequest, RequestedStudy)
        .join(RequestedStudy, RequestedStudy.request_id == ImageRequest.id)
        .where(ImageRequest.source_id == source_id, ImageRequest.state.in_(ASKED), RequestedStudy.state == "wanted")
        .order_by(ImageRequest.placed_at, ImageRequest.id, RequestedStudy.position)
    )
    return [(request, study) for request, study in rows]


def test_what_is_left_out_would_have_been_no_fit(database: Database, registry: Registry) -> None:
    chance = Random(20260503)
    with database.begin() as session:
        for _ in range(60):
            placed(session, registry, some_entry(chance))
        for request in session.scalars(select(ImageRequest)):
            request.state = chance.choice([*ASKED, "answered", "withdrawn"])
            for study in request.studies:
                study.state = chance.choice(("wanted", "wanted", "answered"))
        session.flush()
        every = wanted_of(session, everything_wanted(session, "ZX1"))
        offered, found = [], []
        for _ in range(200):
            arrival = some_arrival(chance)
            few = wanted_like(session, "ZX1", arrival)
            assert fits(arrival, few) == fits(arrival, every), arrival
            offered.append(len(few))
            found.append(len(fits(arrival, few)))
    assert sum(found) > 0
    assert min(found) == 0
    assert sum(offered) < 200 * len(every) * 0.9


@pytest.mark.parametrize("entry", [ENTRY, CT_HEAD, replace(CT_HEAD, birth_date="19610203", nhs_number="")])
def test_fifty_requests_take_as_few_statements_as_one(
    database: Database, registry: Registry, entry: RequestEntry
) -> None:
    sent: list[int] = []
    for more in (1, 49):
        with database.begin() as session:
            for _ in range(more):
                placed(session, registry, entry)
        with database.begin() as session:
            arrival = arrived(session, registry, World(str(more)), state="settled", patients=(GAMMA,))
            with counted(database) as statements:
                found = note_for_arrival(session, arrival)
            sent.append(len(statements))
            assert len(session.scalars(select(Candidate)).all()) == len(found)
            session.rollback()
    assert sent[0] == sent[1] <= 10


def test_the_report_of_what_has_answered_is_found_whatever_else_it_says(database: Database, registry: Registry) -> None:
    with database.begin() as session:
        placed(session, registry, replace(CT_HEAD, wants="both"))
        images, report = session.scalars(select(RequestedStudy).order_by(RequestedStudy.position))
        came = arrived(session, registry, World("1"), state="settled", patients=(GAMMA,))
        note_for_arrival(session, came)
        candidate = session.get_one(Candidate, (images.id, came.id))
        candidate.answered_at, images.state = candidate.found_at, "answered"
        session.flush()
        later = Arrived(came.study.StudyInstanceUID, holds=frozenset({Part.REPORT}))
        assert [one.study_id for one in wanted_like(session, "ZX1", later)] == [report.id]
        assert wanted_like(session, "ZX1", replace(later, StudyInstanceUID="2.25.9")) == []
