"""A Node that cannot, or will not, say what it has: asked again where that may pass, else believed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError

from activities.dicom import UNABLE_AT_MOST
from models.domain.contracts import Verdict
from tests.activities.misbehaving import Misbehaving, misbehaving
from tests.activities.parcels import Parcels, ten
from tests.ingest.filling import small_ct


def test_a_node_that_cannot_be_asked(parcels: Parcels) -> None:
    delivery = parcels.release(*ten())
    with misbehaving(with_find=False) as peer:
        parcels.set_node(peer.port)
        parcels.send(delivery)
        comparison = parcels.compare(delivery)
    assert (comparison.verdict, comparison.total) == (Verdict.UNVERIFIABLE, 10)
    assert comparison.detail


@pytest.mark.parametrize(
    ("status", "kind"), [(0xA700, "PeerBusy"), (0xA900, Verdict.UNVERIFIABLE), (0xC001, "PeerBusy")]
)
def test_what_a_refused_question_means(
    parcels: Parcels, monkeypatch: pytest.MonkeyPatch, status: int, kind: str
) -> None:
    monkeypatch.setattr(Misbehaving, "find", lambda self, event: iter([(status, None)]))
    delivery = parcels.release(small_ct())
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        if isinstance(kind, Verdict):
            assert parcels.compare(delivery).verdict is kind
        else:
            with pytest.raises(ApplicationError) as failed:
                parcels.compare(delivery)
            assert (failed.value.type, failed.value.non_retryable) == (kind, False)


def test_a_node_that_is_unable_to_look_for_a_moment_confirms_after_it(
    parcels: Parcels, monkeypatch: pytest.MonkeyPatch
) -> None:
    able = Misbehaving.find
    unable = [True]
    monkeypatch.setattr(
        Misbehaving, "find", lambda self, event: iter([(0xC000, None)]) if unable else able(self, event)
    )
    delivery = parcels.release(*ten())
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        parcels.send(delivery)
        with pytest.raises(ApplicationError, match="its answer was C000"):
            parcels.compare(delivery)
        unable.clear()
        assert parcels.compare(delivery).verdict is Verdict.CONFIRMED


def test_a_node_that_is_never_able_to_look_is_believed_in_the_end(
    parcels: Parcels, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Misbehaving, "find", lambda self, event: iter([(0xC000, None)]))
    delivery = parcels.release(small_ct())
    parcels.environment.info = replace(parcels.environment.info, attempt=UNABLE_AT_MOST)
    with misbehaving() as peer:
        parcels.set_node(peer.port)
        comparison = parcels.compare(delivery)
    assert (comparison.verdict, comparison.detail) == (
        Verdict.UNVERIFIABLE,
        "ZX2_PACS cannot be asked: its answer was C000.",
    )


def test_a_silent_node_is_asked_again_later(parcels: Parcels, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(self: Misbehaving, event: Any) -> Iterator[tuple[int, Any]]:
        self.closing.wait()
        yield 0xC000, None

    monkeypatch.setattr(Misbehaving, "find", silent)
    delivery = parcels.release(small_ct())
    with misbehaving() as peer:
        parcels.set_node(peer.port, dimse_timeout=0.5)
        with pytest.raises(ApplicationError) as failed:
            parcels.compare(delivery)
        assert (failed.value.type, failed.value.non_retryable) == ("PeerUnreachable", False)
