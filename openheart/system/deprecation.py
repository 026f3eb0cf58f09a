"""Warnings of what is deprecated, which name the line of the user."""

from __future__ import annotations

import sys
import warnings

__all__ = ["warn_deprecated"]

_OURS = __name__.partition(".")[0]


def warn_deprecated(message: str) -> None:
    """Issue a DeprecationWarning for the nearest line outside openheart, where Python shows it by default.

    Args:
        message: what is deprecated, and what to use instead.
    """
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == _OURS:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, DeprecationWarning, stacklevel=level)
