"""The manifest of a transfer: which images its PACS lists, which of them have come, and what is beyond it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Exists, exists, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from models.tables import (
    Arrival,
    ArrivalInstance,
    Instance,
    ManifestImage,
    TransferStudy,
    now,
)


@dataclass(frozen=True)
class ListedImage:
    """One image as a PACS lists it."""

    SOPInstanceUID: str
    SeriesInstanceUID: str
    SOPClassUID: str


@dataclass(frozen=True)
class Count:
    """`here` of `total` images of a manifest have come; what has vanished at the source is not awaited."""

    here: int
    total: int
    vanished: int = 0

    @property
    def complete(self) -> bool:
        return self.total > 0 and self.here == self.total


def add(session: Session, study: TransferStudy, images: Iterable[ListedImage]) -> int:
    """Put them on the manifest; how many are new to it."""
    rows = [
        {
            "transfer_study_id": study.id,
            "institution_id": study.institution_id,
            "SOPInstanceUID": image.SOPInstanceUID,
            "SeriesInstanceUID": image.SeriesInstanceUID,
            "SOPClassUID": image.SOPClassUID,
        }
        for image in {image.SOPInstanceUID: image for image in images}.values()
    ]
    if not rows:
        return 0
    written = insert(ManifestImage).on_conflict_do_nothing().returning(ManifestImage.SOPInstanceUID)
    return len(session.scalars(written, rows).all())


def compare_again(session: Session, study: TransferStudy, images: Collection[ListedImage]) -> None:
    """What the PACS lists at the end: new images join, once; of those that never came the vanished are let go."""
    fresh = add(session, study, images)
    listed = {image.SOPInstanceUID for image in images}
    awaited = session.scalars(
        select(ManifestImage).where(
            ManifestImage.transfer_study_id == study.id, ManifestImage.vanished_at.is_(None), ~is_here(study)
        )
    ).all()
    gone = [image for image in awaited if image.SOPInstanceUID not in listed]
    for image in gone:
        image.vanished_at = now()
    study.compared_at = now()
    said = (
        f"{fresh} more were listed at the end" if fresh else "",
        f"{len(gone)} were not listed any more at the end" if gone else "",
    )
    study.reason = "; ".join(filter(None, said))


def is_here(study: TransferStudy) -> Exists:
    """Of a ManifestImage: the study's arrival has brought it."""
    return exists().where(
        ArrivalInstance.arrival_id == study.arrival_id,
        ArrivalInstance.instance_id == Instance.id,
        Instance.SOPInstanceUID == ManifestImage.SOPInstanceUID,
        Instance.institution_id == study.institution_id,
    )


def count(session: Session, study: TransferStudy) -> Count:
    awaited: ColumnElement[bool] = ManifestImage.vanished_at.is_(None)
    row = session.execute(
        select(func.count().filter(awaited, is_here(study)), func.count().filter(awaited), func.count()).where(
            ManifestImage.transfer_study_id == study.id
        )
    ).one()
    return Count(row[0], row[1], row[2] - row[1])


def beyond(session: Session, study: TransferStudy) -> int:
    """How many images the study's arrival has brought that nobody has asked for."""
    is_listed = exists().where(
        ManifestImage.transfer_study_id == study.id, ManifestImage.SOPInstanceUID == Instance.SOPInstanceUID
    )
    brought = (
        select(func.count())
        .select_from(ArrivalInstance)
        .join(Instance, Instance.id == ArrivalInstance.instance_id)
        .where(ArrivalInstance.arrival_id == study.arrival_id, ~is_listed)
    )
    return session.scalar(brought) or 0


def missing(session: Session, study: TransferStudy) -> dict[str, tuple[list[str], bool]]:
    """By SeriesInstanceUID: the SOPInstanceUIDs that have not come, and whether these are all of the series."""
    rows = session.execute(
        select(ManifestImage.SeriesInstanceUID, ManifestImage.SOPInstanceUID, is_here(study))
        .where(ManifestImage.transfer_study_id == study.id, ManifestImage.vanished_at.is_(None))
        .order_by(ManifestImage.SeriesInstanceUID, ManifestImage.SOPInstanceUID)
    )
    series: dict[str, list[tuple[str, bool]]] = {}
    for SeriesInstanceUID, SOPInstanceUID, came in rows:
        series.setdefault(SeriesInstanceUID, []).append((SOPInstanceUID, came))
    return {
        uid: ([image for image, came in images if not came], not any(came for _, came in images))
        for uid, images in series.items()
        if not all(came for _, came in images)
    }


def missing_classes(session: Session, study: TransferStudy) -> set[str]:
    """The SOPClassUIDs of the images that have not come, with "" where the PACS did not say."""
    return set(
        session.scalars(
            select(ManifestImage.SOPClassUID)
            .where(ManifestImage.transfer_study_id == study.id, ManifestImage.vanished_at.is_(None), ~is_here(study))
            .distinct()
        )
    )


def look_again(session: Session, study: TransferStudy) -> bool:
    """Let the arrival's workflow be told at once that something has changed; False where it is too late for that."""
    arrival = session.get(Arrival, study.arrival_id, with_for_update=True) if study.arrival_id else None
    if arrival is None or arrival.sealed_at is not None:
        return False
    arrival.generation += 1
    arrival.announced_at = None
    return True
