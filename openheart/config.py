"""The settings, for code outside openheart. What there is of them is in settings/."""

from __future__ import annotations

from .settings import config
from .settings.config import *  # noqa: F403 - what is public there is public here

__all__ = config.__all__
