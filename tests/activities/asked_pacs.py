"""A PACS that answers C-FIND as the test says, and what a search of it leaves in the database."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from pydicom import Dataset
from pynetdicom import AE, evt
from temporalio.testing import ActivityEnvironment

from activities.inquiry import STUDY_ROOT
from activities.pacs_search import PacsSearchActivities
from models.db import Database
from models.domain.pacs_search import Criteria
from models.domain.transfer_contracts import SearchStart
from models.searches import ask, ask_for_series
from models.tables import Node, PacsHit, PacsSearch, new_id
from tests.database import Registry

Answers = Iterator[tuple[int, Any]]


@dataclass
class AskedPacs:
    """`asked` are the identifiers of all queries; `cancelled` whether it was told to stop."""

    answer: Callable[[AskedPacs, Any], Answers]
    port: int = 0
    asked: list[Dataset] = field(default_factory=list)
    cancelled: bool = False

    def find(self, event: Any) -> Answers:
        self.asked.append(event.identifier)
        yield from self.answer(self, event)


@contextlib.contextmanager
def asked_pacs(
    answer: Callable[[AskedPacs, Any], Answers],
    models: tuple[str, ...] = (STUDY_ROOT,),
    tls: ssl.SSLContext | None = None,
) -> Iterator[AskedPacs]:
    """On a free port until the end of the block."""
    pacs = AskedPacs(answer)
    entity = AE("ASKED")
    entity.supported_contexts = []
    for model in models:
        entity.add_supported_context(model)
    handlers: list[Any] = [(evt.EVT_C_FIND, pacs.find)]
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=handlers, ssl_context=tls)
    pacs.port = server.server_address[1]
    try:
        yield pacs
    finally:
        server.shutdown()
        server.server_close()


def always(*answers: tuple[int, Any]) -> Callable[[AskedPacs, Any], Answers]:
    """To every query the same."""
    return lambda pacs, event: iter(answers)


def study(number: int = 1, **elements: Any) -> Dataset:
    """An answer at STUDY level about Agnes."""
    found = Dataset()
    found.QueryRetrieveLevel = "STUDY"
    known = {
        "StudyInstanceUID": f"2.25.77{number}",
        "PatientName": "EXAMPLE^Agnes",
        "PatientID": "N1",
        "PatientBirthDate": "19510203",
        "StudyDate": "20260503",
        "AccessionNumber": f"A{number}",
        "ModalitiesInStudy": ["CT"],
        "StudyDescription": "CT Head",
    }
    for keyword, value in (known | elements).items():
        setattr(found, keyword, value)
    return found


@dataclass
class Searcher:
    """Somebody of ZX1 who searches the own PACS."""

    database: Database
    registry: Registry
    environment: ActivityEnvironment = field(default_factory=ActivityEnvironment)

    @property
    def account_id(self) -> str:
        return self.registry.accounts["officer.zx1"]

    @property
    def node_id(self) -> str:
        return self.registry.nodes["ZX1_PACS"]

    def set_node(self, port: int, **changes: Any) -> None:
        with self.database.begin() as session:
            node = session.get_one(Node, self.node_id)
            for column, value in ({"port": port, "dimse_timeout": 2.0} | changes).items():
                setattr(node, column, value)

    def search(self, **criteria: str) -> PacsSearch:
        """As it stands once the PACS was asked, with its hits."""
        with self.database.begin() as session:
            search_id = ask(
                session,
                institution_id="ZX1",
                account_id=self.account_id,
                node_id=self.node_id,
                criteria=Criteria(**criteria),
                command_id=new_id(),
            )
        return self.carried_out(search_id)

    def series(self, of: PacsSearch, position: int = 1) -> PacsSearch:
        with self.database.begin() as session:
            hit = session.get_one(PacsHit, (of.id, position))
            search = session.get_one(PacsSearch, of.id)
            search_id, _ = ask_for_series(session, search, hit, account_id=self.account_id, command_id=new_id())
        return self.carried_out(search_id)

    def carried_out(self, search_id: str) -> PacsSearch:
        state = self.environment.run(PacsSearchActivities(self.database).search, SearchStart(search_id))
        with self.database.begin() as session:
            search = session.get_one(PacsSearch, search_id)
            assert len(search.hits) >= 0
            assert search.state == state
            return search


def uids(search: PacsSearch) -> list[str]:
    return [hit.StudyInstanceUID for hit in search.hits]
