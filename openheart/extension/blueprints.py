"""Finds the blueprints of a package and registers them."""

from __future__ import annotations

import pkgutil
import sys
from collections.abc import Iterator
from importlib import import_module
from itertools import chain
from types import ModuleType

from flask import Blueprint, Flask

from ..errors import BlueprintImportError

__all__ = ["register_blueprints"]


def register_blueprints(app: Flask, package: str | None = None) -> list[Blueprint]:
    """Import every module of a package, and register each blueprint that is defined at the top of one.

    The modules are imported in the order of their names, a package before its modules. A blueprint that
    several modules have is registered once, and a nested blueprint with its parent. A blueprint that they
    only import is not registered: its import name, ``Blueprint("posts", __name__)``, is that of a module
    outside the package which has it.

    Args:
        app: the application; call ``init_app`` first if the routes use ``openheart=``.
        package: the dotted name of the package, or of one module. By default it is ``blueprints`` in the
            package of the app, or beside the app's module if that is in no package.

    Returns:
        The blueprints that were registered, in that order.

    Raises:
        BlueprintImportError: a module cannot be imported; names the module, with the cause chained to it.
        ValueError: two blueprints have the same name (Flask's own error).
    """
    modules = list(_modules(_own_package(app) if package is None else package))
    values = chain.from_iterable(vars(module).values() for module in modules)
    names = {module.__name__ for module in modules}
    found = [
        value
        for value in dict.fromkeys(each for each in values if isinstance(each, Blueprint))
        if value.import_name in names or not _has(value.import_name, value)
    ]
    # Flask keeps nested blueprints in a private attribute.
    nested = [child for parent in found for child, _ in getattr(parent, "_blueprints", ())]
    there = {*app.blueprints.values(), *nested}
    fresh = [each for each in found if each not in there]
    for blueprint in fresh:
        app.register_blueprint(blueprint)
    return fresh


def _own_package(app: Flask) -> str:
    module = sys.modules.get(app.import_name)
    # "" for a module in no package, and None for a program.
    parent = getattr(module, "__package__", None)
    return f"{parent}.blueprints" if parent else "blueprints"


def _has(name: str, blueprint: Blueprint) -> bool:
    """Whether the module of this name has the blueprint at its top level."""
    module = sys.modules.get(name)
    return module is not None and any(value is blueprint for value in vars(module).values())


def _modules(name: str) -> Iterator[ModuleType]:
    try:
        module = import_module(name)
    except Exception as error:
        raise BlueprintImportError(name, error) from error
    yield module
    for each in sorted(pkgutil.iter_modules(getattr(module, "__path__", ())), key=lambda info: info.name):
        if each.name != "__main__":
            yield from _modules(f"{name}.{each.name}")
