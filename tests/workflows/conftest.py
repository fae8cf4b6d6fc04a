"""Fixtures of the tests of workflows."""

from tests.engine import engine
from tests.workflows.stage import fakes, stage

__all__ = ["engine", "fakes", "stage"]
