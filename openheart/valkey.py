"""The Valkey of the application itself; the counts use other connections.

Needs ``pip install 'openheart[valkey]'`` and the setting REDISTOGO_URL, or an OPENHEART_URI that is a Valkey.
"""

from __future__ import annotations

from .batteries.valkey.battery import get_connection, key

__all__ = ["get_connection", "key"]
