"""Every promise in the README names a test that exists."""

from __future__ import annotations

import ast
import re

from tests.architecture.sources import ROOT


def test_every_promise_names_its_test() -> None:
    promises = re.findall(r"^\| (?!promise|-)(.+?) \| `([^`]+)` \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert len(promises) > 10
    for promise, test in promises:
        file, _, name = test.partition("::")
        assert (ROOT / file).is_file(), f"{promise}: there is no {file}"
        defined = {node.name for node in ast.walk(ast.parse((ROOT / file).read_text())) if hasattr(node, "name")}
        assert not name or name in defined, f"{promise}: {file} has no {name}"


def test_every_link_leads_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", (ROOT / "README.md").read_text())
    assert links
    for link in links:
        assert (ROOT / link).exists(), f"the README links to {link}, which is not there"
