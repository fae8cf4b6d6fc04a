"""Which arrivals may answer which requested studies: found by the matching rule, kept with its reasons."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.came_before import came_before, goes_to
from models.dicom import facts_from_json
from models.directory import routing_directory
from models.domain.errors import NotAllowed
from models.domain.identity import nhs_numbers, unpadded
from models.domain.lifecycles.request import OPEN, Event, State
from models.domain.matching import Arrived, Fit, Wanted, compare, fits
from models.domain.parts import Part
from models.parts import came_for_its_images, parts_held, without_others
from models.tables import (
    Arrival,
    ArrivalInstance,
    Candidate,
    Delivery,
    ImageRequest,
    Instance,
    Node,
    Parcel,
    RequestedStudy,
    Study,
    TransitionRow,
    now,
)

# A study may come before the source has been told: the request answers as soon as it has.
ASKED = (State.PLACED, *OPEN)


def open_requests_for(session: Session, source_id: str) -> list[Wanted]:
    """Every study that is still wanted of an Institution, by all who ask it."""
    rows = session.execute(
        select(RequestedStudy, ImageRequest)
        .join(ImageRequest, ImageRequest.id == RequestedStudy.request_id)
        .where(ImageRequest.source_id == source_id, ImageRequest.state.in_(ASKED), RequestedStudy.state == "wanted")
        .order_by(ImageRequest.placed_at, RequestedStudy.position)
    )
    return [wanted_of(session, request, study) for study, request in rows]


def wanted_of(session: Session, request: ImageRequest, study: RequestedStudy) -> Wanted:
    """One requested study with what its request says of the patient."""
    # Whoever holds the images may not have the report.
    held = request.held_already if study.wants == Part.IMAGES else ()
    return Wanted(
        study_id=study.id,
        request_id=request.id,
        requester=request.institution_id,
        nhs_number=request.nhs_number,
        birth_date=request.birth_date,
        family_name=request.family_name,
        given_name=request.given_name,
        source_patient_id=request.source_patient_id,
        StudyInstanceUID=study.StudyInstanceUID,
        AccessionNumber=study.AccessionNumber,
        Modality=study.Modality,
        study_date_from=study.study_date_from,
        study_date_to=study.study_date_to,
        is_prior=study.is_prior,
        part=Part(study.wants),
        item=study.item,
        came=came_for_its_images(session, study),
        held_already=frozenset(held) | (_came_or_named(session, request) if study.is_prior else set()),
    )


def _came_or_named(session: Session, request: ImageRequest) -> set[str]:
    """What is no earlier study: the UIDs that the request names, and of what has answered it."""
    named = {study.StudyInstanceUID for study in request.studies} - {""}
    came = session.scalars(
        select(Study.StudyInstanceUID)
        .join(Arrival, Arrival.study_id == Study.id)
        .join(Candidate, Candidate.arrival_id == Arrival.id)
        .where(
            Candidate.requested_study_id.in_([study.id for study in request.studies]),
            Candidate.answered_at.is_not(None),
        )
    )
    return named | set(came)


def arrived(session: Session, arrival: Arrival) -> Arrived:
    """What the headers of an arrival say. Where its images disagree about the patient nothing of it is matched."""
    node = session.get(Node, arrival.node_id) if arrival.node_id else None
    may_be_nhs = bool(node and node.patient_id_may_be_nhs)
    rows = session.execute(
        select(Instance.patient, Instance.AccessionNumber)
        .join(ArrivalInstance, ArrivalInstance.instance_id == Instance.id)
        .where(ArrivalInstance.arrival_id == arrival.id)
        .distinct()
    ).all()
    patients = [facts_from_json(patient) for patient, _ in rows if patient]
    first = patients[0] if patients else None
    study = arrival.study
    return Arrived(
        StudyInstanceUID=study.StudyInstanceUID,
        nhs_numbers=frozenset().union(*(nhs_numbers(one, patient_id_may_be_nhs=may_be_nhs) for one in patients)),
        PatientID=unpadded(first.PatientID) if first else "",
        PatientName=unpadded(first.PatientName) if first else "",
        PatientBirthDate="".join(filter(str.isdigit, first.PatientBirthDate)) if first else "",
        StudyDate=study.StudyDate,
        accessions=frozenset(unpadded(accession) for _, accession in rows) - {""},
        modalities=frozenset(map(str, study.ModalitiesInStudy)),
        holds=parts_held(session, arrival),
    )


def note_for_arrival(session: Session, arrival: Arrival) -> list[Fit]:
    """Keep every requested study that the arrival may be; returned best first, without what a person dismissed."""
    wanted = without_others(session, arrival, open_requests_for(session, arrival.institution_id))
    found = fits(arrived(session, arrival), wanted)
    _note(session, arrival, found)
    dismissed = set(
        session.scalars(
            select(Candidate.requested_study_id).where(
                Candidate.arrival_id == arrival.id, Candidate.dismissed_at.is_not(None)
            )
        )
    )
    return [fit for fit in found if fit.wanted.study_id not in dismissed]


def certain(session: Session, arrival: Arrival, found: list[Fit], addressed: str) -> tuple[str, ...]:
    """The requests that the arrival certainly answers, of those whom the source may send to.

    What is `addressed` to one Institution goes to another by itself only where the source has accepted to send it.
    """
    agreements = routing_directory(session).agreements
    return tuple(
        dict.fromkeys(
            fit.wanted.request_id
            for fit in found
            if fit.is_certain
            and (arrival.institution_id, fit.wanted.requester) in agreements
            and (addressed in ("", fit.wanted.requester) or _accepted(session, fit.wanted.request_id))
        )
    )


def _accepted(session: Session, request_id: str) -> bool:
    by_a_person = select(TransitionRow.id).where(
        TransitionRow.subject_id == request_id, TransitionRow.event == Event.ACCEPTED
    )
    return session.scalars(by_a_person.limit(1)).first() is not None


def certainly(session: Session, request: ImageRequest, arrival: Arrival) -> list[RequestedStudy]:
    """Of the studies of a request that are wanted now, the one that the arrival certainly is; kept with its reasons.

    Two rows where it brings images and report. What seemed to fit while another arrival was on its way may have been
    answered by that one; offered again it answers nothing more.
    """
    wanted = [wanted_of(session, request, study) for study in request.studies if study.state == "wanted"]
    found = []
    for fit in fits(arrived(session, arrival), without_others(session, arrival, wanted)):
        before = session.get(Candidate, (fit.wanted.study_id, arrival.id))
        if fit.is_certain and (before is None or before.dismissed_at is None):
            _note(session, arrival, [fit])
            found.append(session.get_one(RequestedStudy, fit.wanted.study_id))
    return found


def with_other_part(
    session: Session, request: ImageRequest, arrival: Arrival, chosen: RequestedStudy
) -> list[RequestedStudy]:
    """What a person said that the arrival is; where it brings images and report, both, if both are wanted."""
    others = [
        study
        for study in request.studies
        if study.item == chosen.item and study.id != chosen.id and study.state == "wanted"
    ]
    if not others or parts_held(session, arrival) != frozenset(Part):
        return [chosen]
    _note(session, arrival, [compare(arrived(session, arrival), wanted_of(session, request, one)) for one in others])
    return [chosen, *others]


def note_for_request(session: Session, request: ImageRequest) -> None:
    """Keep what has come already and a new request may be about.

    A person at the held desk sees it there; of what goes to the requester anyhow either side says that it is the study.
    """
    wanted = [wanted_of(session, request, study) for study in request.studies]
    for arrival in came_before(session, request):
        _note(session, arrival, fits(arrived(session, arrival), wanted))


def note_chosen(session: Session, arrival: Arrival, study_id: str) -> ImageRequest:
    """A person says that the arrival answers this study: its request. Raises NotAllowed when it can not."""
    study = session.get(RequestedStudy, study_id)
    request = session.get(ImageRequest, study.request_id) if study else None
    if study is None or request is None or request.source_id != arrival.institution_id:
        raise NotAllowed("There is no such request to this Institution; reload the page.")
    if study.state != "wanted" or request.state not in (*ASKED, State.ANSWERED):
        raise NotAllowed(f"That {study.noun} is {study.state} and its request {request.state} now; reload the page.")
    if study.wants == Part.IMAGES and Part.IMAGES not in parts_held(session, arrival):
        raise NotAllowed("Images were asked for, and it holds none; push the images.")
    if (arrival.institution_id, request.institution_id) not in routing_directory(session).agreements:
        raise NotAllowed(f"No agreement lets {arrival.institution_id} send to {request.institution_id}.")
    _note(session, arrival, [compare(arrived(session, arrival), wanted_of(session, request, study))])
    return request


def recognised(session: Session, request: ImageRequest, study_id: str, arrival_id: str) -> str:
    """The arrival that a person says is this study of the request: one that goes to the requester, or is there.

    Raises NotAllowed with a sentence when it can not be.
    """
    study, candidate = session.get(RequestedStudy, study_id), session.get(Candidate, (study_id, arrival_id))
    if study is None or candidate is None or study.request_id != request.id:
        raise NotAllowed("That study is not one that may answer this request; reload the page.")
    if study.state != "wanted":
        raise NotAllowed(f"That {study.noun} is {study.state} already; reload the page.")
    goes_there = (
        select(Delivery.id)
        .join(Parcel, Parcel.id == Delivery.parcel_id)
        .where(Parcel.arrival_id == arrival_id, goes_to(request.institution_id))
    )
    if session.scalars(goes_there).first() is None:
        raise NotAllowed(
            f"That study does not go to {request.institution_id}; push it to IEP_{request.institution_id}."
        )
    return arrival_id


def _note(session: Session, arrival: Arrival, found: Iterable[Fit]) -> None:
    for fit in found:
        said = {
            "is_certain": fit.is_certain,
            "agrees": [field.value for field in fit.agrees],
            "differs": [field.value for field in fit.differs],
        }
        session.execute(
            insert(Candidate)
            .values(
                requested_study_id=fit.wanted.study_id,
                arrival_id=arrival.id,
                institution_id=arrival.institution_id,
                found_at=now(),
                actor="",
                **said,
            )
            .on_conflict_do_update(index_elements=["requested_study_id", "arrival_id"], set_=said)
        )
