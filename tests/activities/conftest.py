"""What the tests of activities share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from activities.secured import OWN
from models.db import Database
from models.tls import Identity
from tests.activities.desk import Desk
from tests.activities.fetching import Fetching
from tests.activities.getting import Getting, getting_by
from tests.activities.orthanc import Orthanc, running_orthanc
from tests.activities.parcels import Parcels
from tests.activities.source_pacs import edge
from tests.activities.trust import HOST, Trust
from tests.conftest import Peers
from tests.database import Registry
from tests.edge.certificates import Authority
from tests.ingest.conftest import filling
from tests.ingest.filling import Filling

__all__ = ["filling"]


@pytest.fixture
def desk(database: Database, registry: Registry) -> Desk:
    return Desk(database, registry)


@pytest.fixture
def parcels(filling: Filling) -> Parcels:
    return Parcels(filling)


@pytest.fixture(scope="session")
def an_orthanc(peers: Peers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with running_orthanc(peers.need("Orthanc"), tmp_path_factory.mktemp("orthanc")) as orthanc:
        yield orthanc


@pytest.fixture
def orthanc(an_orthanc: Orthanc) -> Orthanc:
    """An empty one."""
    an_orthanc.clear()
    return an_orthanc


@pytest.fixture
def fetching(filling: Filling) -> Fetching:
    return Fetching(filling)


@pytest.fixture
def edge_port(filling: Filling) -> Iterator[int]:
    with edge(filling) as port:
        yield port


@pytest.fixture
def getting(filling: Filling) -> Iterator[Getting]:
    with getting_by(filling) as made:
        yield made


@pytest.fixture
def trust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trust:
    authority = Authority(tmp_path / "certificates")
    own = authority.issue("exchange")
    monkeypatch.setattr(OWN, "identity", Identity(own.key, own.certificate, authority.certificate))
    return Trust(authority, authority.issue("pacs", HOST), tmp_path)
