"""Sessions in Valkey.

They need ``pip install 'openheart[sessions]'``, and the settings REDISTOGO_URL and OPENHEART_REDIS_SESSION;
``load(redis_session=True)`` is the same as the latter.
"""

from __future__ import annotations

from .batteries.sessions.battery import renew_session

__all__ = ["renew_session"]
