"""Taking acknowledged objects over: the rows of one group, in one database transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from dicom_edge.arrivals import ArrivalBook
from dicom_edge.facts import Association as Sender
from dicom_edge.spool import Kept
from models.archive import FolderArchive, Stored
from models.dicom import Header, Unreadable, facts_to_json
from models.same_object import Sameness, compare
from models.tables import Association, HeldObject, Instance, Study, new_id, now

SAME = (Sameness.IDENTICAL, Sameness.SAME_PIXELS)
WHY_HELD = {
    Sameness.OTHER_IDENTITY: "An image of this UID was received before for another patient or series.",
    Sameness.OTHER_PIXELS: "An image of this UID was received before with other pixels.",
    Sameness.UNDECIDED: "An image of this UID was received before; whether it is the same could not be decided.",
}


@dataclass(frozen=True)
class Taken:
    """One object, in the archive, with what its header says (or why it cannot be read)."""

    kept: Kept
    sender: Sender
    header: Header | Unreadable
    stored: Stored


class Intake:
    """Writes the rows of a group of objects that are durable in `archive`."""

    def __init__(self, session: Session, archive: FolderArchive) -> None:
        self.session = session
        self.archive = archive
        self.at = now()
        self.book = ArrivalBook(session, self.at)

    def take(self, group: Sequence[Taken]) -> None:
        """All of `group`; idempotent, because a killed ingest takes the same objects again."""
        self._associations(taken.sender for taken in group)
        known = self._known(group)
        for taken in group:
            if isinstance(taken.header, Unreadable):
                self._hold(taken, "unreadable", str(taken.header))
                continue
            institution_id = _institution(taken.sender)
            study = self._study(institution_id, taken.header)
            arrival = self.book.open_arrival(taken.sender, study)
            instance = known.get((institution_id, taken.header.SOPInstanceUID))
            if instance is None:
                instance = self._instance(institution_id, study, taken)
                known[institution_id, taken.header.SOPInstanceUID] = instance
            elif not self._same(instance, taken, arrival.id):
                continue
            self.book.add(arrival, instance, taken.kept.association)
        self.book.close()

    def _associations(self, senders: Iterable[Sender]) -> None:
        for sender in {sender.association: sender for sender in senders}.values():
            self.session.execute(
                insert(Association)
                .values(
                    id=sender.association,
                    institution_id=_institution(sender),
                    node_id=sender.node_id,
                    edge=sender.edge,
                    calling_ae_title=sender.calling_ae_title,
                    called_ae_title=sender.called_ae_title,
                    address=sender.address,
                    standing=sender.standing.value,
                    opened_at=datetime.fromisoformat(sender.opened_at),
                )
                .on_conflict_do_nothing()
            )

    def _known(self, group: Sequence[Taken]) -> dict[tuple[str, str], Instance]:
        uids = [taken.header.SOPInstanceUID for taken in group if isinstance(taken.header, Header)]
        rows = self.session.scalars(
            select(Instance).where(
                Instance.institution_id.in_({_institution(taken.sender) for taken in group}),
                Instance.SOPInstanceUID.in_(uids),
            )
        )
        return {(row.institution_id, row.SOPInstanceUID): row for row in rows}

    def _study(self, institution_id: str, header: Header) -> Study:
        found = select(Study).where(
            Study.institution_id == institution_id, Study.StudyInstanceUID == header.StudyInstanceUID
        )
        study = self.session.scalars(found).one_or_none()
        if study is None:
            self.session.execute(
                insert(Study)
                .values(
                    id=new_id(),
                    institution_id=institution_id,
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
        if header.Modality and header.Modality not in study.ModalitiesInStudy:
            study.ModalitiesInStudy = sorted([*study.ModalitiesInStudy, header.Modality])
        return study

    def _instance(self, institution_id: str, study: Study, taken: Taken) -> Instance:
        assert isinstance(taken.header, Header)
        header = taken.header
        instance = Instance(
            id=new_id(),
            institution_id=institution_id,
            study_id=study.id,
            SOPInstanceUID=header.SOPInstanceUID,
            SOPClassUID=header.SOPClassUID,
            SeriesInstanceUID=header.SeriesInstanceUID,
            TransferSyntaxUID=header.TransferSyntaxUID,
            AccessionNumber=header.AccessionNumber,
            routing=header.routing,
            patient=facts_to_json(header.patient),
            sha256=taken.stored.sha256,
            size=taken.stored.size,
            store=taken.stored.store,
            key=taken.stored.key,
            received_at=self.at,
        )
        self.session.add(instance)
        return instance

    def _same(self, instance: Instance, taken: Taken, arrival_id: str) -> bool:
        if instance.sha256 == taken.stored.sha256:
            # A purged image that comes back is kept again.
            instance.store, instance.key, instance.purged_at = taken.stored.store, taken.stored.key, None
            return True
        verdict = (
            Sameness.UNDECIDED
            if instance.key is None
            else compare(self.archive.path(instance.key), self.archive.path(taken.stored.key))
        )
        if verdict in SAME:
            return True
        self._hold(taken, "conflict", WHY_HELD[verdict], arrival_id)
        return False

    def _hold(self, taken: Taken, reason: str, sentence: str, arrival_id: str | None = None) -> None:
        uid = taken.header.SOPInstanceUID if isinstance(taken.header, Header) else ""
        self.session.execute(
            insert(HeldObject)
            .values(
                id=new_id(),
                institution_id=taken.sender.institution_id,
                arrival_id=arrival_id,
                origin=f"{taken.kept.association}.{taken.kept.n}",
                reason=reason,
                sentence=sentence,
                SOPInstanceUID=uid,
                calling_ae_title=taken.sender.calling_ae_title,
                store=taken.stored.store,
                key=taken.stored.key,
                sha256=taken.stored.sha256,
                held_at=self.at,
            )
            .on_conflict_do_nothing()
        )


def _institution(sender: Sender) -> str:
    if sender.institution_id is None:
        raise ValueError("an admitted sender belongs to an Institution")
    return sender.institution_id
