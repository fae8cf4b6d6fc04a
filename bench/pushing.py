"""Making studies and pushing them with DCMTK's storescu, as fast as the other side takes them."""

from __future__ import annotations

import subprocess
import time
import uuid
from pathlib import Path

from pydicom import dcmread
from pydicom.filewriter import dcmwrite
from pydicom.uid import MultiFrameGrayscaleWordSecondaryCaptureImageStorage

from bench.programs import BenchError, need
from demo import patients
from demo.studies import Study, make_study

SMALL = 64
"""Rows and columns of an image of some 10 KB: where images are many, what is measured is the work for each."""
LONGEST = 900.0
FRAME = 2048
"""Rows and columns of a frame of 8 MB."""


def small_study(folder: Path, n: int) -> Study:
    """A fresh CT study of `n` small images."""
    return make_study(
        folder,
        seed=f"bench-{uuid.uuid4().hex}",
        patient=patients.FARAH,
        institution_id="ZX1",
        n=n,
        rows=SMALL,
        columns=SMALL,
    )


def huge_object(folder: Path, size: int) -> Study:
    """A fresh study of one multi-frame object of about `size` bytes, black."""
    study = small_study(folder, 1)
    path = folder / "1.dcm"
    header = dcmread(path)
    frames = max(1, size // (FRAME * FRAME * 2))
    header.SOPClassUID = header.file_meta.MediaStorageSOPClassUID = MultiFrameGrayscaleWordSecondaryCaptureImageStorage
    header.Rows = header.Columns = FRAME
    header.NumberOfFrames = frames
    del header.PixelData
    dcmwrite(path, header, enforce_file_format=True)
    length = frames * FRAME * FRAME * 2
    with path.open("ab") as file:
        # (7FE0,0010) OW in Explicit VR Little Endian, PS3.5 Section 7.1.2; the pixels are a hole in the file.
        file.write(b"\xe0\x7f\x10\x00OW\0\0" + length.to_bytes(4, "little"))
        file.truncate(file.tell() + length)
    return study


def push(folder: Path, port: int, called: str) -> float:
    """Seconds until storescu has pushed what is in `folder`. BenchError when it could not."""
    argv = [need("storescu", "dcmtk"), "-aec", called, "+sd", "127.0.0.1", str(port), str(folder)]
    started = time.monotonic()
    done = subprocess.run(argv, capture_output=True, timeout=LONGEST, check=False)
    if done.returncode:
        raise BenchError(f"storescu could not push to {called}; it ended with {done.returncode}.")
    return time.monotonic() - started
