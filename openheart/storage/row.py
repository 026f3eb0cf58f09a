"""The row of a backend: what is known before its code, and its driver, is imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..settings.config import Option

if TYPE_CHECKING:
    from .backend import Backend

__all__ = ["BackendRow"]


@dataclass(frozen=True, slots=True)
class BackendRow:
    """What an entry point in ``openheart.backends`` may name instead of the class.

    Attributes:
        where: the class, as ``package.module:Class``.
        keywords: the settings that become keywords of its constructor: keyword -> setting.
        extra: the extra that installs its driver, ``openheart[…]``; None if it needs no driver.
    """

    where: str
    keywords: Mapping[str, Option[Any]] = field(default_factory=dict)
    extra: str | None = None

    @property
    def settings(self) -> Sequence[Option[Any]]:
        """The settings that it adds to openheart's own."""
        return tuple(self.keywords.values())

    def load(self) -> type[Backend]:
        """Import the class.

        Raises:
            ModuleNotFoundError: its driver is not installed.
        """
        module, _, name = self.where.partition(":")
        try:
            found: type[Backend] = getattr(import_module(module), name)
        except ModuleNotFoundError as error:
            if self.extra is not None:
                error.add_note(f"The driver is installed by: pip install 'openheart[{self.extra}]'")
            raise
        return found
