"""The MongoDB of the application itself; the counts use another client.

Needs ``pip install 'openheart[mongodb]'`` and the setting MONGOHQ_URL, or an OPENHEART_URI that is a MongoDB.
"""

from __future__ import annotations

from .batteries.mongodb.battery import get_connection, get_db

__all__ = ["get_connection", "get_db"]
