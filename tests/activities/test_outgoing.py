"""Of an object that is sent only a little is in memory, however large it is and however slowly its peer takes it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian, MultiFrameGrayscaleWordSecondaryCaptureImageStorage
from pynetdicom import AE, evt

from activities import outgoing
from activities.outgoing import Outgoing
from activities.peer import PeerAddress, association, contexts
from bench.pushing import huge_object
from models.domain.errors import PeerUnreachable

SIZE = 64 << 20
PDU = 16384
KIND = (MultiFrameGrayscaleWordSecondaryCaptureImageStorage, ExplicitVRLittleEndian)


@contextmanager
def peer(*handlers: Any) -> Iterator[PeerAddress]:
    ae = AE("PEER")
    ae.maximum_pdu_size = PDU
    ae.add_supported_context(*KIND)
    server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, lambda _: 0), *handlers])
    try:
        yield PeerAddress("PEER", "PEER", "127.0.0.1", server.socket.getsockname()[1], dimse_timeout=2)
    finally:
        server.shutdown()


@pytest.fixture
def huge(tmp_path: Path) -> str:
    huge_object(tmp_path, SIZE)
    return str(tmp_path / "1.dcm")


def test_only_a_little_waits_at_a_time(huge: str, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = []

    class Watched(Outgoing):
        def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
            super().put(item, block, timeout)
            waiting.append(self.qsize())

    monkeypatch.setattr(outgoing, "Outgoing", Watched)
    with peer() as address, association(address, contexts([KIND])) as assoc:
        assert assoc.send_c_store(huge).Status == 0
    assert len(waiting) > SIZE // PDU
    assert max(waiting) * PDU <= outgoing.AHEAD + 2 * PDU


def test_a_peer_that_stops_reading_is_given_up(huge: str) -> None:
    goes_on = threading.Event()
    held = (evt.EVT_DATA_RECV, lambda event: event.data[:1] == b"\x04" and goes_on.wait(60))
    with peer(held) as address, association(address, contexts([KIND])) as assoc:
        try:
            with pytest.raises(PeerUnreachable, match="PEER takes no more"):
                assoc.send_c_store(huge)
        finally:
            goes_on.set()
        assoc.abort()


def test_an_object_arrives_whole(huge: str) -> None:
    came: list[int] = []

    def keep(event: Any) -> int:
        came.append(len(event.request.DataSet.getvalue()))
        return 0

    with peer((evt.EVT_C_STORE, keep)) as address, association(address, contexts([KIND])) as assoc:
        assert assoc.send_c_store(huge).Status == 0
    assert came[0] > len(dcmread(huge).PixelData) >= SIZE


@pytest.mark.parametrize("fails", [False, True])
def test_what_an_association_needed_is_given_back(fails: bool) -> None:
    kept: list[Outgoing] = []
    with peer() as address, contextlib.suppress(ZeroDivisionError), association(address, contexts([KIND])) as assoc:
        kept.append(assoc.dul.to_provider_queue)
        assert kept[0].bell.fileno() >= 0
        if fails:
            raise ZeroDivisionError
    assert kept[0].bell.fileno() == -1


def test_nothing_takes_the_place_of_what_wakes_its_thread() -> None:
    folder = Path(outgoing.__file__).parent
    assert {file.name for file in folder.glob("*.py") if "to_provider_queue" in file.read_text()} == {"outgoing.py"}
