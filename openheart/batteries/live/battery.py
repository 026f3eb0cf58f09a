"""Events that browsers get as they happen: ``openheart.live.emit()`` and ``live_url()``."""

from __future__ import annotations

import re
import weakref
from typing import Any
from urllib.parse import quote

import flask
from flask import Flask

from ...core.signals import reaction_added
from ...core.state import state_of
from ...errors import ReadingNotAllowed
from ...extension.page import add_template_names
from ...settings.config import OPENHEART_URI, SERVER_THREADS, SERVER_WORKERS
from ...storage import Backend
from ...storage.valkey.uri import SCHEMES
from ...system.text import NOT_TEXT
from ...web.routes import add_route
from ..battery import Battery, battery_of
from ..valkey.battery import get_connection
from ..valkey.row import REDISTOGO_URL
from .broadcaster import Broadcaster
from .hub import json_text
from .row import OPENHEART_LIVE, OPENHEART_LIVE_LISTENERS, ROW
from .tokens import Tokens
from .view import routes

__all__ = ["Live", "emit", "live_url"]

LONGEST = 65_536
"""Bytes of JSON in one event."""

LONGEST_CHANNEL = 200  # characters
_EVENT = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{0,99}")
# Events that browsers or openheart fire themselves.
_RESERVED = frozenset({"error", "open", "reaction", "reset"})


def emit(channel: str, data: Any, event: str = "message", *, app: Flask | None = None) -> str:
    """Send an event to every browser that listens to a channel.

    The browser gets the JSON text ``{"channel": …, "data": …}``.

    Args:
        channel: its name, up to 200 characters; a channel need not be created.
        data: anything that can be encoded as JSON, up to 64 KB.
        event: the type of the event, for ``addEventListener()``; ``message`` goes to ``onmessage``.
        app: the application; by default the current one, else ``openheart.APP``.

    Returns:
        The event's id.

    Raises:
        ValueError, TypeError: an argument cannot be sent; nothing was sent.
        BatteryUnavailable: the Valkey of REDISTOGO_URL is unavailable; nothing was sent.
        BatteryError: it did not answer; the event was sent once or not at all.
        ConfigError: OPENHEART_LIVE is off.
        OpenHeartError: there is no application.
    """
    if not _EVENT.fullmatch(event) or event in _RESERVED:
        raise ValueError(
            f"event={event!r} is not a valid type of an event: expected a letter, then up to 99 letters, "
            f"digits and _.:-, and not one of the reserved names {', '.join(sorted(_RESERVED))}"
        )
    key = _key(channel)
    text = json_text({"channel": channel, "data": data})
    if len(text.encode()) > LONGEST:
        raise ValueError(
            f"data is more than {LONGEST} bytes of JSON; send a reference instead, such as an id"
        )
    return battery_of(Live, app).resource.bus.emit(key, event, text)


def live_url(*channels: str, target: str | None = None, _external: bool = False) -> str:
    """The URL at which a browser listens to channels, for ``new EventSource()``; in Jinja ``live_url``.

    It is signed, expires after OPENHEART_LIVE_LIFE, and needs the application's context, as in a view.

    Args:
        channels: names of channels, as given to ``emit()``.
        target: a target. The browser gets its counts as they change: the event ``reaction`` with
            ``{"target": …, "counts": …}``. The target is also in the fragment, for live.js.
        _external: whether it is a full URL.

    Raises:
        ValueError: no channel and no target, or a name that is not valid.
        InvalidTarget: the target is not valid.
        ReadingNotAllowed: counts are not shown (OPENHEART_WRITE_ONLY).
        ConfigError: OPENHEART_LIVE is off.
    """
    live = battery_of(Live)
    if "openheart.live" not in live.app.view_functions:
        expected = "1, in an app of openheart.load(), which adds the URL to listen at"
        raise live.config.refusal(OPENHEART_LIVE, expected)
    keys = [_key(channel) for channel in channels]
    fragment = ""
    if target is not None:
        state = state_of(live.app)
        if state.write_only:
            raise ReadingNotAllowed("live_url(target=) would show counts, which OPENHEART_WRITE_ONLY hides")
        canonical = state.pages.canonical(target)
        keys.append(f"t:{canonical}")
        fragment = f"#{quote(canonical)}"
    if not keys:
        raise ValueError("live_url() needs the name of a channel, or target=")
    tokens = [live.tokens.sign(key) for key in keys]
    return flask.url_for("openheart.live", channel=tokens, _external=_external) + fragment


class Live(Battery[Broadcaster]):
    """The live events of an application.

    Attributes:
        tokens: signs the channels that a page gives to a browser.
        is_shared: whether a Valkey carries the events to other processes.
    """

    row = ROW

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.tokens = Tokens(self.app, self.config)
        uri = self.config[OPENHEART_URI] or ""
        self.is_shared = self.config[REDISTOGO_URL] is not None or uri.partition(":")[0].lower() in SCHEMES
        self._was_closed = False
        # The storage that was open when this was closed.
        self._last_storage: weakref.ref[Backend] | None = None

    def install(self) -> None:
        self.tokens.require_key()
        most, threads = self.config[OPENHEART_LIVE_LISTENERS], self.config[SERVER_THREADS]
        if most is None and threads < 2:
            expected = "2 or more, because OPENHEART_LIVE is on and each browser that listens keeps a thread"
            raise self.config.refusal(SERVER_THREADS, expected)
        state = state_of(self.app)
        for route in routes(state, self.tokens, lambda: self.resource):
            add_route(self.app, route)
        add_template_names(self.app, {"live_url": live_url})
        if not state.write_only:
            reaction_added.connect(self._reacted, sender=self.app)
        if self.config[SERVER_WORKERS] > 1 and not self.is_shared:
            self.logger.warning(
                "OPENHEART_LIVE without REDISTOGO_URL: browsers get only the events of the worker process "
                "that they are connected to; set REDISTOGO_URL to a Valkey for the events of all"
            )

    def open(self) -> Broadcaster:
        client = (lambda: get_connection(self.app)) if self.is_shared else None
        # Called each time, because a server reports its number of threads when it starts.
        return Broadcaster(state_of(self.app), client, lambda: self.most_listeners())

    def shut(self, resource: Broadcaster) -> None:
        resource.close()

    def close(self) -> None:
        """Close it. The next use opens it again; a reaction does so only if the storage was closed too."""
        service = state_of(self.app).service
        with self._own.here.lock:
            self._was_closed = True
            self._last_storage = weakref.ref(service.backend) if service.is_open else None
        super().close()

    def check(self) -> None:
        self.resource.bus.check()

    def most_listeners(self) -> int:
        """How many may listen to this process; openheart's own servers keep one thread for other requests."""
        given = self.config[OPENHEART_LIVE_LISTENERS]
        threads = state_of(self.app).serving.threads
        if given is None:
            return (self.config[SERVER_THREADS] if threads is None else threads) // 2
        return given if threads is None else min(given, threads - 1)

    def _reacted(self, sender: object, target: str, **_: Any) -> None:
        # Under the lock of close(), so that nothing is opened after it and never closed.
        with self._own.here.lock:
            if not self.is_open and self._is_late():
                return
            broadcaster = self.resource
        broadcaster.reacted(target)

    def _is_late(self) -> bool:
        # Whether the reaction may have begun before close().
        if not self._was_closed:
            return False
        last = None if self._last_storage is None else self._last_storage()
        return not state_of(self.app).service.is_open or (last is not None and last.is_connected())


def _key(channel: str) -> str:
    if not 1 <= len(channel) <= LONGEST_CHANNEL or NOT_TEXT.search(channel):
        raise ValueError(
            f"channel={channel!r} is not a valid name of a channel: expected text of 1 to {LONGEST_CHANNEL} "
            "characters, without line breaks and other control characters"
        )
    return f"c:{channel}"
