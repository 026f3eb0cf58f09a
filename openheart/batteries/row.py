"""The row of a battery: what openheart knows before it imports the battery."""

from __future__ import annotations

import importlib
import importlib.util
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import ConfigError, MissingDependency
from ..settings.config import Config, Option
from ..system.forks import PerProcess, no_fork

__all__ = ["Row"]

_importing = PerProcess(lambda: threading.RLock())


@dataclass(frozen=True, slots=True)
class Row:
    """What openheart knows of a battery before it imports its code.

    Attributes:
        name: what it is called in messages and in ``/readyz``.
        where: the class, as ``package.module:Class``.
        needs: the settings that it requires. The first of them switches it on.
        library: the module that it requires, by its import name; None if the standard library is enough.
        extra: the extra of ``openheart`` that installs that library: ``pip install 'openheart[…]'``.
        settings: the settings that it adds to openheart's own.
        place: its place in the order in which batteries are closed, the lowest first. Work in the
            background is 0, and what it may use comes after it.
        modules: the full names of other modules that its code imports when it is used.
    """

    name: str
    where: str
    needs: Sequence[Option[Any]] = ()
    library: str | None = None
    extra: str | None = None
    settings: Sequence[Option[Any]] = field(default=())
    place: int = 1
    modules: Sequence[str] = ()

    def is_on(self, config: Config) -> bool:
        """Whether it is switched on."""
        return bool(self.needs) and bool(config[self.needs[0]])

    def check(self, config: Config) -> None:
        """Check that it can be used; imports and opens nothing.

        Raises:
            ConfigError: a setting is missing; names it.
            MissingDependency: its library is not installed; names the extra.
        """
        for option in self.needs:
            if not config[option]:
                expected = f"it to be set ({option.doc.rstrip('.')})"
                if option is not self.needs[0]:
                    expected += f", because {self.needs[0].name} is"
                raise ConfigError(option.name, None, config.source(option), expected)
        if self.library is not None and importlib.util.find_spec(self.library) is None:
            # Named by its first setting, with secrets masked.
            key = self.needs[0] if self.needs else None
            package = f"'openheart[{self.extra}]'" if self.extra else self.library
            raise MissingDependency(
                self.name if key is None else key.name,
                None if key is None else key.show(config[key]),
                "the code" if key is None else config.source(key),
                f"{self.library} to be installed: pip install {package}",
            )

    def load(self) -> None:
        """Import its library and its modules, one thread at a time for all batteries.

        Python may give threads partly initialized modules when they import packages that need each other.
        """
        with no_fork(), _importing.here:
            for name in (*filter(None, (self.library,)), *self.modules):
                importlib.import_module(name)
