"""Which arrivals may answer which requested studies: found by the matching rule, kept with its reasons."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.came_before import came_before, goes_to
from models.dicom import facts_from_json
from models.directory import routing_directory
from models.domain.errors import NotAllowed
from models.domain.identity import nhs_numbers, unpadded
from models.domain.lifecycles.request import Event, State
from models.domain.matching import Arrived, Fit, compare, fits
from models.domain.parts import SCANS, WRITTEN, Part, parts_of
from models.parts import parts_held, sop_classes, without_others
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
    Transaction,
    TransitionRow,
    now,
)
from models.wanted import ASKED, wanted_like, wanted_of

NOT_THERE = {
    Part.IMAGES: "Images were asked for, and it holds none; push the images.",
    Part.REPORT: "A report was asked for, and it holds none; push the report.",
}


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
    classes = sop_classes(session, arrival)
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
        holds=parts_of(classes),
        written=not WRITTEN.isdisjoint(classes),
        scanned=not classes.isdisjoint(SCANS),
    )


def note_for_arrival(session: Session, arrival: Arrival) -> list[Fit]:
    """Keep every requested study that the arrival may be; returned best first, without what a person dismissed."""
    said = arrived(session, arrival)
    found = fits(said, without_others(session, arrival, said.holds, wanted_like(session, arrival.institution_id, said)))
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
    wanted = wanted_of(session, [(request, study) for study in request.studies if study.state == "wanted"])
    found = []
    said = arrived(session, arrival)
    for fit in fits(said, without_others(session, arrival, said.holds, wanted)):
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
    said = arrived(session, arrival)
    _note(session, arrival, [compare(said, one) for one in wanted_of(session, [(request, one) for one in others])])
    return [chosen, *others]


def note_for_request(session: Session, request: ImageRequest) -> None:
    """Keep what has come already and a new request may be about.

    A person at the held desk sees it there; of what goes to the requester anyhow either side says that it is the study.
    """
    wanted = wanted_of(session, [(request, study) for study in request.studies])
    for arrival in came_before(session, request):
        _note(session, arrival, fits(arrived(session, arrival), wanted))


def note_forwarded(session: Session, arrival: Arrival, by: str, to: str) -> None:
    """Keep what `to` wants of `by`, who forwards it an arrival of a third: either of them says that it is the study."""
    # Local numbers are those of whose images they are: nobody has asked the one that forwards them for these.
    said = replace(arrived(session, arrival), PatientID="", accessions=frozenset())
    wanted = [one for one in wanted_like(session, by, said) if one.requester == to]
    _note(session, arrival, fits(said, without_others(session, arrival, said.holds, wanted)))


def note_chosen(session: Session, arrival: Arrival, study_id: str) -> ImageRequest:
    """A person says that the arrival answers this study: its request. Raises NotAllowed when it can not."""
    study = session.get(RequestedStudy, study_id)
    request = session.get(ImageRequest, study.request_id) if study else None
    if study is None or request is None or request.source_id != arrival.institution_id:
        raise NotAllowed("There is no such request to this Institution; reload the page.")
    if too_late := no_longer_wanted(session, study, request):
        raise NotAllowed(too_late)
    if (arrival.institution_id, request.institution_id) not in routing_directory(session).agreements:
        raise NotAllowed(f"No agreement lets {arrival.institution_id} send to {request.institution_id}.")
    said = arrived(session, arrival)
    if not said.may_hold(part := Part(study.wants)):
        raise NotAllowed(NOT_THERE[part])
    _note(session, arrival, [compare(said, wanted) for wanted in wanted_of(session, [(request, study)])])
    return request


def no_longer_wanted(session: Session, study: RequestedStudy, request: ImageRequest) -> str:
    """Why nothing can answer the study any more, with who decided that and when; empty where it is wanted."""
    if study.state == "wanted" and request.state in (*ASKED, State.ANSWERED):
        return ""
    of_it = select(TransitionRow).where(TransitionRow.lifecycle == "request", TransitionRow.subject_id == request.id)
    step = session.scalars(of_it.order_by(TransitionRow.id.desc()).limit(1)).first()
    reference = session.get_one(Transaction, request.transaction_id).reference
    if step is None:
        return f"Too late: {reference} is {request.state}."
    return f"Too late: {reference} was {step.event.replace('-', ' ')} by {step.actor} at {step.at:%H:%M} UTC."


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


def _note(session: Session, arrival: Arrival, found: Collection[Fit]) -> None:
    if not found:
        return
    rows = [
        {
            "requested_study_id": fit.wanted.study_id,
            "arrival_id": arrival.id,
            "institution_id": arrival.institution_id,
            "found_at": now(),
            "actor": "",
            "is_certain": fit.is_certain,
            "agrees": [field.value for field in fit.agrees],
            "differs": [field.value for field in fit.differs],
        }
        for fit in found
    ]
    new = insert(Candidate).values(rows)
    said = {name: new.excluded[name] for name in ("is_certain", "agrees", "differs")}
    session.execute(new.on_conflict_do_update(index_elements=["requested_study_id", "arrival_id"], set_=said))
