"""A search and a transfer filled in from a request that one's own Institution is asked."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.domain.nhs_number import spaced
from models.tables import ImageRequest, PacsSearch, RequestedStudy, Transaction, Worklist
from web.requests.form import MODALITIES
from web.words import dicom_date


def request_asked(session: Session, institution_id: str, reference: str) -> ImageRequest | None:
    """The request of that reference, if this Institution is asked by it."""
    return session.scalars(
        select(ImageRequest)
        .join(Transaction)
        .where(Transaction.reference == reference, ImageRequest.source_id == institution_id)
    ).one_or_none()


def sought(request: ImageRequest) -> dict[str, str]:
    """What somebody would type to find what is still wanted: numbers and dates only where they are the one study's."""
    wanted = [study for study in request.studies if study.state == "wanted" and study.report_of_id is None]
    only = wanted[0] if len(wanted) == 1 and not wanted[0].is_prior else RequestedStudy()
    content = {
        "request": request.transaction.reference,
        "nhs_number": spaced(request.nhs_number) if request.nhs_number else "",
        "patient_id": request.source_patient_id,
        "family_name": request.family_name,
        "given_name": request.given_name,
        "birth_date": dicom_date(request.birth_date),
        "accession": only.AccessionNumber,
        "date_from": dicom_date(only.study_date_from or ""),
        "date_to": dicom_date(only.study_date_to or ""),
        "Modality": only.Modality if only.Modality in MODALITIES else "",
    }
    return {name: text for name, text in content.items() if text}


def meant(session: Session, request: ImageRequest) -> dict[str, str]:
    """What of a transfer the request says already: to whom, for whom, how soon."""
    worklist = session.scalars(
        select(Worklist).where(Worklist.institution_id == request.institution_id, Worklist.is_default.is_(True))
    ).one_or_none()
    return {
        "worklist": worklist.id if worklist else "",
        "recipient": request.recipient,
        "call_back": request.call_back,
        "urgency": request.transaction.urgency,
        "reason": f"Answers {request.transaction.reference}.",
    }


def answered_by(session: Session, search: PacsSearch) -> ImageRequest | None:
    """The request for which a search was made."""
    return session.get(ImageRequest, search.request_id) if search.request_id else None
