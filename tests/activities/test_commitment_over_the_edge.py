"""A PACS of its own process commits itself on an association that it opens to a real edge."""

from __future__ import annotations

from pathlib import Path

import pytest

from activities import committing as asking
from models.domain.confirming import COMMITTED
from models.domain.contracts import Comparison, Verdict
from tests.activities.parcels import Parcels, ten
from tests.demo.programs import program
from tests.edge.conftest import node, running
from tests.eventually import eventually


@pytest.mark.parametrize("how", ["new", "never"])
def test_what_the_edge_hears_confirms_the_delivery(
    parcels: Parcels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(asking, "STAY", 0.1)
    filling, delivery = parcels.filling, parcels.release(*ten())
    with running(filling.folder) as edges:
        edges.allow(node("ZX2_PACS", "ZX2") | {"node_id": parcels.node_id})
        edges.start()
        arguments = ("--ae-title", "ZX2_PACS", "--folder", str(tmp_path / "pacs"), "--commit", how)
        peer = ("--peer", f"IEP=127.0.0.1:{edges.port}")
        with program(tmp_path / "log", "demo.pacs", *arguments, *peer) as pacs:
            parcels.set_node(pacs.port, ae_title="ZX2_PACS", confirm_by="commitment", query_back=False)
            assert parcels.send(delivery).accepted == 10
            assert parcels.compare(delivery).verdict is Verdict.AWAITED
            if how == "never":
                return
            eventually(filling.spool.events)
            filling.ingest.round()
            assert parcels.compare(delivery) == Comparison(Verdict.CONFIRMED, 10, 10, COMMITTED)
            # With both it is asked for the identity, too.
            parcels.set_node(pacs.port, confirm_by="both", query_back=True)
            assert parcels.compare(delivery) == Comparison(Verdict.CONFIRMED, 10, 10)
