"""A digest of what an object shows, whatever its transfer syntax.

Runs where strangers' bytes may do no harm: in a process that models.decoding_process confines.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydicom import Dataset

DECODED_AT_MOST = 1024**3
"""Bytes; more is taken for a pixel bomb."""


def digest(path: str) -> str:
    """Of the decoded pixels, frame by frame; of the elements where there are none.

    Raises ValueError for pixels above DECODED_AT_MOST, and whatever pydicom and its decoders raise.
    """
    from pydicom import dcmread

    data_set = dcmread(path, defer_size=1024 * 1024)
    sha256 = hashlib.sha256()
    if any(keyword in data_set for keyword in ("PixelData", "FloatPixelData", "DoubleFloatPixelData")):
        if decoded_size(data_set) > DECODED_AT_MOST:
            raise ValueError("too many pixels")
        _add_pixels(sha256, path, data_set)
    else:
        _add_elements(sha256, data_set)
    return sha256.hexdigest()


def decoded_size(data_set: Dataset) -> int:
    """Bytes that the pixels take when decoded, by the header's account."""
    bits = data_set.get("BitsAllocated") or 8
    frames = data_set.get("NumberOfFrames") or 1
    samples = data_set.get("SamplesPerPixel") or 1
    return int(data_set.Rows) * int(data_set.Columns) * int(frames) * int(samples) * int(bits) // 8


def _add_pixels(sha256: hashlib._Hash, path: str, data_set: Dataset) -> None:
    from pydicom.pixels.utils import iter_pixels

    interpretation = data_set.get("PhotometricInterpretation", "")
    # Decoders turn YBR into RGB, and a copy that was decompressed says RGB.
    sha256.update(("colour" if interpretation.startswith(("RGB", "YBR")) else interpretation).encode())
    # Opened here: pydicom would look for the name of a file that has none.
    with open(path, "rb") as file:
        for frame in iter_pixels(file):
            sha256.update(repr((frame.shape, frame.dtype.kind, frame.dtype.itemsize)).encode())
            sha256.update(frame.astype(frame.dtype.newbyteorder("<")).tobytes())


def _add_elements(sha256: hashlib._Hash, data_set: Dataset) -> None:
    for element in data_set:
        if element.tag.element == 0 or element.keyword == "SpecificCharacterSet":
            continue
        sha256.update(f"[{element.tag}".encode())
        if element.VR == "SQ":
            for item in element.value:
                sha256.update(b"{")
                _add_elements(sha256, item)
                sha256.update(b"}")
        else:
            sha256.update(repr(element.value).encode())
        sha256.update(b"]")
