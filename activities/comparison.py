"""The destination's own answer against what was sent: presence of each image, and the identity it is filed under."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pynetdicom.association import Association

from activities.asking import find, finder
from activities.peer import PeerAddress, association
from models.domain.contracts import Comparison, Verdict
from models.domain.errors import PeerRefuses
from models.domain.identity import SentIdentity

IDENTITY = ("PatientID", "IssuerOfPatientID", "AccessionNumber")


@dataclass(frozen=True)
class Manifest:
    """What was sent: for each series its instances (SOPInstanceUID -> our id), and under which identity."""

    StudyInstanceUID: str
    series: Mapping[str, Mapping[str, str]]
    identity: SentIdentity

    @property
    def total(self) -> int:
        return sum(map(len, self.series.values()))


def compare(peer: PeerAddress, manifest: Manifest) -> tuple[Comparison, list[str]]:
    """The verdict, and our ids of the images that the Node does not list.

    A Node that refuses to be asked is `unverifiable`; one that does not answer raises PeerUnreachable.
    """
    try:
        with association(peer, finder()) as assoc:
            keys = dict.fromkeys(IDENTITY, "")
            studies = list(find(peer, assoc, "STUDY", StudyInstanceUID=manifest.StudyInstanceUID, **keys))
            missing = []
            for SeriesInstanceUID, instances in manifest.series.items():
                listed = _listed(peer, assoc, manifest.StudyInstanceUID, SeriesInstanceUID)
                missing += [instance_id for uid, instance_id in instances.items() if uid not in listed]
    except PeerRefuses as refusal:
        return Comparison(Verdict.UNVERIFIABLE, 0, manifest.total, str(refusal)), []
    present = manifest.total - len(missing)
    different, silent = _identity(studies, manifest.identity)
    if different:
        return Comparison(Verdict.DIFFERENT, present, manifest.total, different), missing
    if missing:
        detail = f"{peer.name} lists {present} of {manifest.total} images."
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
        return {
            instance_id
            for series, instances in manifest.series.items()
            for listed in [_listed(peer, assoc, manifest.StudyInstanceUID, series)]
            for uid, instance_id in instances.items()
            if uid in listed
        }


def _listed(peer: PeerAddress, assoc: Association, study: str, series: str) -> set[str]:
    matches = find(peer, assoc, "IMAGE", StudyInstanceUID=study, SeriesInstanceUID=series, SOPInstanceUID="")
    return {str(match.get("SOPInstanceUID", "")) for match in matches}


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
        return f"It gives another {' and '.join(different)}.", ""
    return "", f"Not compared, because it does not say: {', '.join(silent)}." if silent else ""
