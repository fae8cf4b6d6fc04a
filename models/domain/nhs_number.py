"""The NHS number: ten digits, the last a check digit (Modulus 11, NHS Data Dictionary)."""

from __future__ import annotations

ISSUER = "NHS"
OID = "2.16.840.1.113883.2.1.4.1"


def parse_nhs_number(text: str) -> str | None:
    """The ten digits without spaces, or None when `text` is not a valid NHS number.

    All-same-digit numbers pass the arithmetic and are never issued; they are refused.
    """
    digits = text.replace(" ", "").replace("-", "").strip("\0")
    if len(digits) != 10 or not (digits.isascii() and digits.isdigit()) or len(set(digits)) == 1:
        return None
    weighted = sum(int(digit) * weight for digit, weight in zip(digits[:9], range(10, 1, -1), strict=True))
    check = (11 - weighted % 11) % 11
    return digits if check == int(digits[9]) else None


def issued_by_nhs(issuer: str) -> bool:
    """Whether an issuer, by its name or its OID, is the NHS."""
    return issuer.replace("\0", " ").strip().upper() in (ISSUER, OID)


def spaced(number: str) -> str:
    """As people read it: 3-3-4."""
    return f"{number[:3]} {number[3:6]} {number[6:]}"
