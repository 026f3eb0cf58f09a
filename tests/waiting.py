"""How tests wait for what happens elsewhere and is told by nobody."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["PATIENCE", "until"]

PATIENCE = 60.0
"""Seconds after which what did not happen counts as a failure; many, for a slow machine."""

BETWEEN_TWO_LOOKS = 0.02  # seconds


def until(
    is_true: Callable[[], object],
    complaint: str = "it did not come to that",
    patience: float = PATIENCE,
) -> None:
    """Wait until something is true, and fail with the complaint when it never is.

    Args:
        is_true: looks; what it cannot reach (OSError) is not true yet.
        complaint: what the failure says.
        patience: seconds to wait.
    """
    deadline = time.monotonic() + patience
    while not _holds(is_true):
        assert time.monotonic() < deadline, complaint
        time.sleep(BETWEEN_TWO_LOOKS)


def _holds(is_true: Callable[[], object]) -> bool:
    try:
        return bool(is_true())
    except OSError:
        return False
