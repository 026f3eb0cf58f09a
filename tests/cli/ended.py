"""How a run of the command ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

__all__ = ["Ended", "Run"]


class Ended(NamedTuple):
    """The exit code, and what was written to the standard output and the standard error."""

    code: object
    out: str
    err: str


Run = Callable[..., Ended]
"""Runs the command with arguments; ``app=`` is the app that ``flask openheart`` would have."""
