"""Images and the report of a study: each is asked for, answered and declined for itself, and both may come at once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydicom.uid import (
    BasicTextSRStorage,
    ComprehensiveSRStorage,
    CTImageStorage,
    EncapsulatedCDAStorage,
    EncapsulatedPDFStorage,
    KeyObjectSelectionDocumentStorage,
    SecondaryCaptureImageStorage,
    XRayRadiationDoseSRStorage,
)
from sqlalchemy import select
from temporalio.exceptions import ApplicationError

from activities.requests import RequestActivities
from models.domain.contracts import CommandKind
from models.domain.request_contracts import MatchChoice
from models.requests import StudyEntry
from models.tables import Candidate, RequestedStudy, now
from tests.activities.desk import NAMESAKE, ONE_STUDY, Desk
from tests.workflows.rows import command

BOTH = replace(ONE_STUDY, wants="both")
TWO_OF_BOTH = replace(BOTH, studies=(*ONE_STUDY.studies, StudyEntry(description="CT neck", Modality="CT")))
REPORT = replace(ONE_STUDY, wants="report")
REPORTS = pytest.mark.parametrize("report", [BasicTextSRStorage, EncapsulatedCDAStorage])


def rows(desk: Desk, request_id: str) -> list[tuple[str, str]]:
    with desk.database.begin() as session:
        wanted = select(RequestedStudy.wants, RequestedStudy.state).where(RequestedStudy.request_id == request_id)
        return [(row[0], row[1]) for row in session.execute(wanted.order_by(RequestedStudy.position))]


def comes(desk: Desk, request: str, number: str, *classes: str, follows: str = "") -> str:
    """It is pushed, found to answer the request, and taken."""
    arrival = desk.push(number, classes=classes, follows=follows)
    assert desk.route(arrival).matches == (request,)
    desk.takes(request, arrival)
    return arrival


@pytest.mark.parametrize("classes", [(BasicTextSRStorage,), (KeyObjectSelectionDocumentStorage,)])
def test_what_holds_no_image_does_not_answer_for_images(desk: Desk, classes: tuple[str, ...]) -> None:
    desk.place()
    assert desk.route(desk.push(classes=classes)).matches == ()
    assert desk.candidates() == []


@REPORTS
def test_images_and_report_that_come_together_answer_both_and_only_once(desk: Desk, report: str) -> None:
    request = desk.place(entry=TWO_OF_BOTH)
    arrival = comes(desk, request, "1", CTImageStorage, report)
    came = [("images", "answered"), ("report", "answered"), ("images", "wanted"), ("report", "wanted")]
    assert rows(desk, request) == came
    desk.takes(request, arrival)
    assert rows(desk, request) == came
    (delivery,) = desk.answer(arrival).deliveries
    desk.ends(delivery.delivery_id, "confirmed", "confirmed")
    told = desk.progress(request)
    assert (told.wanted, told.answered, told.delivered, told.failed) == (2, 2, 2, 0)


def test_what_is_refused_is_wanted_again_both_of_it(desk: Desk) -> None:
    request = desk.place(entry=BOTH)
    arrival = comes(desk, request, "1", CTImageStorage, BasicTextSRStorage)
    (delivery,) = desk.answer(arrival).deliveries
    desk.ends(delivery.delivery_id, "refused", "refused")
    assert desk.progress(request).failed == 2
    desk.record("request", request, "reopened", "awaiting-source")
    assert rows(desk, request) == [("images", "wanted"), ("report", "wanted")]


def test_a_report_that_follows_its_images_answers_for_itself(desk: Desk) -> None:
    request = desk.place(entry=BOTH)
    first = comes(desk, request, "1", CTImageStorage, XRayRadiationDoseSRStorage)
    assert rows(desk, request) == [("images", "answered"), ("report", "wanted")]
    late = comes(desk, request, "2", BasicTextSRStorage, follows=first)
    assert rows(desk, request) == [("images", "answered"), ("report", "answered")]
    with desk.database.begin() as session:
        of = (
            select(RequestedStudy.wants, Candidate.arrival_id).join(Candidate).where(Candidate.answered_at.is_not(None))
        )
        assert {(wants, arrival) for wants, arrival in session.execute(of)} == {("images", first), ("report", late)}
    assert len(desk.answer(late).deliveries) == 1


def test_images_that_follow_their_report_answer_by_the_usual_rule(desk: Desk) -> None:
    day = f"{now():%Y%m%d}"
    entry = replace(BOTH, studies=(replace(BOTH.studies[0], study_date_from=day, study_date_to=day),))
    request = desk.place(entry=entry)
    first = comes(desk, request, "1", BasicTextSRStorage)
    assert rows(desk, request) == [("images", "wanted"), ("report", "answered")]
    comes(desk, request, "2", CTImageStorage, follows=first)
    assert rows(desk, request) == [("images", "answered"), ("report", "answered")]


def test_the_report_of_another_study_is_for_a_person(desk: Desk) -> None:
    request = desk.place(entry=BOTH)
    comes(desk, request, "1", CTImageStorage)
    assert desk.route(desk.push("2", classes=(CTImageStorage, BasicTextSRStorage))).matches == ()
    assert rows(desk, request) == [("images", "answered"), ("report", "wanted")]
    (possible,) = [one for one in desk.candidates() if one.answered_at is None]
    assert possible.differs == ["study of its images"]


def test_a_report_alone_is_asked_for_and_comes(desk: Desk) -> None:
    request = desk.place(entry=REPORT)
    assert rows(desk, request) == [("report", "wanted")]
    assert desk.route(desk.push("1")).matches == ()
    comes(desk, request, "2", CTImageStorage, BasicTextSRStorage)
    assert rows(desk, request) == [("report", "answered")]


@pytest.mark.parametrize("document", [ComprehensiveSRStorage, EncapsulatedPDFStorage])
def test_what_may_be_measurements_or_a_form_is_the_report_only_if_a_person_says_so(desk: Desk, document: str) -> None:
    request = desk.place(entry=BOTH)
    comes(desk, request, "1", CTImageStorage, document)
    assert rows(desk, request) == [("images", "answered"), ("report", "wanted")]


def test_a_secondary_capture_may_be_a_report_that_was_scanned(desk: Desk) -> None:
    request = desk.place(entry=REPORT)
    arrival = desk.push(classes=(SecondaryCaptureImageStorage,))
    assert desk.route(arrival).matches == ()
    desk.takes(request, arrival, requested_study_id=row_of(desk, request, "report"))
    assert rows(desk, request) == [("report", "answered")]


def row_of(desk: Desk, request: str, wants: str) -> str:
    with desk.database.begin() as session:
        row = select(RequestedStudy.id).where(RequestedStudy.request_id == request, RequestedStudy.wants == wants)
        return session.scalars(row).one()


@pytest.mark.parametrize("wants", ["images", "report"])
def test_a_person_who_says_which_study_it_is_need_say_it_once(desk: Desk, wants: str) -> None:
    request = desk.place(entry=BOTH)
    arrival = desk.push(patient=NAMESAKE, classes=(CTImageStorage, BasicTextSRStorage))
    assert desk.route(arrival).matches == ()
    desk.takes(request, arrival, requested_study_id=row_of(desk, request, wants))
    assert rows(desk, request) == [("images", "answered"), ("report", "answered")]


@pytest.mark.parametrize(
    ("wants", "brought", "said"),
    [
        ("images", BasicTextSRStorage, "Images were asked for, and it holds none"),
        ("report", CTImageStorage, "A report was asked for, and it holds none"),
    ],
)
def test_nor_can_a_person_say_that_one_is_the_other(desk: Desk, wants: str, brought: str, said: str) -> None:
    request, arrival = desk.place(entry=BOTH), desk.push(patient=NAMESAKE, classes=(brought,))
    desk.route(arrival)
    row = row_of(desk, request, wants)
    with desk.database.begin() as session:
        content = command(session, CommandKind.MATCH_ARRIVAL, arrival, requested_study_id=row)
    with pytest.raises(ApplicationError, match=said):
        desk.environment.run(RequestActivities(desk.database).chosen, MatchChoice(arrival, content))


def test_either_is_declined_without_the_other(desk: Desk) -> None:
    request = desk.place(entry=BOTH)
    with desk.database.begin() as session:
        report = row_of(desk, request, "report")
        content = command(
            session, CommandKind.DECLINE_STUDY_REQUEST, request, requested_study_id=report, reason="Not written yet."
        )
    desk.record("request", request, "declined-in-part", "partly-answered", content_id=content)
    assert rows(desk, request) == [("images", "wanted"), ("report", "declined")]
    comes(desk, request, "1", CTImageStorage, BasicTextSRStorage)
    assert rows(desk, request) == [("images", "answered"), ("report", "declined")]
