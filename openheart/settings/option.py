"""What one setting is: its name, type, default and documentation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from ..system.masks import mask_uris
from .casts import Cast

__all__ = ["Option"]

T_co = TypeVar("T_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Option(Generic[T_co]):
    """One row of the table of settings.

    Attributes:
        name: the variable's name, such as ``PORT``.
        cast: from what is written to the value.
        default: the value when it is not set.
        doc: one line for the reference page.
        secret: whether the value may never be shown.
        group: the heading it is listed under, such as ``server``, ``storage`` or ``mail``.
    """

    name: str
    cast: Cast[T_co]
    default: T_co
    doc: str
    secret: bool = False
    group: str = "instance"

    def show(self, value: object) -> str:
        """The value as text for people, with its secrets masked; None is ``unset``."""
        if value is None:
            return "unset"
        return "***" if self.secret else self.cast.show(value)

    def show_refused(self, value: object) -> object:
        """A value that could not be cast, as far as it may be shown."""
        if self.secret:
            return "***"
        if self.cast.expands:
            return self.cast.show(value) if isinstance(value, str) else "***"
        return mask_uris(value)
