"""The language of our own pages: English, or the one that the battery ``locales`` chose for the request."""

from __future__ import annotations

import functools
import gettext
from importlib.resources import files
from typing import Protocol, runtime_checkable

from ..core.state import State
from ..errors import BatteryError

__all__ = ["CATALOGS", "ENGLISH", "Chooser", "chooser_of", "language_of", "nearest", "translations"]

ENGLISH = "en"
CATALOGS = ("de", "es", "fr", "pt_BR")
"""The languages that openheart's own pages are translated into, in addition to English."""


@runtime_checkable
class Chooser(Protocol):
    """Chooses a locale; the battery ``locales`` is one."""

    def locales(self) -> tuple[str, ...]:
        """The locales of the application, the default first."""

    def locale(self) -> str:
        """The locale of the request, such as ``pt_BR``."""


def chooser_of(state: State) -> Chooser | None:
    """The chooser of an application; None if the battery ``locales`` is off."""
    found: object = state.batteries.get("locales")
    return found if isinstance(found, Chooser) else None


def language_of(state: State) -> str:
    """The language that our page is written in for this request: one of CATALOGS, or English.

    While the visitor's own cannot be read, because the sessions are unavailable, it is the application's
    default.
    """
    chooser = chooser_of(state)
    if chooser is None:
        return ENGLISH
    try:
        return nearest(chooser.locale())
    except BatteryError:
        return nearest(chooser.locales()[0])


def nearest(locale: str) -> str:
    """The catalog for a locale: its own, else another one of the same language, else English."""
    if locale in CATALOGS:
        return locale
    language = locale.partition("_")[0]
    return next((name for name in CATALOGS if name.partition("_")[0] == language), ENGLISH)


@functools.cache
def translations(language: str) -> gettext.NullTranslations:
    """The texts of our pages in a language."""
    if language not in CATALOGS:
        return gettext.NullTranslations()
    catalog = files("openheart.web").joinpath(f"translations/{language}/LC_MESSAGES/openheart.mo")
    with catalog.open("rb") as file:
        return gettext.GNUTranslations(file)
