"""Fetching by C-GET with little memory, a full disk, and Nodes of one AE title: bounded, told, and never mixed up."""

from __future__ import annotations

import subprocess
from tempfile import TemporaryFile

import pytest
from pydicom import Dataset

from activities import received_file
from models.tables import Node
from tests.activities.fetching import images
from tests.activities.getting import Getting
from tests.activities.source_pacs import source_pacs
from tests.ingest.filling import small_ct

MEBIBYTE = 1 << 20


def long_image() -> Dataset:
    return small_ct(1, Rows=6000, Columns=6000, PixelData=bytes(72_000_000))


def test_a_long_image_is_never_in_memory_as_a_whole(getting: Getting) -> None:
    getting.start_edge()
    with source_pacs([long_image()], 0) as pacs:
        worker = getting.worker(getting.listed(pacs.port), stdout=subprocess.PIPE, text=True)
        before, after = map(int, worker.communicate(timeout=60)[0].split())
    assert pacs.asked == [("STUDY", 1)]
    assert after - before < 32 * MEBIBYTE
    assert getting.archived() == pacs.on_the_wire


def test_a_full_disk_refuses_the_image_and_not_the_rest(getting: Getting, monkeypatch: pytest.MonkeyPatch) -> None:
    files = iter([lambda: open("/dev/full", "w+b", buffering=0)])  # noqa: SIM115 - its user closes it
    monkeypatch.setattr(received_file, "TemporaryFile", lambda: next(files, TemporaryFile)())
    getting.start_edge()
    with source_pacs(images(4), 0) as pacs:
        transfer_id = getting.listed(pacs.port)
        assert getting.retrieve(transfer_id).here == 3
        assert getting.retrieve(transfer_id).complete
    assert pacs.asked == [("STUDY", 4), ("IMAGE", 1)]


def test_of_two_nodes_with_one_ae_title_each_brings_its_own(getting: Getting) -> None:
    with getting.database.begin() as session:
        namesake = session.get_one(Node, getting.filling.registry.nodes["ZX3_PACS"])
        namesake.ae_title, namesake.retrieve_by = "ZX1_PACS", "get"
    getting.set_node()
    getting.start_edge()
    with source_pacs(images(2), 0) as pacs:
        assert getting.retrieve(getting.listed(pacs.port)).complete
    (arrival,) = getting.arrivals()
    assert (arrival.institution_id, arrival.node_id) == ("ZX1", getting.filling.registry.nodes["ZX1_PACS"])
