"""Events to browsers as they happen, from this server.

Needs the setting OPENHEART_LIVE, and nothing to install. With more than one process it also needs a Valkey.
"""

from __future__ import annotations

from .batteries.live.battery import emit, live_url

__all__ = ["emit", "live_url"]
