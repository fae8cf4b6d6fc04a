"""Text in DICOM elements: decoding that never fails, encoding that never loses a character (PS3.5 Section 6.1)."""

from __future__ import annotations

import re

from pydicom.charset import CODES_TO_ENCODINGS, handled_encodings, python_encoding

UNICODE = "ISO_IR 192"
DEFAULT = ("ascii",)
DELIMITERS = re.compile(rb"[\\^=\r\n\t\f]")


def codecs_of(defined_terms: str) -> tuple[str, ...]:
    """Python's codecs for a value of SpecificCharacterSet; unknown terms count as the default repertoire."""
    return tuple(_codec(term) for term in defined_terms.split("\\"))


def _codec(term: str) -> str:
    spelt = re.sub(
        r"^ISO[ _-](2022[ _-])?IR[ _-]", lambda m: "ISO 2022 IR " if m[1] else "ISO_IR ", term.strip().upper()
    )
    if spelt in ("", "ISO_IR 6", "ISO 2022 IR 6"):
        return "ascii"
    return python_encoding.get(spelt, "ascii")


def decode(value: bytes, codecs: tuple[str, ...] = DEFAULT) -> str:
    """The text of `value` without trailing padding. What does not fit its declared character set is read as Latin-1."""
    if value.isascii() and b"\x1b" not in value:
        text = value.decode("ascii")
    elif b"\x1b" in value:
        parts: list[bytes] = re.findall(rb"^[^\x1b]+|\x1b[^\x1b]*", value)
        text = "".join(_extended(part, codecs) for part in parts)
    else:
        text = _lenient(value, codecs[0])
    # A NUL in the middle would be refused by the database.
    return text.rstrip(" \0").replace("\0", " ")


def encode(text: str, codecs: tuple[str, ...] = DEFAULT) -> bytes | None:
    """`text` in the one declared character set; None where it does not fit, or would need code extensions."""
    if text.isascii():
        return text.encode("ascii")
    if len(codecs) > 1 or codecs[0] in handled_encodings or codecs[0] == "shift_jis":
        return None
    try:
        return text.encode(codecs[0])
    except UnicodeError:
        return None


def _extended(part: bytes, codecs: tuple[str, ...]) -> str:
    """One stretch that begins with an escape sequence; a delimiter ends its effect (PS3.5 Section 6.1.2.5.3)."""
    size = 4 if part.startswith((b"\x1b$(", b"\x1b$)")) else 3
    codec = CODES_TO_ENCODINGS.get(part[:size])
    if codec is None:
        return _lenient(part, codecs[0])
    if codec in handled_encodings and codec != "iso_ir_58":
        return _lenient(part, codec)
    part = part[size:]
    delimiter = DELIMITERS.search(part)
    cut = delimiter.start() if delimiter else len(part)
    return _lenient(part[:cut], codec) + _lenient(part[cut:], codecs[0])


def _lenient(value: bytes, codec: str) -> str:
    try:
        return value.decode(codec)
    except (UnicodeError, LookupError):
        return value.decode("latin_1")
