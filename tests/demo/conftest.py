"""The PACS that tests of this folder ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from demo.patients import ADA, BORIS
from demo.studies import Study, make_study
from tests.conftest import Peers
from tests.demo.programs import program
from tests.demo.site import Site


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Study, Study]:
    """A folder with a CT study of 6 images and an MR study of 2."""
    folder = tmp_path_factory.mktemp("made")
    common = {"institution_id": "ZX1", "rows": 64, "columns": 64}
    ct = make_study(folder / "ct", seed="pacs-ct", patient=ADA, n=6, **common)  # type: ignore[arg-type]
    mr = make_study(
        folder / "mr",
        seed="pacs-mr",
        patient=BORIS,
        n=2,
        modality="MR",
        date="20250101",
        description="MRI",
        **common,  # type: ignore[arg-type]
    )
    return folder, ct, mr


@pytest.fixture
def site(tmp_path: Path, peers: Peers) -> Iterator[Site]:
    with program(tmp_path / "log", "demo.pacs", "--ae-title", "ZX1_PACS", "--folder", str(tmp_path / "pacs")) as pacs:
        yield Site(pacs, tmp_path / "pacs", peers)


@pytest.fixture(scope="module")
def filled(made: tuple[Path, Study, Study], tmp_path_factory: pytest.TempPathFactory, peers: Peers) -> Iterator[Site]:
    """A PACS to ask only: it lives as long as this module."""
    folder = tmp_path_factory.mktemp("filled")
    with program(folder / "log", "demo.pacs", "--ae-title", "ZX1_PACS", "--folder", str(folder / "pacs")) as pacs:
        site = Site(pacs, folder / "pacs", peers)
        site.store(made[0])
        yield site
