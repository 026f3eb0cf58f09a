"""openheart as a Flask extension: creates the state of an application and registers the routes."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask, has_app_context

from ..core.pages import Slugs, mark_routes
from ..core.state import Loaders, State, make_state, state_of
from ..errors import OpenHeartError
from ..settings.app_config import fill_app_config
from ..settings.config import (
    OPENHEART_PROXIES,
    OPENHEART_PROXY_HEADERS,
    Config,
    load_config,
    unknown_variables,
)
from ..storage import Backend
from ..storage.uri import further_options
from ..web.proxies import BehindProxies
from ..web.routes import register
from .controller import OpenHeartController
from .page import extend_requests, extend_templates

__all__ = ["OpenHeart", "add_openheart"]

F = TypeVar("F", bound=Callable[..., Any])


class OpenHeart:
    """Adds reactions to one or more Flask applications.

    The instance keeps no state of an application, so one instance serves any number of them::

        oh = OpenHeart()

        def create_app() -> Flask:
            app = Flask(__name__)
            oh.init_app(app, uri="sqlite:///reactions.db")
            return app

    Args:
        app: an application to add reactions to; None leaves that to ``init_app``.
        env: False takes no setting from the environment, ``.env`` and the config file.
        options: settings, such as ``uri=`` for OPENHEART_URI; ``init_app`` may override them.

    Raises:
        ConfigError: with ``app``, see ``init_app``.
    """

    def __init__(self, app: Flask | None = None, *, env: bool = True, **options: Any) -> None:
        self._env = env
        self._options = options
        self._slugs = Slugs()
        self._users: Loaders = {}
        if app is not None:
            self.init_app(app)

    def init_app(self, app: Flask, *, env: bool | None = None, **options: Any) -> None:
        """Add reactions to an application. The storage is opened at first use.

        Nothing outside the prefix changes: no handler, no JSON provider, no logging set-up. ``app.config``
        then holds each setting that is in force, under its name.

        Args:
            app: the application.
            env: as in the constructor, which gives the default.
            options: settings, which take precedence over those of the constructor.

        Raises:
            ConfigError: a setting is not valid; the error names it.
            OpenHeartError: openheart was already added to this application.
        """
        env = self._env if env is None else env
        config = load_config(app.config, {**self._options, **options}, env=env, further=further_options)
        add_openheart(app, config, slugs=self._slugs, users=self._users)

    @property
    def storage(self) -> Backend:
        """The storage of the current app, connected at first use and shared by its threads.

        It works in a view, and outside a request within ``with app.app_context():``. Its targets are those of
        ``page.target``; ``openheart.react()`` also takes other spellings, checks emoji and sends the signal::

            with app.app_context():
                for target in oh.storage.iter_targets():
                    print(target)

        Raises:
            OpenHeartError: there is no current app, or openheart was not added to it.
            BackendError: it cannot be opened. The next use tries again.
        """
        if not has_app_context():
            raise OpenHeartError(
                "The storage belongs to an app, and there is no current one: use it in a view, or within "
                "`with app.app_context():`"
            )
        return state_of().service.backend

    def slug(self, endpoint: str) -> Callable[[F], F]:
        """Set the function that gives the pages of an endpoint their targets, and mark its route.

        It can be called before or after ``init_app``.

        The function gets the arguments of the route and returns the target as text. None, or
        ``abort(404)``, means that there is no such page::

            @oh.slug("blog.post")
            def post_target(slug: str) -> str | None:
                return f"post-{post.id}" if (post := find_post(slug)) else None

        A function on the route itself, ``openheart=post_target``, takes precedence over it.

        Args:
            endpoint: the endpoint, in each app of this extension that has it. If no app has it, a warning
                is logged at the first lookup of a page.
        """

        def remember(function: F) -> F:
            self._slugs[endpoint] = function
            return function

        return remember

    def user_loader(self, function: F) -> F:
        """Set the function that finds the user of a request, before or after ``init_app``.

        It takes no arguments, and returns the user, which may be any object, or None if nobody is logged
        in::

            @oh.user_loader
            def find_user() -> User | None:
                return User.find(session.get("user_id"))

        ``openheart.get_user()`` returns the same user.

        Args:
            function: the function, for each app of this extension. It may be a coroutine function.
        """
        self._users["user"] = function
        return function

    def tenant_loader(self, function: F) -> F:
        """Set the function that finds the tenant of a user, for ``openheart.scoped()``.

        Args:
            function: takes the user, and returns the tenant's id: text, a whole number or a UUID. By
                default it is the user's ``tenant``, or without such an attribute the user's ``id``.
        """
        self._users["tenant"] = function
        return function


def add_openheart(
    app: Flask, config: Config, *, slugs: Slugs, users: Loaders, standalone: bool = False
) -> State:
    """Create the state of an application from its settings, and register the routes.

    Args:
        app: the application.
        config: its settings.
        slugs: the slug functions of the extension.
        users: the user and tenant loaders of the extension.
        standalone: whether this is openheart's own server, with a page at ``/``.

    Raises:
        ConfigError: a setting is not valid.
        OpenHeartError: openheart was already added to this application.
    """
    if "openheart" in app.extensions:
        raise OpenHeartError(
            f"openheart was already added to the app {app.name!r}; call load() or init_app() only once"
        )
    state = make_state(app, config, slugs=slugs, users=users, standalone=standalone)
    mark_routes(app, state.pages)
    app.extensions["openheart"] = state
    register(app, state)
    if proxies := config[OPENHEART_PROXIES]:
        app.wsgi_app = BehindProxies(  # type: ignore[method-assign]
            app.wsgi_app, proxies, config[OPENHEART_PROXY_HEADERS]
        )
    extend_requests(app)
    extend_templates(app)
    if not hasattr(app, "openheart"):
        app.openheart = OpenHeartController(app)  # type: ignore[attr-defined]
    fill_app_config(app.config, config.items(), app.default_config)
    _warn_of_unknown(config, state.service.logger)
    return state


def _warn_of_unknown(config: Config, logger: logging.Logger) -> None:
    warned: set[str] = set()
    for name, source, nearest in unknown_variables(config):
        if name not in warned:
            warned.add(name)
            hint = f"; the nearest setting is {nearest}" if nearest else ""
            logger.warning("%s (from %s) is not a setting, so it has no effect%s", name, source, hint)
