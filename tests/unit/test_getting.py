"""What C-GET is asked in, and the settings by which a worker finds the edge."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from pydantic import ValidationError

from activities.getting import CLASSES_AT_ONCE, in_groups
from activities.peer import MOST_CONTEXTS
from activities.storage import COMMON_CLASSES, TRANSFER_SYNTAXES
from settings import Settings

ANY = "0.0.0.0"  # noqa: S104 - nothing is bound


def test_each_class_is_asked_for_once_and_an_association_has_room() -> None:
    classes = {f"1.2.{n}" for n in range(13)}
    groups = list(in_groups(classes))
    assert sorted(one for group in groups for one in group) == sorted(classes)
    assert all(1 + len(group) * len(TRANSFER_SYNTAXES) <= MOST_CONTEXTS for group in groups)
    assert len(groups) == 3
    assert len({*TRANSFER_SYNTAXES}) == len(TRANSFER_SYNTAXES)
    assert all(uid.type == "Transfer Syntax" for uid in TRANSFER_SYNTAXES)


def test_of_what_has_no_class_the_common_ones_are_asked_for_as_well() -> None:
    asked = [one for group in in_groups({"", "1.2.3"}) for one in group]
    assert asked == ["1.2.3", *COMMON_CLASSES]
    assert next(in_groups({""})) == list(COMMON_CLASSES[:CLASSES_AT_ONCE])
    assert len({*COMMON_CLASSES}) == len(COMMON_CLASSES)


@pytest.mark.parametrize(
    ("given", "edge"),
    [
        ({}, ("127.0.0.1", 11112)),
        ({"bind": ANY}, ("127.0.0.1", 11112)),
        ({"bind": "192.0.2.1", "port_base": 20000}, ("192.0.2.1", 20001)),
        ({"bind": ANY, "edge_address": "edge:104"}, ("edge", 104)),
    ],
)
def test_where_a_worker_finds_the_edge(given: dict[str, Any], edge: tuple[str, int]) -> None:
    assert Settings(**given).edge == edge


def test_where_workers_are() -> None:
    assert Settings(worker_addresses="127.0.0.1, 10.117.0.0/24").workers == (
        ip_network("127.0.0.1"),
        ip_network("10.117.0.0/24"),
    )
    with pytest.raises(ValidationError):
        Settings(edge_address="nowhere")
