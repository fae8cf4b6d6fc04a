"""A spool filled as an edge fills it, and the ingest that empties it."""

from __future__ import annotations

import shutil
import uuid
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydicom import Dataset
from sqlalchemy import select

from dicom_edge.facts import Association, AssociationEnded, CommitmentAsked, Standing, utc_now
from dicom_edge.ingest import Ingest
from dicom_edge.spool import Spool
from models.archive import FolderArchive
from models.db import Database
from models.tables import Arrival, now
from tests.database import Registry
from tests.models.objects import ct, write

EXPLICIT = "1.2.840.10008.1.2.1"
CT = "1.2.840.10008.5.1.4.1.1.2"


def small_ct(n: int = 1, **elements: Any) -> Dataset:
    """The `n`th image of one made-up study, of 8 x 8 pixels."""
    pixels = {"Rows": 8, "Columns": 8, "PixelData": bytes([n % 256]) * 128}
    with warnings.catch_warnings():
        # What is wrong in an object is wrong on purpose.
        warnings.simplefilter("ignore")
        return ct(**pixels | {"SOPInstanceUID": f"2.25.1000{n}", "InstanceNumber": str(n)} | elements)


def next_study() -> str:
    """A StudyInstanceUID that no other test of this run has used."""
    return f"2.25.{uuid.uuid4().int}"


@dataclass
class Filling:
    """One edge, one spool, one archive, one ingest."""

    database: Database
    registry: Registry
    folder: Path
    counts: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.spool = Spool(self.folder / "spool")
        self.spool.enter()
        self.archive = FolderArchive(self.folder / "archive")
        self.ingest = Ingest(Spool(self.spool.root), self.archive, self.database)

    def open(self, called: str = "IEP_ZX2", calling: str = "STORESCU", **changes: Any) -> str:
        """A new association of ZX1's STORESCU, on record."""
        association = uuid.uuid4().hex
        known: dict[str, Any] = {
            "association": association,
            "edge": self.spool.edge,
            "calling_ae_title": calling,
            "called_ae_title": called,
            "address": "127.0.0.1",
            "node_id": self.registry.nodes["STORESCU"],
            "institution_id": "ZX1",
            "standing": Standing.KNOWN,
            "tls": False,
            "opened_at": utc_now(),
        }
        self.spool.record_association(Association(**known | changes))
        self.counts[association] = 0
        return association

    def keep(
        self, association: str, *objects: Dataset | Path | bytes, syntax: str = EXPLICIT, fetched: bool = False
    ) -> None:
        """Acknowledge objects: data sets, files to be copied, or bytes; `fetched` as their sender says."""
        for one in objects:
            path = self.spool.new_path()
            if isinstance(one, bytes):
                path.write_bytes(one)
            elif isinstance(one, Path):
                shutil.copyfile(one, path)
            else:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    write(path, one, syntax)
            self.counts[association] += 1
            self.spool.keep(path, association, self.counts[association], fetched=fetched)

    def close(self, association: str) -> None:
        self.spool.report(AssociationEnded(association, utc_now(), self.counts[association]))

    def ask(self, association: str, *uids: str, transaction: str = "2.25.4711", node: str = "STORESCU") -> None:
        """Ask for storage commitment to CT images; `node` is a Node of ZX1."""
        self.spool.report(
            CommitmentAsked(
                association=association,
                node_id=self.registry.nodes[node],
                institution_id="ZX1",
                called_ae_title="IEP_ZX2",
                TransactionUID=transaction,
                references=dict.fromkeys(uids, CT),
                at=utc_now(),
            )
        )

    def bring(
        self,
        *objects: Dataset | Path | bytes,
        called: str = "IEP_ZX2",
        syntax: str = EXPLICIT,
        sender: str = "STORESCU",
    ) -> None:
        """A whole association of a Node of ZX1, taken over by ingest."""
        association = self.open(called, sender, node_id=self.registry.nodes[sender])
        self.keep(association, *objects, syntax=syntax)
        self.close(association)
        self.ingest.round()


def rows(filling: Filling, table: Any) -> list[Any]:
    """All rows of a table."""
    with filling.database.begin() as session:
        return list(session.scalars(select(table)))


def one(filling: Filling, table: Any) -> Any:
    """Its only row."""
    found = rows(filling, table)
    assert len(found) == 1, found
    return found[0]


def seal(filling: Filling) -> None:
    """Close every arrival: what comes now is late."""
    with filling.database.begin() as session:
        for arrival in session.scalars(select(Arrival)):
            arrival.sealed_at = arrival.sealed_at or now()
