"""Locales: the language of each request, with its date and number formats, through Flask-Babel."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

from flask import Flask, current_app, has_app_context, has_request_context, request, session

from ...core.state import app_of, state_of
from ...errors import ConfigError
from ...settings.casts import locale_list
from ..battery import Battery
from .row import OPENHEART_LOCALES, ROW

__all__ = ["Locales", "get_locale"]

ENGLISH = "en_US"
KEY = "locale"  # of the query and of the session, as in Quorum


def get_locale(app: Flask | None = None) -> str:
    """The locale of the current request, such as ``pt_BR``; outside a request the application's default.

    Args:
        app: the application; by default the current one, else ``openheart.APP``.

    Returns:
        One of OPENHEART_LOCALES; ``en_US`` if locales are off. If the application has its own Flask-Babel,
        the locale that it chose.

    Raises:
        OpenHeartError: there is no application.
    """
    battery = state_of(app_of(app)).batteries.get("locales")
    return battery.locale() if isinstance(battery, Locales) else ENGLISH


class Locales(Battery[tuple[str, ...]]):
    """Chooses the locale of each request."""

    row = ROW

    def open(self) -> tuple[str, ...]:
        configured = self.config[OPENHEART_LOCALES] or [ENGLISH]
        for name in configured:
            if _parts(name) is None:
                source = self.config.source(OPENHEART_LOCALES)
                expected = (
                    "locales that Babel knows, such as en_us, pt_br, de; pybabel --list-locales lists them"
                )
                raise ConfigError(OPENHEART_LOCALES.name, name, source, expected)
        return tuple(configured)

    def install(self) -> None:
        """Set up Flask-Babel, unless the application did so itself."""
        default = self.resource[0]
        if "babel" in self.app.extensions:
            return
        from flask_babel import Babel

        Babel(self.app, default_locale=default, locale_selector=self._choose)

    def locales(self) -> tuple[str, ...]:
        """The locales of the application, the default first."""
        return self.resource

    def locale(self) -> str:
        """The locale of the request, such as ``pt_BR``; else the default."""
        from flask_babel import get_locale

        # Flask-Babel uses the application of the current context.
        if has_app_context() and current_app._get_current_object() is self.app:  # type: ignore[attr-defined]
            found = get_locale()
            if found is not None:
                return self._written(str(found))
        return self.resource[0]

    def _written(self, found: str) -> str:
        # Babel adds the script: zh_TW becomes zh_Hant_TW.
        return next((name for name in self.resource if _parsed(name) == found), found)

    def _choose(self) -> str:
        for wanted in self._wanted():
            best = _best(wanted, self.resource)
            if best is not None:
                return best
        return self.resource[0]

    def _wanted(self) -> Iterator[str]:
        """The locales that the request asks for, in Quorum's order."""
        if not has_request_context():
            return
        try:
            asked = request.args.get(KEY)
        except UnicodeDecodeError:
            asked = None
        for each in (asked, session.get(KEY)):
            if isinstance(each, str):
                yield each
        for language, quality in request.accept_languages:
            if quality > 0:
                yield language


@functools.lru_cache(maxsize=1024)
def _best(wanted: str, available: Sequence[str]) -> str | None:
    """The locale that is wanted, else the first with the same language and script."""
    try:
        (name,) = locale_list()(wanted)
    except ValueError:
        return None
    if name in available:
        return name
    parts = _parts(name) or _parts(name.partition("_")[0])
    return None if parts is None else next((each for each in available if _parts(each) == parts), None)


@functools.lru_cache(maxsize=1024)
def _parts(name: str) -> tuple[str, str | None] | None:
    """The language and the script of a locale; None where there is no such locale."""
    from babel.core import Locale, UnknownLocaleError, get_global, parse_locale

    try:
        found = Locale.parse(name)
    except (UnknownLocaleError, ValueError):
        return None
    script = found.script
    if script is None:
        # zh usually means zh_Hans, and zh_TW has another script.
        likely = get_global("likely_subtags").get(found.language)
        script = None if likely is None else parse_locale(likely)[2]
    return found.language, script


@functools.lru_cache(maxsize=1024)
def _parsed(name: str) -> str:
    from babel import Locale

    return str(Locale.parse(name))
