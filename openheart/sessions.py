"""Sessions in Valkey.

Needs ``pip install 'openheart[sessions]'`` and the settings REDISTOGO_URL and OPENHEART_REDIS_SESSION, or
``load(redis_session=True)`` instead of the latter.
"""

from __future__ import annotations

from .batteries.sessions.battery import renew_session

__all__ = ["renew_session"]
