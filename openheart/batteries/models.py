"""``load(models=module)``: that module's document classes (mongoengine) on the application's own MongoDB."""

from __future__ import annotations

from types import ModuleType

from flask import Flask

__all__ = ["register_models"]


def register_models(models: ModuleType, app: Flask) -> None:
    """Put the document classes of a module on the connection of an application."""
    raise NotImplementedError
