"""What transfers ask of the sender's PACS and of the database: the manifest, and how far they have got."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from activities.asking import finder
from activities.border import acts
from activities.listing import images_listed
from activities.peer import PeerAddress, association
from models import manifests
from models.db import Database
from models.domain.errors import Passing, PeerRefuses, PeerUnreachable
from models.domain.transfer_contracts import TransferProgress
from models.outbox import report_node_fault
from models.tables import Transfer, TransferStudy, now
from models.transfer_progress import progress


class TransferActivities:
    def __init__(self, database: Database) -> None:
        self.database = database

    @acts
    def list_at_source(self, transfer_id: str) -> None:
        """Ask the sender's PACS which images there are of each study. Idempotent: a list that is frozen stays.

        Raises PeerRefuses where it lists nothing, or will not be asked.
        """
        with self.database.begin() as session:
            transfer = session.get_one(Transfer, transfer_id)
            peer = PeerAddress.of(transfer.node)
            unlisted = [
                (one.id, one.StudyInstanceUID, list(one.series)) for one in transfer.studies if not one.listed_at
            ]
            total = len(transfer.studies)
        if not unlisted:
            return
        nothing = 0
        with noting(self.database, transfer_id), association(peer, finder()) as assoc:
            for study_id, uid, series in unlisted:
                images = images_listed(peer, assoc, uid, series)
                nothing += not images
                if images:
                    self._freeze(study_id, images)
        if nothing:
            raise PeerRefuses(f"{peer.name} lists no image of {nothing} of {total} picked.")

    def _freeze(self, study_id: str, images: list[manifests.ListedImage]) -> None:
        with self.database.begin() as session:
            study = session.get_one(TransferStudy, study_id, with_for_update=True)
            if study.listed_at is None:
                manifests.add(session, study, images)
                study.listed_at, study.state = now(), "listed"

    @acts
    def progress(self, transfer_id: str) -> TransferProgress:
        """How far the transfer has got. Only reads."""
        with self.database.begin() as session:
            return progress(session, session.get_one(Transfer, transfer_id))


@contextmanager
def noting(database: Database, transfer_id: str) -> Iterator[None]:
    """Say on the page why the PACS cannot be asked at present, and let the Node's health look."""
    try:
        yield
    except Passing as fault:
        with database.begin() as session:
            transfer = session.get_one(Transfer, transfer_id)
            transfer.fault = f"{fault} It is tried again by itself; nobody needs to act."
            if isinstance(fault, PeerUnreachable):
                report_node_fault(session, transfer.node_id, str(fault), fault.step)
        raise
    with database.begin() as session:
        session.get_one(Transfer, transfer_id).fault = ""
