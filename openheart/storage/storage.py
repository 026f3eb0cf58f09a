"""One page's reactions, for code that has neither an app nor a request."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from ..protocol import canonical_emoji, canonical_target
from ..settings.config import OPENHEART_QUERY, Config, load_config
from .backend import Backend, Counts
from .uri import backend_from_config

__all__ = ["Storage"]

_SPELLINGS = ("OPENHEART_URI", "database_uri")


class Storage:
    """The reactions to one page. The storage is opened at first use.

    In a ``with`` block it is closed at the end of the block; without one, call ``close()``::

        with Storage("hello", {"OPENHEART_URI": "sqlite:///openheart.db"}) as page:
            page.react("🥨")  # {"🥨": 1}

    Args:
        slug: the target, in any of its spellings.
        config: a Config, or a mapping with OPENHEART_URI (or ``database_uri``) and, optionally,
            INSTANCE, OPENHEART_QUERY and settings of the storage. Other keys are ignored.

    Raises:
        InvalidTarget: the slug is not a valid target.
        ConfigError: the settings cannot be used.
    """

    def __init__(self, slug: str, config: Config | Mapping[str, Any]) -> None:
        settings = config if isinstance(config, Config) else _read(config)
        self.slug = canonical_target(slug, settings[OPENHEART_QUERY])
        self._backend: Backend = backend_from_config(settings, Path.cwd(), "openheart")

    def react(self, reaction: str) -> Counts:
        """Add one reaction.

        Args:
            reaction: text that starts with an emoji.

        Returns:
            The page's counts after it, emoji -> count.

        Raises:
            InvalidEmoji: the text does not start with an emoji; nothing was added.
            BackendError: the storage failed; nothing was added, unless it is OutcomeUnknown.
        """
        emoji = canonical_emoji(reaction)
        return self._connected().add(self.slug, emoji)

    @property
    def reactions(self) -> Counts:
        """The page's counts, emoji -> count; ``{}`` where there are none."""
        return self._connected().counts((self.slug,))[0]

    def close(self) -> None:
        """Close the storage. The next use opens it again."""
        if self._backend.is_connected():
            self._backend.disconnect()

    def __enter__(self) -> Storage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _connected(self) -> Backend:
        return self._backend if self._backend.is_connected() else self._backend.__enter__()


def _read(mapping: Mapping[str, Any]) -> Config:
    uri = next((mapping[name] for name in _SPELLINGS if mapping.get(name)), None)
    if uri is None:
        raise ConfigError(_SPELLINGS[0], uri, "the mapping given", "a URI such as sqlite:///openheart.db")
    return load_config(app_config={**mapping, _SPELLINGS[0]: uri}, env=False)
