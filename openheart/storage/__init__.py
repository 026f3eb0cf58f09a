"""Where counts live: the contract, the backends by URI, and ``Storage`` for use without an app."""

from __future__ import annotations

from ..errors import InvalidEmoji
from ..protocol import split_emoji
from ..system.finding import Finding
from .backend import Backend, BackendError, Change, Counts, Listing
from .row import BackendRow
from .storage import Storage
from .uri import get_backend

__all__ = [
    "Backend",
    "BackendError",
    "BackendRow",
    "Change",
    "Counts",
    "Finding",
    "Listing",
    "Storage",
    "get_backend",
]

# Aliases for applications that are ported from flask-openheart: docs/howto/porting-flask-openheart.rst.
InvalidReactionError = InvalidEmoji
sanitize_reaction = split_emoji
