"""What an application can have beside reactions: one module each, loaded when it is used."""

from __future__ import annotations

__all__: list[str] = []
