"""openheart's own backends by URI, with everything that they can do."""

from __future__ import annotations

from typing import Any

from openheart.storage import get_backend
from openheart.storage.engine import Engine

__all__ = ["Engine", "get_engine"]


def get_engine(uri: str, *args: Any, **kwargs: Any) -> Engine:
    backend = get_backend(uri, *args, **kwargs)
    assert isinstance(backend, Engine)
    return backend
