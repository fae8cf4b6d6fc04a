"""Pushing made-up studies, as a modality or PACS of a hospital does."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian
from pynetdicom import AE

from demo.studies import Study, write_study
from models.domain.errors import Permanent


def push_study(study: Study, port: int, called: str, *, patient_id: str | None = None) -> None:
    """Make `study` and push it; with `patient_id` under another Patient ID than its hospital's."""
    with tempfile.TemporaryDirectory() as folder:
        write_study(Path(folder), study)
        files = sorted(Path(folder).glob("*.dcm"))
        if patient_id is not None:
            for file in files:
                header = dcmread(file)
                header.PatientID = patient_id
                header.save_as(file)
        push(files, port, called)


def push(files: Sequence[Path], port: int, called: str, calling: str = "STORESCU") -> None:
    """Raises Permanent with a sentence when the association or an image is not taken."""
    ae = AE(calling)
    ae.add_requested_context(dcmread(files[0], stop_before_pixels=True).SOPClassUID, ExplicitVRLittleEndian)
    assoc = ae.associate("127.0.0.1", port, ae_title=called)
    if not assoc.is_established:
        raise Permanent(f"No association with {called} at port {port}; is the demo running?")
    try:
        for file in files:
            answer = assoc.send_c_store(file)
            if "Status" not in answer or answer.Status != 0:
                raise Permanent(f"{called} did not take an image; look at the logs in var/log.")
    finally:
        assoc.release()
