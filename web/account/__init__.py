"""Signing in and out."""

from web.account import sign_in, sign_out
from web.account.blueprint import blueprint

__all__ = ["blueprint", "sign_in", "sign_out"]
