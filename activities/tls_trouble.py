"""What went wrong with TLS, in a sentence, and whether it may pass by itself.

A certificate does not become right by trying again, nor does a peer that speaks no TLS: a person must act, and a
security officer wants to know. Silence, and a connection that ends in the handshake, may be a restart: they pass.
"""

from __future__ import annotations

import ssl

from activities.secured import AnotherCertificate
from models.domain.errors import NotSecured, PeerUnreachable
from models.domain.reaching import Step

NOT_YET, EXPIRED = 9, 10
ANOTHER_HOST, ANOTHER_ADDRESS = 62, 64
"""OpenSSL's X509_V_ERR_*."""
OF_OURS = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED", "DECRYPT")
"""In the names of alerts (RFC 8446 Section 6.2): they are about our certificate."""
NOTHING_IN_COMMON = ("PROTOCOL_VERSION", "INSUFFICIENT_SECURITY", "HANDSHAKE_FAILURE", "UNSUPPORTED_PROTOCOL", "CIPHER")


def tls_trouble(name: str, where: str, trouble: OSError) -> NotSecured | PeerUnreachable:
    """The error for `trouble` with the Node `name` that listens at `where`."""
    if isinstance(trouble, AnotherCertificate):
        return NotSecured(
            f"{name} shows another certificate than is registered for it; ask its people whether it was renewed, "
            "and only then register the new one (iep nodes set --certificate)."
        )
    if isinstance(trouble, ssl.SSLCertVerificationError):
        return NotSecured(_wrong(name, where, trouble.verify_code))
    reason = (getattr(trouble, "reason", "") or "") if isinstance(trouble, ssl.SSLError) else ""
    if any(word in reason for word in NOTHING_IN_COMMON):
        return NotSecured(f"{name} offers no TLS that is safe; let its people allow TLS 1.2 or 1.3 with AES-GCM there.")
    if "ALERT" in reason and any(word in reason for word in OF_OURS):
        return NotSecured(
            f"{name} does not accept the exchange's certificate; let its people register it, or its authority, there."
        )
    if isinstance(trouble, ssl.SSLError) and reason and "ALERT" not in reason and "EOF" not in reason:
        return NotSecured(
            f"{name} speaks no TLS at {where}; give the port where it does (iep nodes set --port). Nothing was sent."
        )
    ends = "does not finish" if isinstance(trouble, TimeoutError) else "ends the connection in"
    passing = PeerUnreachable(
        f"{name} {ends} the TLS handshake at {where}; if it stays, ask whether it speaks TLS there."
    )
    passing.step = Step.TLS
    return passing


def _wrong(name: str, where: str, code: int) -> str:
    if code == NOT_YET:
        return f"The certificate of {name} is not valid yet; let its people look at its dates, and at the clocks."
    if code == EXPIRED:
        return f"The certificate of {name} has expired; let its people renew it."
    if code in (ANOTHER_HOST, ANOTHER_ADDRESS):
        return (
            f"The certificate of {name} does not name {where.rpartition(':')[0]}; let its people issue one that does, "
            "or register this very one (iep nodes set --certificate FILE --tls certificate)."
        )
    return (
        f"The certificate of {name} is from nobody whom the exchange trusts; ask its people which authority issued it, "
        "and only then add that to the file of IEP_TLS_AUTHORITIES."
    )
