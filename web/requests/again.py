"""Asking again: the form filled with what an earlier request of one's own Institution said."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.domain.nhs_number import spaced
from models.queries.requested import BOTH
from models.tables import ImageRequest, RequestedStudy, Transaction
from web.requests.form import MODALITIES, of_study
from web.words import dicom_date


def said_before(session: Session, institution_id: str, reference: str) -> dict[str, str]:
    """What a person would have to type to ask the same; empty for what this Institution has not asked."""
    asked = session.scalars(
        select(ImageRequest)
        .join(Transaction)
        .where(Transaction.reference == reference, ImageRequest.institution_id == institution_id)
    ).one_or_none()
    if asked is None:
        return {}
    named = [study for study in asked.studies if not study.is_prior and study.report_of_id is None]
    wanted = {study.wants for study in asked.studies}
    content = {
        "source": asked.source_id,
        "nhs_number": spaced(asked.nhs_number) if asked.nhs_number else "",
        "family_name": asked.family_name,
        "given_name": asked.given_name,
        "birth_date": dicom_date(asked.birth_date),
        "source_patient_id": asked.source_patient_id,
        "priors": "yes" if any(study.is_prior for study in asked.studies) else "",
        "wants": BOTH if len(wanted) > 1 else wanted.pop(),
        "recipient": asked.recipient,
        "call_back": asked.call_back,
        "urgency": asked.transaction.urgency,
        **{of_study(row, name): text for row, study in enumerate(named) for name, text in _of(study).items()},
    }
    return {name: text for name, text in content.items() if text} | {"rows": str(max(1, len(named)))}


def _of(study: RequestedStudy) -> dict[str, str]:
    return {
        "description": study.description,
        "Modality": study.Modality if study.Modality in MODALITIES else "",
        "from": dicom_date(study.study_date_from),
        "to": dicom_date(study.study_date_to),
        "AccessionNumber": study.AccessionNumber,
        "StudyInstanceUID": study.StudyInstanceUID,
    }
