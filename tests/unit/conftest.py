"""Property tests here are the same on every machine: no stored examples, no deadline, a fixed seed."""

from __future__ import annotations

from pathlib import Path

from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir

set_hypothesis_home_dir(Path(__file__).parents[2] / "build" / "hypothesis")
settings.register_profile("unit", database=None, deadline=None, derandomize=True, max_examples=200)
settings.load_profile("unit")
