"""What ``openheart doctor`` says of one thing that it looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "Level"]

Level = Literal["ok", "note", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        level: ``ok``, ``note`` (worth knowing), ``warning`` (slow or unsafe in production) or ``error``
            (does not work).
        what: what was found, one sentence, secrets masked.
        mend: what to do about it; empty where nothing is to be done.
    """

    level: Level
    what: str
    mend: str = ""
