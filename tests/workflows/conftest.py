"""Fixtures of the tests of workflows."""

from tests.engine import engine
from tests.ingest.conftest import filling
from tests.workflows.stage import fakes, stage

__all__ = ["engine", "fakes", "filling", "stage"]
