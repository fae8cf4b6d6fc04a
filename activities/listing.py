"""Which images a PACS lists of a study: C-FIND down to IMAGE level, a series at a time (PS3.4 Section C.4.1.3.1)."""

from __future__ import annotations

import re
from collections.abc import Collection

from pynetdicom.association import Association

from activities.asking import find
from activities.peer import PeerAddress
from models.manifests import ListedImage

UID_FORM = re.compile(r"[0-9.]{1,64}")


def images_listed(
    peer: PeerAddress, assoc: Association, StudyInstanceUID: str, series: Collection[str] = ()
) -> list[ListedImage]:
    """Of the `series`, or of all of the study. Raises as `find` does."""
    found: dict[str, ListedImage] = {}
    for SeriesInstanceUID in series or _series(peer, assoc, StudyInstanceUID):
        keys = {"StudyInstanceUID": StudyInstanceUID, "SeriesInstanceUID": SeriesInstanceUID}
        for match in find(peer, assoc, "IMAGE", **keys, SOPInstanceUID="", SOPClassUID=""):
            uid = str(match.get("SOPInstanceUID", "") or "")
            if UID_FORM.fullmatch(uid):
                found[uid] = ListedImage(uid, SeriesInstanceUID, str(match.get("SOPClassUID", "") or ""))
    return list(found.values())


def _series(peer: PeerAddress, assoc: Association, StudyInstanceUID: str) -> list[str]:
    matches = find(peer, assoc, "SERIES", StudyInstanceUID=StudyInstanceUID, SeriesInstanceUID="")
    uids = (str(match.get("SeriesInstanceUID", "") or "") for match in matches)
    return list(dict.fromkeys(uid for uid in uids if UID_FORM.fullmatch(uid)))
