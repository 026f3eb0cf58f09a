"""The language of a request.

Needs ``pip install 'openheart[locales]'`` and the setting OPENHEART_LOCALES, or ``load(locales=)``.
"""

from __future__ import annotations

from .batteries.locales.battery import get_locale

__all__ = ["get_locale"]
