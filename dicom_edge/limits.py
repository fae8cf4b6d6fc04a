"""How much of anything a peer may take."""

from __future__ import annotations

from dataclasses import dataclass, replace

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, times in seconds. The defaults suit one of two edge processes of a hospital's exchange."""

    maximum_pdu: int = 131072
    """Offered in the negotiation: with pynetdicom's 16 KiB the same images take twice as long."""
    largest_pdu: int = MEBIBYTE
    """Beyond this a PDU is not even read; some peers send more than was negotiated."""
    handshake_seconds: float = 10
    """For a whole TLS handshake."""
    request_seconds: float = 10
    """From the connection to the complete A-ASSOCIATE-RQ (the ARTIM timer, PS3.8 Section 9.1.5)."""
    pdu_seconds: float = 60
    """From the first byte of a PDU to its last."""
    idle_seconds: float = 120
    """Between two PDUs of an association."""
    pending_per_address: int = 16
    """Connections that have not asked for an association yet; the oldest gives way to the newest."""
    associations_per_address: int = 32
    associations: int = 64
    low_water: int = 512 * MEBIBYTE
    """With less free on the spool nothing more is taken in, until there is more again."""
    inflated: int = 16 * MEBIBYTE
    """How far a deflated data set is inflated to be checked."""

    def within(self, descriptors: int) -> Limits:
        """The same, but so that a process which may open `descriptors` files never runs out of them.

        A connection needs a socket and a bell, an association two files besides (one arriving, one being kept).
        """
        spare = max(12, descriptors - 32)
        pending = min(self.pending_per_address, max(2, spare // 16))
        associations = min(self.associations, max(1, (spare - 4 * pending) // 4))
        return replace(self, pending_per_address=pending, associations=associations)
