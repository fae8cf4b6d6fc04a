"""Taking acknowledged objects over: the rows of one group, in one database transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from dicom_edge.arrivals import ArrivalBook
from dicom_edge.facts import Association as Sender
from dicom_edge.spool import Kept
from dicom_edge.storable import storable
from models.archive import Stored
from models.audit import record_act
from models.dicom import Header, Unreadable, facts_to_json
from models.domain.contracts import EXCHANGE
from models.domain.routing import AE_TITLE
from models.same_object import Sameness
from models.tables import ArrivalInstance, Association, HeldObject, Instance, Study, new_id, now
from models.tying import stragglers

Compare = Callable[[str, str], Sameness]
"""How the objects at two keys of the archive relate: the one known before, and the fresh one."""

WHY_HELD = {
    Sameness.OTHER_IDENTITY: "An image of this UID was received before for another patient or series.",
    Sameness.OTHER_PIXELS: "An image of this UID was received before with other pixels.",
    Sameness.OTHER_HEADER: "An image of this UID was received before with another header.",
    Sameness.UNDECIDED: "An image of this UID was received before; whether it is the same could not be decided.",
}
NOBODY = "The record of who sent it is missing."


@dataclass(frozen=True)
class Taken:
    """One object, in the archive, with what its header says (or why it cannot be read)."""

    kept: Kept
    sender: Sender | None
    header: Header | Unreadable
    stored: Stored


@dataclass(frozen=True)
class Fit:
    """An object that can join a study."""

    taken: Taken
    sender: Sender
    institution_id: str
    header: Header

    @property
    def known_by(self) -> tuple[str, str]:
        return self.institution_id, self.header.SOPInstanceUID


def rivals(session: Session, group: Sequence[Taken]) -> set[tuple[str, str]]:
    """Which objects of the archive must be compared before `group` is taken: pairs of keys, the known one first."""
    keys = {known_by: instance.key for known_by, instance in _known(session, group).items()}
    pairs = set()
    for fit in _fit(group):
        fresh = fit.taken.stored.key
        known = keys.setdefault(fit.known_by, fresh)
        if known is not None and known != fresh:
            pairs.add((known, fresh))
    return pairs


class Intake:
    """Writes the rows of a group of objects that are durable in the archive."""

    def __init__(self, session: Session, compare: Compare) -> None:
        self.session = session
        self.compare = compare
        self.at = now()
        self.book = ArrivalBook(session, self.at)
        self.studies: dict[tuple[str, str], Study] = {}
        self.unneeded: list[str] = []
        """Keys of what is the same image as one that is kept; no row of this intake names them."""

    def take(self, group: Sequence[Taken]) -> None:
        """All of `group`; idempotent, because a killed ingest takes the same objects again."""
        fit = {id(one.taken): one for one in _fit(group)}
        self._associations(one.sender for one in fit.values())
        known = _known(self.session, group)
        brought = self._brought(fit.values())
        fetched = stragglers(self.session, {instance.id for instance in known.values()})
        for taken in group:
            one = fit.get(id(taken))
            if one is None:
                self._hold(taken, "unreadable", str(taken.header) if taken.sender else NOBODY)
                continue
            instance = known.get(one.known_by)
            if instance is not None and not self._same(instance, one):
                continue
            if instance is not None and (one.sender.association, instance.id) in brought:
                continue
            if instance is not None and _is_straggler(one, instance, fetched):
                continue
            study = self._study(one)
            if instance is None:
                instance = known[one.known_by] = self._instance(study, one)
            self.book.add(
                self.book.open_arrival(one.sender, study),
                instance,
                one.sender.association,
                fetched=one.taken.kept.fetched,
            )
        self.book.close()

    def _associations(self, senders: Iterable[Sender]) -> None:
        for sender in {sender.association: sender for sender in senders}.values():
            self.session.execute(
                insert(Association)
                .values(
                    id=sender.association,
                    institution_id=sender.institution_id,
                    node_id=sender.node_id,
                    edge=sender.edge,
                    calling_ae_title=storable(sender.calling_ae_title),
                    called_ae_title=storable(sender.called_ae_title),
                    address=sender.address,
                    standing=sender.standing.value,
                    opened_at=datetime.fromisoformat(sender.opened_at),
                )
                .on_conflict_do_nothing()
            )

    def _brought(self, group: Iterable[Fit]) -> set[tuple[str, str]]:
        """(association, image) that were taken before: ingest was killed between its commit and freeing the spool."""
        associations = {fit.sender.association for fit in group}
        rows = self.session.execute(
            select(ArrivalInstance.association_id, ArrivalInstance.instance_id)
            .join(Instance, Instance.id == ArrivalInstance.instance_id)
            .where(
                ArrivalInstance.association_id.in_(associations),
                Instance.SOPInstanceUID.in_({fit.header.SOPInstanceUID for fit in group}),
            )
        )
        return {(association, instance) for association, instance in rows}

    def _study(self, fit: Fit) -> Study:
        header = fit.header
        key = (fit.institution_id, header.StudyInstanceUID)
        study = self.studies.get(key) or self._found_study(fit)
        self.studies[key] = study
        if header.Modality and header.Modality not in study.ModalitiesInStudy:
            study.ModalitiesInStudy = sorted([*study.ModalitiesInStudy, header.Modality])
        return study

    def _found_study(self, fit: Fit) -> Study:
        header = fit.header
        found = select(Study).where(
            Study.institution_id == fit.institution_id, Study.StudyInstanceUID == header.StudyInstanceUID
        )
        study = self.session.scalars(found).one_or_none()
        if study is None:
            self.session.execute(
                insert(Study)
                .values(
                    id=new_id(),
                    institution_id=fit.institution_id,
                    StudyInstanceUID=header.StudyInstanceUID,
                    AccessionNumber=header.AccessionNumber,
                    StudyDate=header.StudyDate,
                    StudyDescription=header.StudyDescription,
                    ModalitiesInStudy=[],
                    patient=facts_to_json(header.patient),
                    first_received_at=self.at,
                )
                .on_conflict_do_nothing()
            )
            study = self.session.scalars(found).one()
        return study

    def _instance(self, study: Study, fit: Fit) -> Instance:
        header, stored = fit.header, fit.taken.stored
        instance = Instance(
            id=new_id(),
            institution_id=fit.institution_id,
            study_id=study.id,
            SOPInstanceUID=header.SOPInstanceUID,
            SOPClassUID=header.SOPClassUID,
            SeriesInstanceUID=header.SeriesInstanceUID,
            TransferSyntaxUID=header.TransferSyntaxUID,
            AccessionNumber=header.AccessionNumber,
            routing=header.routing,
            patient=facts_to_json(header.patient),
            complete_content=list(header.complete_content),
            sha256=stored.sha256,
            size=stored.size,
            store=stored.store,
            key=stored.key,
            received_at=self.at,
        )
        self.session.add(instance)
        return instance

    def _same(self, instance: Instance, fit: Fit) -> bool:
        """Whether it is the image that is known; if not, it is held beside it."""
        stored = fit.taken.stored
        if instance.sha256 == stored.sha256:
            if instance.purged_at is not None:
                # It came back after its purge, and is kept again.
                instance.store, instance.key, instance.purged_at = stored.store, stored.key, None
                instance.patient, instance.routing = facts_to_json(fit.header.patient), fit.header.routing
            return True
        verdict = Sameness.UNDECIDED if instance.key is None else self.compare(instance.key, stored.key)
        if verdict.conflict:
            self._hold(fit.taken, "conflict", WHY_HELD[verdict], self.book.last_arrival(instance.study_id))
        else:
            self._received_again(instance, fit)
        return not verdict.conflict

    def _received_again(self, instance: Instance, fit: Fit) -> None:
        """The first bytes are kept; that others came, and which, is on record."""
        stored = fit.taken.stored
        self.unneeded.append(stored.key)
        record_act(
            self.session,
            institution_id=fit.institution_id,
            actor=EXCHANGE,
            act="image.received-again",
            subject=instance.id,
            facts={"association": fit.sender.association, "sha256": stored.sha256},
            at=self.at,
        )

    def _hold(self, taken: Taken, reason: str, sentence: str, arrival_id: str | None = None) -> None:
        sender = taken.sender
        uid = taken.header.SOPInstanceUID if isinstance(taken.header, Header) else ""
        self.session.execute(
            insert(HeldObject)
            .values(
                id=new_id(),
                institution_id=sender.institution_id if sender else None,
                arrival_id=arrival_id,
                origin=f"{taken.kept.association}.{taken.kept.n}",
                reason=reason,
                sentence=sentence,
                SOPInstanceUID=uid,
                calling_ae_title=storable(sender.calling_ae_title) if sender else "",
                store=taken.stored.store,
                key=taken.stored.key,
                sha256=taken.stored.sha256,
                held_at=self.at,
            )
            .on_conflict_do_nothing()
        )


def _fit(group: Sequence[Taken]) -> Iterator[Fit]:
    for taken in group:
        sender, header = taken.sender, taken.header
        if sender is not None and sender.institution_id is not None and isinstance(header, Header):
            yield Fit(taken, sender, sender.institution_id, header)


def _is_straggler(fit: Fit, instance: Instance, fetched: Mapping[tuple[str, str | None], bool]) -> bool:
    """Whether it was asked for twice: where its first copy is known to have been, so must this one be."""
    moved = fetched.get((instance.id, fit.sender.node_id))
    return moved is not None and fit.sender.called_ae_title == AE_TITLE and (fit.taken.kept.fetched or not moved)


def _known(session: Session, group: Sequence[Taken]) -> dict[tuple[str, str], Instance]:
    wanted = {fit.known_by for fit in _fit(group)}
    if not wanted:
        return {}
    rows = session.scalars(select(Instance).where(tuple_(Instance.institution_id, Instance.SOPInstanceUID).in_(wanted)))
    return {(row.institution_id, row.SOPInstanceUID): row for row in rows}
