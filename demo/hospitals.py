"""The three make-believe hospitals: who they are, what they run, and who works there."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from itertools import permutations
from pathlib import Path

from sqlalchemy.orm import Session

from models.accounts import add_account
from models.domain.permissions import Role
from models.registry import add_institution, add_node, add_worklist, agree
from models.tables import Agreement, Institution

ACTOR = "demo"
QUIET = 3.0
"""Seconds of silence after which a demo study counts as complete: nobody wants to watch half a minute of nothing."""
INSTITUTIONS: Mapping[str, str] = {
    "ZX1": "Northern Example",
    "ZX2": "Royal Example",
    "ZX3": "Eastern Independent Imaging",
}
AUTO_RELEASE = {"ZX2"}
SENDERS_OF_ZX1 = ("STORESCU", "DCMSEND", "ECHOSCU")
WORDS = [
    "anchor", "apple", "arrow", "autumn", "basket", "beacon", "bridge", "button", "candle", "canvas", "carpet",
    "castle", "cedar", "cherry", "circle", "copper", "coral", "cotton", "curtain", "daisy", "desert", "dolphin",
    "eagle", "ember", "fabric", "falcon", "feather", "fiddle", "forest", "garden", "ginger", "glacier",
    "granite", "hammer", "harbour", "hazel", "honey", "island", "ivory", "jacket", "jasmine", "kettle",
    "ladder", "lantern", "lemon", "linen", "lobster", "magnet", "maple", "marble", "meadow", "mirror",
    "mountain", "needle", "nettle", "oyster", "paddle", "paper", "pebble", "pepper", "pillow", "planet",
    "pocket", "prism", "puzzle", "quartz", "rabbit", "raven", "ribbon", "river", "saddle", "saffron", "sailor",
    "salmon", "shadow", "silver", "spider", "spruce", "stable", "summer", "sunset", "teapot", "temple",
    "thistle", "thunder", "timber", "tunnel", "turtle", "umbrella", "valley", "velvet", "violet", "walnut",
    "whistle", "willow", "window", "winter", "yellow",
]  # fmt: skip


def found(session: Session, pacs_ports: Mapping[str, int]) -> None:
    """Register the hospitals, their Nodes and their agreements, unless they are there already."""
    if session.get(Institution, "ZX1") is not None:
        return
    for code, name in INSTITUTIONS.items():
        add_institution(
            session,
            ods_code=code,
            name=name,
            phone=f"0113 496 000{code[-1]}",
            email=f"imaging@{code.lower()}.example",
        )
        node = add_node(
            session,
            ACTOR,
            institution_id=code,
            name=f"{code}_PACS",
            ae_title=f"{code}_PACS",
            host="127.0.0.1",
            port=pacs_ports[code],
            source_addresses=["127.0.0.1"],
            quiet_seconds=QUIET,
        )
        add_worklist(session, node, ACTOR, name=f"{code} incoming", auto_release=code in AUTO_RELEASE)
    for ae_title in SENDERS_OF_ZX1:
        add_node(
            session,
            ACTOR,
            institution_id="ZX1",
            name=ae_title,
            ae_title=ae_title,
            source_addresses=["127.0.0.1"],
            quiet_seconds=QUIET,
        )
    agree(session, permutations(INSTITUTIONS, 2), "demo", ACTOR)
    # What the hub gets from the spoke it may forward.
    session.get_one(Agreement, ("ZX1", "ZX2")).onward = True


def employ(session: Session, accounts_file: Path) -> None:
    """Open the accounts with passwords made now, and write them down where only the owner of this machine reads."""
    if accounts_file.exists():
        return
    lines = []
    people = [(f"{role}.{code.lower()}", code, role) for code in INSTITUTIONS for role in ("officer", "clinician")]
    for username, code, kind in [*people, ("support", "ZX2", "support")]:
        password = passphrase()
        add_account(
            session,
            username=username,
            display_name=f"{kind.title()} of {code}" if kind != "support" else "Support desk",
            institution_id=code,
            role={"officer": Role.PACS_OFFICER, "clinician": Role.CLINICIAN, "support": Role.SUPPORT}[kind],
            password=password,
            actor=ACTOR,
            email=f"{username}@{code.lower()}.example",
        )
        lines.append(f"{username:14} {password:36} {INSTITUTIONS[code]}, {kind}\n")
    accounts_file.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(accounts_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.writelines(lines)


def passphrase() -> str:
    """Four random words and a number: about 33 bits, long enough for the policy, easy to type."""
    return "-".join([*(secrets.choice(WORDS) for _ in range(4)), str(secrets.randbelow(90) + 10)])
