"""The loaded application, and what openheart keeps for each application in ``app.extensions``."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, MutableMapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from flask import current_app, has_app_context
from flask.app import Flask

from ..errors import CapabilityMissing, ConfigError, InvalidEmoji, OpenHeartError
from ..protocol import Policy
from ..settings import config as settings
from ..settings.config import Config
from ..storage import Backend, Cap, Capped
from ..storage.capabilities import listed
from ..storage.uri import backend_from_config
from ..system import logs
from ..system.deprecation import warn_deprecated
from .own_file import require_own_file
from .pages import Pages, Slugs
from .service import Service

__all__ = [
    "Attached",
    "Loaders",
    "Serving",
    "State",
    "app_of",
    "context_of",
    "keep_app_in",
    "loaded_app",
    "make_state",
    "set_loaded_app",
    "state_of",
]

_namespace: dict[str, Any] = {}


def keep_app_in(namespace: dict[str, Any]) -> None:
    """Keep the loaded app as APP in a namespace, that of ``openheart``, where users read it and assign it."""
    global _namespace
    _namespace = namespace


def loaded_app() -> Flask | None:
    """``openheart.APP``: the app of the last ``load()``, or the one that was assigned.

    Raises:
        OpenHeartError: something else was assigned.
    """
    app = _namespace.get("APP")
    # Not flask.Flask, which tracing libraries replace by a subclass: an app may be older than that.
    if app is not None and not isinstance(app, Flask):
        raise OpenHeartError(f"openheart.APP is a {type(app).__name__}: assign a Flask app or None")
    return app


def set_loaded_app(app: Flask | None) -> None:
    """Set ``openheart.APP``; only base.py does."""
    _namespace["APP"] = app


class Attached(Protocol):
    """What else belongs to an application; see ``batteries.battery.Battery``."""

    name: ClassVar[str]
    vital: ClassVar[bool]
    place: ClassVar[int]

    def health(self) -> str | None: ...
    def prove(self) -> None: ...
    def close(self) -> None: ...


Loaders = MutableMapping[str, Callable[..., Any]]
"""How an application identifies its users: ``user`` returns that of the current request, ``tenant`` the
tenant of a user."""


@dataclass(slots=True)
class Serving:
    """What the server started by run() reports about itself; under another server the defaults remain.

    Attributes:
        threads: how many requests it answers at once in this process; None if there is no limit.
        is_stopping: whether it is stopping, and waits for running requests.
    """

    threads: int | None = None
    is_stopping: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True)
class State:
    """What openheart keeps for one Flask application, in ``app.extensions["openheart"]``.

    Attributes:
        config: the settings of this application.
        service: its reactions.
        pages: which of its routes have reactions.
        standalone: whether this is openheart's own server, with a page at ``/``.
        prefix: the URL prefix without a trailing slash, ``""`` for ``/``.
        post_prefix: the second one, for apps of flask-openheart; as ``prefix`` where there is none.
        make_backend: makes the unconnected backend that settings name; usually those of ``config``.
        origins: whose pages may read and react.
        write_only: whether counts are hidden.
        cache_control: the Cache-Control header of a GET.
        users: its loaders; where it has none, those of the OpenHeart extension.
        batteries: name -> battery, of those that load() switched on or that were used.
        serving: what the server reports about itself.
        documented: path below the prefix -> its path item of the OpenAPI document.
        warned: what was logged once and is not logged again.
        shared: endpoint -> the methods and the headers of requests from pages of other origins.
    """

    config: Config
    service: Service
    pages: Pages
    standalone: bool
    prefix: str
    post_prefix: str
    make_backend: Callable[[Config], Backend]
    origins: tuple[str, ...]
    write_only: bool
    cache_control: str
    users: Loaders
    batteries: dict[str, Attached] = field(default_factory=dict)
    serving: Serving = field(default_factory=Serving)
    documented: dict[str, dict[str, Any]] = field(default_factory=dict)
    warned: set[str] = field(default_factory=set)
    shared: dict[str, tuple[str, str]] = field(default_factory=dict)

    def close(self) -> None:
        """Finish accepted work and release every resource. The next use opens it again."""
        # Work in the background may use every later battery, and the storage is closed last. A battery that
        # is first used while another one closes appears only then.
        closed: list[Attached] = []
        while left := [each for each in list(self.batteries.values()) if each not in closed]:
            battery = min(left, key=lambda each: each.place)
            closed.append(battery)
            try:
                battery.close()
            except Exception as error:
                # The others, and the storage, are still closed.
                self.service.logger.error("The battery %s did not close", battery.name, exc_info=error)
        self.service.close()


def make_state(app: Flask, config: Config, *, slugs: Slugs, users: Loaders, standalone: bool) -> State:
    """Make the state of one application; opens nothing. The arguments are those of ``add_openheart``.

    Raises:
        ConfigError: a setting turns out to be wrong when it is used.
    """
    logger = logs.get_logger(config.logs)
    # A relative SQLite path is relative to this folder.
    folder = Path.cwd() if standalone else Path(app.instance_path)
    name = "openheart" if standalone else app.name

    def make_backend(config: Config) -> Backend:
        return backend_from_config(config, folder, name)

    prefix, post_prefix = _prefixes(config, standalone)
    # Made once here, so that a wrong URI or a missing driver is a start-up error.
    backend = make_backend(config)
    require_own_file(app, config, backend)
    if config[settings.OPENHEART_LISTING]:
        try:
            listed(backend)
        except CapabilityMissing as error:
            raise config.refusal(settings.OPENHEART_LISTING, f"no value; {error}") from None
    policy = _policy(config)
    max_age = config[settings.OPENHEART_MAX_AGE]
    return State(
        config=config,
        service=Service(
            lambda: make_backend(config),
            policy,
            cap=_cap(config, policy, backend),
            sender=app,
            hold=config[settings.OPENHEART_HOLD],
            stale=config[settings.OPENHEART_STALE],
            logger=logger,
        ),
        pages=Pages(
            app, slugs, config[settings.OPENHEART_OPEN_TARGETS], config[settings.OPENHEART_QUERY], logger
        ),
        standalone=standalone,
        prefix=prefix,
        post_prefix=post_prefix,
        make_backend=make_backend,
        origins=tuple(config[settings.OPENHEART_ORIGINS]),
        write_only=config[settings.OPENHEART_WRITE_ONLY],
        users=ChainMap({}, users),
        cache_control=f"public, max-age={int(max_age)}" if max_age else "no-cache",
    )


def app_of(app: Flask | None = None) -> Flask:
    """The application given; by default the current one, else ``APP``.

    Raises:
        OpenHeartError: there is no such application.
    """
    if app is None:
        app = current_app._get_current_object() if has_app_context() else loaded_app()  # type: ignore[attr-defined]
    if app is None:
        raise OpenHeartError(
            "There is no application: call openheart.load() first, or enter app.app_context()"
        )
    return app


def context_of(app: Flask) -> AbstractContextManager[object]:
    """The app context of an application, for a ``with`` block: the current one, or a new one."""
    is_current = has_app_context() and current_app._get_current_object() is app  # type: ignore[attr-defined]
    return nullcontext() if is_current else app.app_context()


def state_of(app: Flask | None = None) -> State:
    """The state of an application.

    Args:
        app: the application; by default the current one, else ``APP``.

    Raises:
        OpenHeartError: there is no such application, or openheart was not added to it.
    """
    app = app_of(app)
    state = app.extensions.get("openheart")
    if not isinstance(state, State):
        raise OpenHeartError(
            f"openheart was not added to the app {app.name!r}: call openheart.load(app) or OpenHeart(app)"
        )
    return state


def _prefixes(config: Config, standalone: bool) -> tuple[str, str]:
    for option in (settings.OPENHEART_URL_PREFIX, settings.OPENHEART_POST_URL_PREFIX):
        if config[option] == "/" and not standalone:
            raise config.refusal(
                option,
                "a path such as /openheart; only `openheart run` and openheart.wsgi may use /, "
                "because it would swallow the 404 and 405 of this app",
            )
    prefix, second = config[settings.OPENHEART_URL_PREFIX], config[settings.OPENHEART_POST_URL_PREFIX]
    if second is None:
        return prefix.rstrip("/"), prefix.rstrip("/")
    source = config.source(settings.OPENHEART_POST_URL_PREFIX)
    warn_deprecated(
        f"OPENHEART_POST_URL_PREFIX (from {source}) is deprecated: counts are read, and reactions sent, at "
        "the same address, below OPENHEART_URL_PREFIX"
    )
    return prefix.rstrip("/"), second.rstrip("/")


def _cap(config: Config, policy: Policy, backend: Backend) -> Cap | None:
    if not isinstance(backend, Capped):
        if config.is_default(settings.OPENHEART_MAX_EMOJI):
            return None
        expected = f"no value: {type(backend).__name__} cannot {Capped.ability}"
        raise config.refusal(settings.OPENHEART_MAX_EMOJI, expected)
    # Where the site names its emoji, there are no others.
    if config[settings.OPENHEART_EMOJI]:
        return None
    return Cap(config[settings.OPENHEART_MAX_EMOJI], frozenset(policy.offered))


def _policy(config: Config) -> Policy:
    for option in (settings.OPENHEART_EMOJI, settings.OPENHEART_EMOJI_DENY):
        try:
            Policy(allow=config[option])
        except InvalidEmoji as error:
            emoji, expected = ",".join(config[option]), f"emoji only; {error.detail}"
            raise ConfigError(option.name, emoji, config.source(option), expected) from None
    return Policy(
        allow=config[settings.OPENHEART_EMOJI],
        deny=config[settings.OPENHEART_EMOJI_DENY],
        skin_tones=config[settings.OPENHEART_SKIN_TONES],
    )
