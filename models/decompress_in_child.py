"""An object with its pixels decoded, which ends well only when both objects, decoded, show the same.

Runs where models.decode_in_child does.
"""

from __future__ import annotations

from pathlib import Path

from models.conversion import PIXEL_DATA, write
from models.decode_in_child import DECODED_AT_MOST, decoded_size, digest
from models.encoding import tag_of
from models.part10 import opened


def decompress(source: str, descriptor: int, syntax: str) -> None:
    """Writes it to `descriptor`.

    Raises ValueError where the result would not show the same, and whatever pydicom and its decoders raise.
    """
    from pydicom import dcmread
    from pydicom.pixels.utils import decompress as decoded

    data_set = dcmread(source)
    if decoded_size(data_set) > DECODED_AT_MOST:
        raise ValueError("too many pixels")
    # Not to RGB: that is rounded, so that what was compressed without loss would lose.
    decoded(data_set, as_rgb=False, generate_instance_uid=False)
    # Decoders fill in the colours that subsampling has left out, and pydicom does not say so.
    interpretation = str(data_set.PhotometricInterpretation).replace("YBR_FULL_422", "YBR_FULL")
    changes = {
        tag_of("PhotometricInterpretation"): ("CS", _even(interpretation)),
        PIXEL_DATA: ("OW" if data_set.BitsAllocated > 8 else "OB", data_set.PixelData),
    }
    if data_set.SamplesPerPixel > 1:
        changes[tag_of("PlanarConfiguration")] = "US", int(data_set.PlanarConfiguration).to_bytes(2, "little")
    with opened(Path(source)) as part10:
        write(descriptor, part10, syntax, changes)
    if digest(source) != digest(f"/proc/self/fd/{descriptor}"):
        raise ValueError("other pixels")


def _even(text: str) -> bytes:
    return text.encode() + b" " * (len(text) % 2)
