"""Removing images whose purpose has ended. Records stay, and enough of each image to recognise it if it comes again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import delete, exists, func, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session, aliased

from models import bulk_retention, drafts, local_patients, searches
from models.archive import FolderArchive
from models.audit import record_act
from models.db import Database
from models.domain.lifecycles.delivery import State
from models.tables import Arrival, ArrivalInstance, Delivery, HeldObject, Instance, LeftOver, Parcel, TransitionRow, now

ACTOR = "exchange"
DONE = (State.CONFIRMED, State.CONFIRMED_IN_PART)
"""What a person left out is pushed again by whoever wants it after all, as its page says: nothing waits for it here."""
GROUP = 500
LOCK_OF_PURGE = 0x1EA


def purge(
    database: Database, archive: FolderArchive, *, days: float, must_stop: Callable[[], bool] = lambda: False
) -> int:
    """Remove old drafts and searches, what old sheets say, local IDs under which nothing was released in the end, and
    the images of `purge_confirmed`; how many those were.
    """
    with database.begin() as session:
        drafts.forget_old(session)
        searches.forget_old(session)
        bulk_retention.empty_old(session)
        local_patients.forget_unreleased(session)
    return purge_confirmed(database, archive, days=days, must_stop=must_stop)


def purge_confirmed(
    database: Database, archive: FolderArchive, *, days: float, must_stop: Callable[[], bool] = lambda: False
) -> int:
    """Remove images all of whose deliveries were confirmed, if only in part, more than `days` ago; how many that were.

    An image that is held, on its way, or of a delivery that never was confirmed stays. Where it `must_stop` the rest
    stays, too.
    """
    # What was left lying when this was killed.
    remove_left_over(database, archive)
    removed, last = 0, ""
    while not must_stop():
        with database.begin() as session:
            # Before any row is read: an ingest that has found an image kept must have finished naming it.
            session.execute(select(func.pg_advisory_xact_lock(LOCK_OF_PURGE)))
            due = due_for_removal(session, days, last)
            keys = {instance.key for instance in due if instance.key}
            if keys:
                session.execute(insert(LeftOver).on_conflict_do_nothing(), [{"key": key} for key in keys])
            for instance in due:
                instance.store = instance.key = None
                instance.patient, instance.routing, instance.purged_at = {}, {}, now()
            for institution_id in {instance.institution_id for instance in due}:
                count = sum(instance.institution_id == institution_id for instance in due)
                record_act(
                    session,
                    institution_id=institution_id,
                    actor=ACTOR,
                    act="images.purged",
                    subject="",
                    facts={"images": count},
                )
        # Rows first: a file without a row is litter, a row without a file would be a lie.
        remove_left_over(database, archive)
        removed += len(due)
        if len(due) < GROUP:
            break
        last = due[-1].id
    return removed


def due_for_removal(session: Session, days: float, last: str) -> list[Instance]:
    """After `last`; locked, so that an image that comes again meanwhile is kept again afterwards."""
    member, arrival = aliased(ArrivalInstance), aliased(Arrival)
    confirmed_before = now() - timedelta(days=days)
    last_step = select(func.max(TransitionRow.at)).where(TransitionRow.subject_id == Delivery.id).scalar_subquery()
    was_sent = exists().where(Parcel.arrival_id == arrival.id, Delivery.parcel_id == Parcel.id)
    is_kept = exists().where(
        Parcel.arrival_id == arrival.id,
        Delivery.parcel_id == Parcel.id,
        or_(Delivery.state.not_in(DONE), last_step >= confirmed_before),
    )
    in_use = exists().where(member.instance_id == Instance.id, member.arrival_id == arrival.id, ~was_sent | is_kept)
    came = exists().where(member.instance_id == Instance.id)
    return list(
        session.scalars(
            select(Instance)
            .where(Instance.key.is_not(None), Instance.id > last, came, ~in_use)
            .order_by(Instance.id)
            .limit(GROUP)
            .with_for_update(of=Instance, skip_locked=True)
        )
    )


def remove_left_over(database: Database, archive: FolderArchive) -> None:
    """Remove the bytes whose rows were emptied."""
    with database.begin() as session:
        keys = list(session.scalars(select(LeftOver.key)))
    if keys:
        remove_unused(database, archive, keys)
        with database.begin() as session:
            session.execute(delete(LeftOver).where(LeftOver.key.in_(keys)))


def remove_unused(database: Database, archive: FolderArchive, keys: list[str]) -> None:
    """Remove the bytes of `keys` that no row names any more; ingest names none meanwhile."""
    with database.begin() as session:
        session.execute(select(func.pg_advisory_xact_lock(LOCK_OF_PURGE)))
        used: set[str | None] = set()
        for table in (Instance, HeldObject):
            used |= set(session.scalars(select(table.key).where(table.key.in_(keys))))
        for key in set(keys) - used:
            archive.remove(key)


def hold_off_purge(session: Session) -> None:
    """Until this transaction ends, no file is removed: what lies in the archive now can be named by its rows."""
    session.execute(select(func.pg_advisory_xact_lock_shared(LOCK_OF_PURGE)))
