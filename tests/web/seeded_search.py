"""Searches of ZX1's PACS as the activity would have left them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy.orm import Session

from models.domain.pacs_search import Criteria, Hit
from models.tables import PacsHit, PacsSearch, new_id, now
from tests.database import Registry

AGNES: dict[str, Any] = {
    "PatientName": "EXAMPLE^Agnes",
    "PatientID": "ZX1-0042",
    "PatientBirthDate": "19510203",
    "other_ids": ("9990000018",),
}
CT = Hit(
    "2.25.771", **AGNES, StudyDate="20260503", AccessionNumber="A1000042", ModalitiesInStudy=("CT",),
    StudyDescription="CT head", series=2, images=180,
)  # fmt: skip
OLD = Hit("2.25.772", **AGNES, StudyDate="20240102", ModalitiesInStudy=("CT",), StudyDescription="CT chest")
HAND = Hit("2.25.773", **AGNES, StudyDate="20250102", ModalitiesInStudy=("DX",), StudyDescription="Hand", images=2)
FOUND = (CT, HAND, OLD)


def add_search(
    session: Session,
    registry: Registry,
    hits: tuple[Hit, ...] = FOUND,
    *,
    state: str = "answered",
    request_id: str | None = None,
    **more: Any,
) -> PacsSearch:
    search = PacsSearch(
        id=new_id(),
        institution_id="ZX1",
        account_id=registry.accounts["officer.zx1"],
        node_id=registry.nodes["ZX1_PACS"],
        request_id=request_id,
        criteria=asdict(Criteria(nhs_number="9990000018")),
        state=state,
        **{"asked_at": now()} | more,
    )
    session.add(search)
    session.flush()
    for position, hit in enumerate(hits, 1):
        session.add(
            PacsHit(
                search_id=search.id,
                position=position,
                institution_id="ZX1",
                StudyInstanceUID=hit.StudyInstanceUID,
                facts=asdict(hit),
            )
        )
    session.flush()
    return search


def add_series(session: Session, search: PacsSearch, *, state: str = "answered") -> PacsSearch:
    """What the PACS said of the series of the first hit."""
    uid = CT.StudyInstanceUID
    part = PacsSearch(
        id=new_id(),
        institution_id="ZX1",
        account_id=search.account_id,
        node_id=search.node_id,
        search_id=search.id,
        level="SERIES",
        criteria={"StudyInstanceUID": uid, "PatientID": ""},
        state=state,
        asked_at=search.asked_at,
    )
    session.add(part)
    session.flush()
    for number in (1, 2) if state == "answered" else ():
        facts = {
            "SeriesInstanceUID": f"{uid}.{number}", "SeriesNumber": str(number), "Modality": "CT", "images": 90,
            "SeriesDescription": f"Series {number}", "BodyPartExamined": "HEAD", "StudyInstanceUID": uid,
        }  # fmt: skip
        session.add(
            PacsHit(
                search_id=part.id,
                position=number,
                institution_id="ZX1",
                StudyInstanceUID=uid,
                SeriesInstanceUID=f"{uid}.{number}",
                facts=facts,
            )
        )
    session.flush()
    return part
