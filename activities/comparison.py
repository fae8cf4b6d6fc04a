"""The destination's own answer against what was sent: presence of each image, and the identity it is filed under."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pynetdicom.association import Association

from activities.asking import find, finder
from activities.peer import PeerAddress, association
from models.domain.contracts import Comparison, Verdict
from models.domain.errors import PeerBusy, PeerRefuses, PeerUnable
from models.domain.identity import SentIdentity

ANOTHER = {
    "PatientID": "another Patient ID",
    "IssuerOfPatientID": "another issuer of the Patient ID",
    "AccessionNumber": "another Accession Number",
}
"""What identifies a study there, and how it is said that it differs."""
IDENTITY = tuple(ANOTHER)


@dataclass(frozen=True)
class Manifest:
    """What was sent: for each series its instances (SOPInstanceUID -> our id), and under which identity."""

    StudyInstanceUID: str
    series: Mapping[str, Mapping[str, str]]
    identity: SentIdentity

    @property
    def total(self) -> int:
        return sum(map(len, self.series.values()))


def compare(peer: PeerAddress, manifest: Manifest, *, patient: bool = False) -> tuple[Comparison, list[str]]:
    """The verdict, and our ids of the images that the Node does not list.

    A Node that refuses to be asked is `unverifiable`; one that does not answer raises PeerUnreachable, and to who is
    `patient` one that says that it is unable raises PeerBusy.
    """
    try:
        with association(peer, finder()) as assoc:
            keys = dict.fromkeys(IDENTITY, "")
            studies = list(find(peer, assoc, "STUDY", StudyInstanceUID=manifest.StudyInstanceUID, **keys))
            listed = _listed(peer, assoc, manifest)
    except PeerRefuses as refusal:
        if patient and isinstance(refusal, PeerUnable):
            raise PeerBusy(str(refusal)) from refusal
        return Comparison(Verdict.UNVERIFIABLE, 0, manifest.total, str(refusal)), []
    ours = {uid: instance_id for instances in manifest.series.values() for uid, instance_id in instances.items()}
    missing = [instance_id for uid, instance_id in ours.items() if uid not in listed]
    present = manifest.total - len(missing)
    different, silent = _identity(studies, manifest.identity)
    others = sum(listed.get(uid, "") not in ("", manifest.identity.PatientID.strip()) for uid in ours)
    if others and not different:
        different = f"It gives another Patient ID for {others} of {manifest.total} images."
    if different:
        return Comparison(Verdict.DIFFERENT, present, manifest.total, different), missing
    if missing or not studies:
        detail = f"{peer.name} lists {present} of {manifest.total} images."
        if present and not studies:
            detail = f"{detail[:-1]}, but not their study: for which patient is not known."
        return Comparison(Verdict.MISSING, present, manifest.total, detail), missing
    return Comparison(Verdict.CONFIRMED, present, manifest.total, silent), []


def listed_as_sent(peer: PeerAddress, manifest: Manifest) -> set[str]:
    """Our ids of the images that the Node lists, if it says that it files the study under the very identity.

    Raises PeerRefuses, PeerBusy or PeerUnreachable where it does not say.
    """
    with association(peer, finder()) as assoc:
        keys = dict.fromkeys(IDENTITY, "")
        studies = list(find(peer, assoc, "STUDY", StudyInstanceUID=manifest.StudyInstanceUID, **keys))
        different, silent = _identity(studies, manifest.identity)
        if not studies or different or "PatientID" in silent:
            return set()
        listed = _listed(peer, assoc, manifest)
    return {
        instance_id
        for instances in manifest.series.values()
        for uid, instance_id in instances.items()
        if listed.get(uid, "another's") in ("", manifest.identity.PatientID.strip())
    }


def _listed(peer: PeerAddress, assoc: Association, manifest: Manifest) -> dict[str, str]:
    """By SOPInstanceUID, of the series of `manifest`, the PatientID of each image; empty where the Node does not say.

    A key of another level may be answered at IMAGE level or ignored (PS3.4 Section C.4.1.2.1); a Node that refuses it
    is asked without.
    """
    listed: dict[str, str] = {}
    also = {"PatientID": ""}
    for series in manifest.series:
        keys = {"StudyInstanceUID": manifest.StudyInstanceUID, "SeriesInstanceUID": series, "SOPInstanceUID": ""}
        try:
            matches = list(find(peer, assoc, "IMAGE", **keys, **also))
        except PeerRefuses:
            if not also:
                raise
            also = {}
            matches = list(find(peer, assoc, "IMAGE", **keys))
        for match in matches:
            listed[str(match.get("SOPInstanceUID", ""))] = str(match.get("PatientID", "") or "").strip()
    return listed


def _identity(studies: list[Dataset], sent: SentIdentity) -> tuple[str, str]:
    """What differs, and what could not be compared, in words without values."""
    if len(studies) > 1:
        return "It lists the study more than once, for different patients.", ""
    different, silent = [], []
    for keyword in IDENTITY:
        ours = str(getattr(sent, keyword))
        theirs = str(studies[0].get(keyword, "") or "") if studies else ""
        if not ours:
            # Nothing of that kind was sent, or not one for all; many a Node fills in its own.
            continue
        if not theirs:
            silent.append(keyword)
        elif theirs.strip() != ours.strip():
            different.append(keyword)
    if different:
        return f"It gives {_others(different)}.", ""
    return "", f"Not compared, because it does not say: {', '.join(silent)}." if silent else ""


def _others(different: list[str]) -> str:
    """Like "another Patient ID, and another issuer of it"."""
    known = ANOTHER | ({"IssuerOfPatientID": "another issuer of it"} if "PatientID" in different else {})
    *first, last = (known[keyword] for keyword in different)
    return ", and ".join(filter(None, (", ".join(first), last)))
