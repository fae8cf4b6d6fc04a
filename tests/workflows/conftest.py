"""Fixtures of the tests of workflows."""

from tests.database import database, postgres, registry
from tests.engine import engine
from tests.ingest.conftest import filling
from tests.workflows.stage import fakes, stage

__all__ = ["database", "engine", "fakes", "filling", "postgres", "registry", "stage"]
