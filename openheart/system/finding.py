"""One finding of ``openheart doctor``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "Level"]

Level = Literal["ok", "note", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        level: ``ok``, ``note`` (worth knowing), ``warning`` (slow or unsafe in production) or ``error``
            (does not work).
        what: what was found, one sentence, secrets masked.
        fix: what to do about it; empty where there is nothing to do.
    """

    level: Level
    what: str
    fix: str = ""
