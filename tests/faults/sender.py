"""A sender as hospitals have them: what was not acknowledged is sent again on a new association."""

from __future__ import annotations

import time
from pathlib import Path

from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom.association import Association
from pynetdicom.sop_class import CTImageStorage

from tests.edge import sender
from tests.edge.objects import data_set_of

PACE = 0.01
"""Seconds between two images, about the speed of a scanner's export."""
PATIENCE = 120.0
SUCCESS = 0x0000


class RetryingSender:
    """Sends CT images byte for byte; `acknowledged` are the SOP Instance UIDs that were answered with Success."""

    def __init__(self, port: int, calling: str, called: str) -> None:
        self.port = port
        self.calling = calling
        self.called = called
        self.acknowledged: set[str] = set()
        self.associations = 0
        self.local_port = 0

    def send(self, images: dict[str, Path]) -> None:
        """Until every image (SOPInstanceUID to file) is acknowledged."""
        deadline = time.monotonic() + PATIENCE
        while left := {uid: path for uid, path in images.items() if uid not in self.acknowledged}:
            assert time.monotonic() < deadline, f"{len(left)} images were never acknowledged"
            made = sender.associate(
                self.port,
                calling=self.calling,
                called=self.called,
                contexts=[(CTImageStorage, [ExplicitVRLittleEndian])],
            )
            if made.is_established:
                self.associations += 1
                self.local_port = made.requestor.port or made.dul.socket.socket.getsockname()[1]
                self._send_on(made, left)
            else:
                time.sleep(0.1)

    def _send_on(self, made: Association, images: dict[str, Path]) -> None:
        for uid, path in images.items():
            try:
                status = sender.send_bytes(made, data_set_of(path), CTImageStorage, uid)
            except (OSError, RuntimeError):
                status = None
            if status is None:
                made.abort()
                return
            assert status == SUCCESS, f"{status:04X}"
            self.acknowledged.add(uid)
            time.sleep(PACE)
        made.release()
