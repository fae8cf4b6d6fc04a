"""Objects that come by C-STORE on an association that we asked for, kept in files: a long one fits in no memory.

pynetdicom does so for a whole process or not at all; here it is done for one association (pinned: 3.0.4).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, cast

from pydicom.filebase import DicomIO
from pydicom.filewriter import write_file_meta_info
from pynetdicom.association import Association
from pynetdicom.dimse import DIMSEServiceProvider
from pynetdicom.dimse_messages import C_STORE_RQ
from pynetdicom.dsutils import create_file_meta
from pynetdicom.pdu_primitives import P_DATA

log = logging.getLogger(__name__)
PREAMBLE = b"\0" * 128 + b"DICM"
INVALID_PDU = "Evt19"
"""The association is aborted (PS3.8 Table 9-10)."""


class ReceivedFile:
    """One object as a DICOM file (PS3.10 Section 7). It has no name in any folder: nothing of it outlives its process.

    A disk that is full must not end the association: the rest is swallowed, and `complete` says so.
    """

    def __init__(self) -> None:
        self.name = ""
        self._failed = False
        self._file: IO[bytes] | None = None
        try:
            self._file = TemporaryFile()  # noqa: SIM115 - `close` closes it
            self.name = f"/proc/self/fd/{self._file.fileno()}"
        except OSError:
            self._failed = True

    @property
    def path(self) -> Path:
        """Where it can be opened until it is closed."""
        return Path(self.name)

    @property
    def file(self) -> ReceivedFile:
        """pynetdicom flushes the file below the wrapper after each fragment."""
        return self

    def flush(self) -> None:
        """Nothing: only `complete` counts."""

    def write(self, fragment: bytes) -> int:
        if self._file is not None and not self._failed:
            try:
                self._file.write(fragment)
            except (OSError, ValueError):
                self._failed = True
        return len(fragment)

    def tell(self) -> int:
        return 0 if self._file is None or self._failed else self._file.tell()

    def complete(self) -> bool:
        """Whether every byte can be read at `path` now."""
        if self._file is not None and not self._failed:
            try:
                self._file.flush()
            except OSError:
                self._failed = True
        return not self._failed

    @property
    def closed(self) -> bool:
        return self._file is None or self._file.closed

    def close(self) -> None:
        if self._file is not None:
            try:
                self._file.close()
            except OSError:
                self._failed = True


class FilingDIMSE(DIMSEServiceProvider):  # type: ignore[misc]
    """Puts the data set of each C-STORE request into a ReceivedFile, which is the request's `_dataset_file` then."""

    open_files: list[ReceivedFile]
    receiving: threading.Lock
    over: bool

    def receive_primitive(self, primitive: P_DATA) -> None:
        with self.receiving:
            if not self.over:
                self._receive(primitive)

    def discard(self) -> None:
        """Forget what has not been dealt with, and take no more."""
        with self.receiving:
            self.over = True
            for file in self.open_files:
                file.close()

    def _receive(self, primitive: P_DATA) -> None:
        try:
            # One by one, for a command set and the beginning of its data set may come together.
            for value in primitive.presentation_data_value_list:
                one = P_DATA()
                one.presentation_data_value_list.append(value)
                super().receive_primitive(one)
                if isinstance(self.message, C_STORE_RQ) and self.message._data_set_file is None:
                    self._begin_file(self.message)
        except Exception as error:  # noqa: BLE001 what is no command set can raise anything
            log.warning("a message could not be read: %s", type(error).__name__)
            self.dul.event_queue.put(INVALID_PDU)

    def _begin_file(self, message: Any) -> None:
        file = message._data_set_file = ReceivedFile()
        self.open_files = [*(one for one in self.open_files if not one.closed), file]
        message._data_set_path = file.path
        file.write(PREAMBLE)
        write_file_meta_info(
            cast(DicomIO, file),
            create_file_meta(
                sop_class_uid=message.command_set.AffectedSOPClassUID,
                sop_instance_uid=message.command_set.AffectedSOPInstanceUID,
                transfer_syntax=self.assoc._accepted_cx[message.context_id].transfer_syntax[0],
            ),
        )


@contextmanager
def kept_in_files(assoc: Association) -> Iterator[None]:
    """For what `assoc` receives from now on; what has not been dealt with at the end of the block is gone."""
    dimse = assoc.dimse
    dimse.open_files, dimse.receiving, dimse.over = [], threading.Lock(), False
    dimse.__class__ = FilingDIMSE
    try:
        yield
    finally:
        dimse.discard()
