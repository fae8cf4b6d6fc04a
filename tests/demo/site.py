"""A running PACS and DCMTK's programs that speak to it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.conftest import Peers
from tests.demo.programs import Program


class Site:
    """A running PACS and the programs that speak to it."""

    def __init__(self, pacs: Program, folder: Path, peers: Peers) -> None:
        self.pacs, self.folder, self.peers = pacs, folder, peers

    def call(self, name: str, *arguments: str | Path, before: tuple[str, ...] = ()) -> str:
        done = subprocess.run(
            [self.peers.need(name), *before, "127.0.0.1", str(self.pacs.port), *arguments],
            capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        return f"exit {done.returncode}\n" + (done.stdout + done.stderr).decode("utf-8", "replace")

    def store(self, *paths: Path) -> None:
        said = self.call("storescu", *paths, before=("+sd", "+r", "-aec", "ANY_TITLE"))
        assert said.startswith("exit 0"), said

    def find(self, level: str, *keys: str, root: str = "-S") -> list[dict[str, str]]:
        arguments = [part for key in (f"QueryRetrieveLevel={level}", *keys) for part in ("-k", key)]
        said = self.call("findscu", before=(root, *arguments))
        assert said.startswith("exit 0"), said
        answers = said.split("Find Response:")[1:]
        return [
            {
                word: value.strip(" \0")
                for value, word in re.findall(r"\[(.*?)\] .*# .*? (\w+)\s*$", answer, re.MULTILINE)
            }
            for answer in answers
        ]
