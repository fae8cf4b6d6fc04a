"""The open arrivals that a group of images belongs to: opened, counted and moved one generation on."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from dicom_edge.facts import Association as Sender
from dicom_edge.storable import storable
from models.audit import record_act
from models.domain.contracts import EXCHANGE
from models.followed import followed
from models.references import new_reference
from models.tables import Arrival, ArrivalInstance, Instance, Study, Transaction, new_id

Key = tuple[str, str, str, str, str]


@dataclass(frozen=True)
class Brought:
    """One image of an arrival, by which association first, and whether it was moved at our request, pushed, or both."""

    instance: Instance
    association_id: str
    fetched: bool
    pushed: bool


class ArrivalBook:
    """The arrivals touched by one group; `close()` gives each its next generation."""

    def __init__(self, session: Session, at: datetime) -> None:
        self.session = session
        self.at = at
        self._open: dict[Key, Arrival] = {}
        self._added: dict[str, dict[str, Brought]] = {}

    def open_arrival(self, sender: Sender, study: Study) -> Arrival:
        """The one unsealed arrival of this study from this sender to this called AE title, locked."""
        key = (
            study.institution_id,
            study.id,
            storable(sender.calling_ae_title),
            storable(sender.called_ae_title),
            sender.standing.value,
        )
        if key not in self._open:
            self._open[key] = self._find(key) or self._new(key, sender, study)
        return self._open[key]

    def last_arrival(self, study_id: str) -> str | None:
        """The newest arrival of a study, open or not."""
        newest = select(Arrival.id).where(Arrival.study_id == study_id).order_by(Arrival.opened_at.desc()).limit(1)
        return self.session.scalars(newest).first()

    def add(self, arrival: Arrival, instance: Instance, association_id: str, *, fetched: bool) -> None:
        added = self._added.setdefault(arrival.id, {})
        before = added.get(instance.id)
        added[instance.id] = Brought(
            instance,
            before.association_id if before else association_id,
            fetched=fetched or bool(before and before.fetched),
            pushed=not fetched or bool(before and before.pushed),
        )

    def close(self) -> None:
        """Write which images came. One that brought only known images moves on too: its sender is still busy."""
        self.session.flush()
        for arrival in self._open.values():
            arrival.last_received_at = self.at
            arrival.generation += 1
            added = self._added.get(arrival.id, {}).values()
            if any(one.instance.complete_content for one in added):
                # It says what the whole study is: due at once, however lately the arrival was announced.
                arrival.announced_at = None
            rows = [
                {
                    "arrival_id": arrival.id,
                    "instance_id": one.instance.id,
                    "association_id": one.association_id,
                    "fetched": one.fetched,
                    "pushed": one.pushed,
                }
                for one in added
            ]
            known = set(
                self.session.scalars(
                    select(ArrivalInstance.instance_id).where(
                        ArrivalInstance.arrival_id == arrival.id,
                        ArrivalInstance.instance_id.in_([row["instance_id"] for row in rows]),
                    )
                )
            )
            self._came_again(arrival, [one for one in added if one.instance.id in known])
            fresh = [row for row in rows if row["instance_id"] not in known]
            if fresh:
                numbered = [{**row, "position": arrival.count + n} for n, row in enumerate(fresh, 1)]
                self.session.execute(insert(ArrivalInstance), numbered)
                arrival.count += len(fresh)

    def _came_again(self, arrival: Arrival, images: Collection[Brought]) -> None:
        """What is there may come in the other way as well."""
        for column, these in (
            (ArrivalInstance.fetched, [one.instance.id for one in images if one.fetched]),
            (ArrivalInstance.pushed, [one.instance.id for one in images if one.pushed]),
        ):
            if these:
                also = ArrivalInstance.arrival_id == arrival.id, ArrivalInstance.instance_id.in_(these), ~column
                self.session.execute(update(ArrivalInstance).where(*also).values({column: True}))

    def _find(self, key: Key) -> Arrival | None:
        institution_id, study_id, calling, called, standing = key
        return self.session.scalars(
            select(Arrival)
            .where(
                Arrival.institution_id == institution_id,
                Arrival.study_id == study_id,
                Arrival.calling_ae_title == calling,
                Arrival.called_ae_title == called,
                Arrival.standing == standing,
                Arrival.sealed_at.is_(None),
            )
            .with_for_update()
        ).one_or_none()

    def _new(self, key: Key, sender: Sender, study: Study) -> Arrival:
        institution_id, study_id, calling, called, standing = key
        transaction = Transaction(
            id=new_id(),
            reference=new_reference(),
            kind="push",
            institution_id=institution_id,
            follows_id=followed(self.session, *key[:4]),
            lifecycle="arrival",
            state="receiving",
            state_since=self.at,
            opened_at=self.at,
        )
        arrival = Arrival(
            id=new_id(),
            transaction_id=transaction.id,
            transaction=transaction,
            institution_id=institution_id,
            study_id=study_id,
            node_id=sender.node_id,
            calling_ae_title=calling,
            called_ae_title=called,
            standing=standing,
            generation=0,
            announced_generation=0,
            count=0,
            state="receiving",
            opened_at=self.at,
            last_received_at=self.at,
        )
        self.session.add_all([transaction, arrival])
        record_act(
            self.session,
            institution_id=institution_id,
            actor=EXCHANGE,
            act="arrival.opened",
            subject=arrival.id,
            facts={"reference": transaction.reference, "association": sender.association},
            at=self.at,
        )
        return arrival
