"""The manifest of a transfer: which images its PACS lists, which of them have come, and by which arrival."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Exists, exists, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from models.directory import AE_TITLE
from models.domain.lifecycles.transfer import OPEN, State
from models.domain.urgency import Urgency
from models.most_urgent import earliest
from models.named_route import names_nothing
from models.tables import (
    Arrival,
    ArrivalInstance,
    Instance,
    ManifestImage,
    Study,
    Transfer,
    TransferStudy,
    now,
)

BRINGING = (*OPEN, State.DELIVERING, State.FULFILLED)
"""States in which an arrival that was tied to a transfer goes where the transfer says."""
NOT_BROUGHT: ColumnElement[bool] = TransferStudy.arrival_id.is_(None)


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


def brought_for(session: Session, arrival: Arrival) -> TransferStudy | None:
    """The study of a transfer that the arrival brings, if it brings one; it is tied to it by UID.

    An arrival that was addressed to an Institution by its called AE title is a push of its own. What the transfer's
    own Node sends is what it was asked for. Many a PACS stores under another AE title than the one that is asked, so
    another Node's arrival counts too, but only while it names no destination: a push with a code goes where the code
    says. It gives way once the transfer's own Node sends the study: then the other pushes by chance at the same time.
    """
    tied = select(TransferStudy).join(Transfer).where(TransferStudy.arrival_id == arrival.id)
    found = session.scalars(tied.where(Transfer.state.in_(BRINGING))).first()
    if arrival.sealed_at is not None or arrival.called_ae_title != AE_TITLE:
        return found
    if found is not None:
        is_own = found.transfer.node_id == arrival.node_id
        if is_own or found.state == "retrieved" or names_nothing(session, arrival):
            return found
        found.arrival_id = None
        session.flush()
    study = _waiting_for(session, arrival, Transfer.node_id == arrival.node_id, NOT_BROUGHT | _by_another(arrival))
    if study is None:
        study = _waiting_for(session, arrival, NOT_BROUGHT)
        if study is None or not names_nothing(session, arrival):
            return None
    if study.arrival_id is not None and not look_again(session, study):
        # Sealed meanwhile: that one has brought it.
        return None
    _tie(session, study, arrival)
    return study


def _by_another(arrival: Arrival) -> ColumnElement[bool]:
    """Another Node's arrival is bringing it, and not all of it has come."""
    others = select(Arrival.id).where(
        Arrival.study_id == arrival.study_id,
        Arrival.sealed_at.is_(None),
        Arrival.node_id.is_distinct_from(arrival.node_id),
    )
    return TransferStudy.arrival_id.in_(others) & (TransferStudy.state != "retrieved")


def _waiting_for(session: Session, arrival: Arrival, *conditions: ColumnElement[bool]) -> TransferStudy | None:
    return session.scalars(
        select(TransferStudy)
        .join(Transfer)
        .where(
            TransferStudy.institution_id == arrival.institution_id,
            TransferStudy.StudyInstanceUID == arrival.study.StudyInstanceUID,
            TransferStudy.listed_at.is_not(None),
            Transfer.state.in_(OPEN),
            *conditions,
        )
        .order_by(Transfer.placed_at)
        .limit(1)
        .with_for_update(of=TransferStudy)
        .execution_options(populate_existing=True)
    ).first()


def tie_open_arrival(session: Session, study: TransferStudy) -> None:
    """Tie the study to what is coming for it now, should that not have been done."""
    if study.arrival is not None and study.arrival.node_id == study.transfer.node_id:
        return
    coming = session.scalars(
        select(Arrival)
        .join(Study, Study.id == Arrival.study_id)
        .where(
            Study.institution_id == study.institution_id,
            Study.StudyInstanceUID == study.StudyInstanceUID,
            Arrival.sealed_at.is_(None),
            Arrival.id.is_distinct_from(study.arrival_id),
        )
        .with_for_update(of=Arrival)
    )
    for arrival in coming:
        brought_for(session, arrival)


def _tie(session: Session, study: TransferStudy, arrival: Arrival) -> None:
    study.arrival_id = arrival.id
    transfer = session.get_one(Transfer, study.transfer_id)
    sent = transfer.transaction
    arrival.transaction.follows_id = sent.id
    arrival.transaction.due_at = earliest(arrival.transaction.due_at, sent.due_at)
    own = Urgency(arrival.transaction.urgency)
    # An arrival is routine until somebody says otherwise; bulk stays behind the routine all the way.
    if own is Urgency.ROUTINE or Urgency(sent.urgency).priority < own.priority:
        arrival.transaction.urgency = sent.urgency
    session.flush()


def look_again(session: Session, study: TransferStudy) -> bool:
    """Let the arrival's workflow be told at once that something has changed; False where it is too late for that."""
    arrival = session.get(Arrival, study.arrival_id, with_for_update=True) if study.arrival_id else None
    if arrival is None or arrival.sealed_at is not None:
        return False
    arrival.generation += 1
    arrival.announced_at = None
    return True


def stragglers(session: Session, instance_ids: Collection[str]) -> set[tuple[str, str | None]]:
    """Which of these images a sealed arrival has brought for a transfer that is still under way, and from which Node.

    A PACS that was asked twice, as after a worker's death, sends them twice; another Node that sends them pushes.
    Where another transfer waits for the same study they are not in vain.
    """
    if not instance_ids:
        return set()
    waiting, other = aliased(TransferStudy), aliased(Transfer)
    is_waited_for = exists().where(
        waiting.institution_id == TransferStudy.institution_id,
        waiting.StudyInstanceUID == TransferStudy.StudyInstanceUID,
        waiting.arrival_id.is_(None),
        other.id == waiting.transfer_id,
        other.state.in_(OPEN),
    )
    rows = session.execute(
        select(ArrivalInstance.instance_id, Arrival.node_id)
        .join(Arrival, Arrival.id == ArrivalInstance.arrival_id)
        .join(TransferStudy, TransferStudy.arrival_id == Arrival.id)
        .join(Transfer, Transfer.id == TransferStudy.transfer_id)
        .where(
            ArrivalInstance.instance_id.in_(instance_ids),
            Arrival.sealed_at.is_not(None),
            Transfer.state.in_((*OPEN, State.DELIVERING)),
            ~is_waited_for,
        )
    )
    return {(row.instance_id, row.node_id) for row in rows}
