"""Searching a PACS that answers too much, too little, wrongly, or not at all: each is said in one sentence."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from models.db import Database
from models.domain.pacs_search import MOST
from tests.activities.asked_pacs import Answers, AskedPacs, Searcher, always, asked_pacs, study, uids
from tests.database import Registry

NAME = {"family_name": "Example", "birth_date": "19510203"}


@pytest.fixture
def searcher(database: Database, registry: Registry) -> Searcher:
    return Searcher(database, registry)


def test_keys_that_are_not_supported(searcher: Searcher) -> None:
    with asked_pacs(always((0xFF01, study()))) as pacs:
        searcher.set_node(pacs.port)
        found = searcher.search(**NAME)
    assert uids(found) == ["2.25.771"]
    assert found.sentence == "ZX1_PACS does not support every key that was asked; look at date and modality yourself."


def test_a_peer_s_own_limit(searcher: Searcher) -> None:
    with asked_pacs(always((0xFF00, study()), (0xB001, None))) as pacs:
        searcher.set_node(pacs.port)
        found = searcher.search(**NAME)
    assert (found.truncated, found.sentence) == (True, "ZX1_PACS gives no more than these; narrow the dates.")


def test_after_a_hundred_it_is_told_to_stop(searcher: Searcher) -> None:
    def answer(pacs: AskedPacs, event: Any) -> Answers:
        for number in range(10_000):
            if event.is_cancelled:
                pacs.cancelled = True
                yield 0xFE00, None
                return
            yield 0xFF00, study(number)

    with asked_pacs(answer) as pacs:
        searcher.set_node(pacs.port)
        found = searcher.search(**NAME)
        assert pacs.cancelled
    assert (len(found.hits), found.truncated) == (MOST, True)
    assert found.sentence == "These are of the first 100 answers; narrow the dates."


def test_one_that_does_not_listen_is_hung_up_on(searcher: Searcher) -> None:
    endless = 5_000
    sent = 0

    def answer(pacs: AskedPacs, event: Any) -> Answers:
        nonlocal sent
        for sent in range(endless):
            yield 0xFF00, study(sent)

    with asked_pacs(answer) as pacs:
        searcher.set_node(pacs.port)
        found = searcher.search(**NAME)
    assert (len(found.hits), found.state) == (MOST, "answered")
    assert sent < endless - 1


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (0xA700, "ZX1_PACS is too busy (A700); try again."),
        (0xA900, "ZX1_PACS cannot be asked this (A900); try again."),
        (0xC001, "ZX1_PACS failed over it (C001); try again."),
    ],
)
def test_a_failure(searcher: Searcher, status: int, words: str) -> None:
    with asked_pacs(always((status, None))) as pacs:
        searcher.set_node(pacs.port)
        found = searcher.search(**NAME)
    assert (found.state, found.sentence) == ("failed", words)


def test_a_failure_after_some(searcher: Searcher) -> None:
    with asked_pacs(always((0xFF00, study()), (0xC001, None))) as pacs:
        searcher.set_node(pacs.port)
        found = searcher.search(**NAME)
    assert (found.state, found.truncated) == ("answered", True)
    assert found.sentence == "ZX1_PACS failed over it (C001); there may be more than these."


def test_one_that_hangs_up_in_the_middle(searcher: Searcher) -> None:
    def answer(pacs: AskedPacs, event: Any) -> Answers:
        yield 0xFF00, study()
        event.assoc.abort()

    with asked_pacs(answer) as pacs:
        searcher.set_node(pacs.port)
        found = searcher.search(**NAME)
    assert (found.state, uids(found)) == ("answered", ["2.25.771"])
    assert found.sentence == "ZX1_PACS stopped answering; there may be more than these."


# pynetdicom leaves the socket of a refused connection to be closed when it is collected.
@pytest.mark.filterwarnings("ignore:.*unclosed.*socket:ResourceWarning")
@pytest.mark.filterwarnings("ignore:Exception ignored in.*socket:pytest.PytestUnraisableExceptionWarning")
def test_nobody_there(searcher: Searcher) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
    searcher.set_node(port)
    found = searcher.search(**NAME)
    assert (found.state, found.hits) == ("failed", [])
    assert found.sentence == f"ZX1_PACS does not answer at 127.0.0.1:{port}."
