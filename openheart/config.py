"""The settings, for code outside openheart, as ``from openheart.config import OPENHEART_URI, SMTP_HOST``.

They are defined in settings/, and in the folder of each storage and battery.
"""

from __future__ import annotations

from typing import Any

from .settings import config
from .settings.config import *  # noqa: F403 - what is public there is public here
from .settings.table import option_named

__all__ = config.__all__


def __getattr__(name: str) -> Any:
    option = option_named(name)
    if option is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return option
