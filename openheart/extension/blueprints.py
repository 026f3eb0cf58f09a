"""Finds the blueprints of a package and registers them."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from itertools import chain
from types import ModuleType

from flask import Blueprint, Flask

from ..errors import BlueprintImportError

__all__ = ["register_blueprints"]


def register_blueprints(app: Flask, package: str) -> list[Blueprint]:
    """Import every module of a package, and register each blueprint that is at the top level of one.

    The modules are imported in the order of their names, a package before its modules. A blueprint that
    several modules have is registered once; a nested blueprint is registered with its parent.

    Args:
        app: the application; call ``init_app`` first if the routes use ``openheart=``.
        package: the dotted name of the package, or of one module.

    Returns:
        The blueprints that were registered, in that order.

    Raises:
        BlueprintImportError: a module cannot be imported; names the module, with the cause chained to it.
        ValueError: two blueprints have the same name (Flask's own error).
    """
    values = chain.from_iterable(vars(module).values() for module in _modules(package))
    found = list(dict.fromkeys(value for value in values if isinstance(value, Blueprint)))
    # Flask keeps nested blueprints in a private attribute.
    nested = [child for parent in found for child, _ in getattr(parent, "_blueprints", ())]
    there = {*app.blueprints.values(), *nested}
    fresh = [each for each in found if each not in there]
    for blueprint in fresh:
        app.register_blueprint(blueprint)
    return fresh


def _modules(name: str) -> Iterator[ModuleType]:
    try:
        module = import_module(name)
    except Exception as error:
        raise BlueprintImportError(name, error) from error
    yield module
    for each in sorted(pkgutil.iter_modules(getattr(module, "__path__", ())), key=lambda info: info.name):
        if each.name != "__main__":
            yield from _modules(f"{name}.{each.name}")
