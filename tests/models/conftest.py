"""Fixtures of the tests of models."""

from tests.database import database, postgres, registry

__all__ = ["database", "postgres", "registry"]
