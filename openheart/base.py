"""load(), run() and unload(): the wiring, and the one module that rebinds APP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

from flask import Flask
from flask.logging import default_handler

from .batteries import registry
from .core import state
from .core.state import state_of
from .errors import BackendError, ConfigError, OpenHeartError
from .extension.openheart import add_openheart
from .protocol import canonical_target
from .settings import config as settings
from .settings.config import Config, Option, load_config
from .storage import Counts, uri
from .system import logs

__all__ = ["conf", "get_app", "load", "load_standalone", "react", "reactions", "run", "unload"]

DEFAULT_LOCALES = ("en_us",)
RUN_OPTIONS = ("HOST", "PORT", "LEVEL", "SERVER")


class _Application(Flask):
    """The app that load() builds: Flask, and templates named as Quorum's users name them are escaped."""

    def select_jinja_autoescape(self, filename: str | None) -> bool:
        return super().select_jinja_autoescape(filename and filename.removesuffix(".tpl"))


def load(
    app: Flask | None = None,
    name: str | None = None,
    locales: Sequence[str] = DEFAULT_LOCALES,
    secret_key: str | bytes | None = None,
    execution: bool = True,
    redis_session: bool = False,
    mongo_database: str | None = None,
    logger: str | None = None,
    models: ModuleType | None = None,
    safe: bool = False,
    **kwargs: Any,
) -> Flask:
    """Build a Flask app, or take the given one, and add reactions to it from configuration.

    The storage is opened at first use. ``openheart.APP`` is the app from now on; an app that was
    loaded before goes on working. The logs of openheart are set up by LEVEL, and written to stderr, unless
    the given app has logging of its own; nothing else in its logging changes.

    Args:
        app: the app to add reactions to; None builds one.
        name: Flask's import name of the app that is built: ``__name__`` of your module.
        locales: the languages of the app, the default first, through Flask-Babel; ``("en_us",)`` alone
            leaves it out. The variable OPENHEART_LOCALES goes before it.
        secret_key: what Flask signs with; the variable SECRET_KEY goes before it.
        execution: False runs nothing in the background; the variable OPENHEART_EXECUTION goes before it.
        redis_session: True keeps sessions in the Valkey of REDISTOGO_URL; the variable
            OPENHEART_REDIS_SESSION goes before it.
        mongo_database: the MongoDB database where the URI names none; the variable MONGO_DATABASE goes
            before it. It is what ``openheart.mongodb.get_db()`` gives, and where counts in MongoDB are.
        logger: the name in the logs; the variable NAME goes before it.
        models: the module of the app's document classes (mongoengine), which are put on the app's own
            MongoDB.
        safe: refuse unknown OPENHEART_* variables, try the storage with a write and a read that leave
            nothing behind, and with ``redis_session`` the Valkey; refuse sessions without a SECRET_KEY.
        kwargs: settings by their names, such as ``port=8080`` or ``uri="memory:"`` (OPENHEART_URI).

    Returns:
        The app. Loading the same app again returns it unchanged.

    Raises:
        ConfigError: a setting or an argument cannot be used; names it.
        BackendError: with ``safe``, the storage does not work.
        BatteryError: with ``safe``, the sessions do not work.
    """
    if isinstance(app, Flask) and "openheart" in app.extensions:
        state.APP = app
        return app
    _check_arguments(app, name, logger, models)
    keywords = {
        "name": logger,
        "locales": None if tuple(locales) == DEFAULT_LOCALES else locales,
        "secret_key": secret_key,
        "execution": None if execution is True else execution,
        "redis_session": redis_session or None,
        "mongo_database": mongo_database,
        **kwargs,
    }
    app_config = app.config if app is not None else None
    config = load_config(app_config, keywords, safe=safe, further=_further_options)
    loaded = _Application(name or "__main__") if app is None else app
    configure_logs = app is None or not logs.has_own(app.name, default_handler)
    _add(loaded, config, configure_logs=configure_logs, standalone=False, safe=safe, models=models)
    return loaded


def load_standalone(safe: bool = False, **flags: Any) -> Flask:
    """Build openheart's own server: reactions, a page at ``/``, and health at the root.

    Args:
        safe: as in ``load()``.
        flags: settings that go before the environment, by their names, such as ``port=8080``.

    Raises:
        ConfigError: a setting cannot be used; names it.
        BackendError: with ``safe``, the storage does not work.
    """
    config = load_config(flags=flags, safe=safe, further=_further_options)
    app = Flask("openheart", static_folder=None)
    _add(app, config, configure_logs=True, standalone=True, safe=safe)
    return app


def unload() -> None:
    """Let the resources of ``APP`` go and set it to None. Other apps go on; calling it twice is fine."""
    app, state.APP = state.APP, None
    if app is not None:
        loaded = state_of(app)
        loaded.close()
        logs.restore(loaded.config.logs)


def run(*, ready: Callable[[str], None] | None = None, **kwargs: Any) -> None:
    """Serve ``APP`` until SIGTERM or SIGINT, then finish the requests that run.

    Args:
        ready: called with the server's URL once the port is open.
        kwargs: settings of the server that go before the environment: ``host``, ``port``, ``level``,
            ``server``, and ``server_…`` for options of the server.

    Raises:
        OpenHeartError: nothing is loaded.
        SystemExit: a setting cannot be used or the port is taken; its text is one line that says so.
    """
    app = get_app()
    loaded = state_of(app)
    logger = loaded.service.logger

    def announce(url: str) -> None:
        try:
            loaded.service.probe()
        except BackendError as error:
            logger.warning("The storage does not work, and until it does no reactions are taken: %s", error)
        logger.info("Listening at %s (stop with Ctrl-C), counts are kept in %s", url, loaded.location)
        if ready is not None:
            ready(url)

    try:
        config = loaded.config.override(_run_flags(kwargs))
        # Not at the top: a server is imported by who serves only.
        from .serving import serve

        serve(app, config, logger, ready=announce)
    except ConfigError as error:
        raise SystemExit(f"openheart: {error}") from None
    finally:
        loaded.close()


def get_app() -> Flask:
    """``APP``, or an OpenHeartError when nothing is loaded."""
    if state.APP is None:
        raise OpenHeartError("Nothing is loaded: call openheart.load() first")
    return state.APP


def conf(name: str, default: Any = None, cast: Callable[[Any], Any] | None = None) -> Any:
    """The value of any variable, a setting or one of the app's own.

    Args:
        name: the variable, such as ``"MAX_POSTS"``.
        default: what to return when nobody set it.
        cast: such as ``int``; ``bool`` understands ``on`` and ``off``, ``list`` splits at commas.

    Raises:
        ConfigError: the value cannot be cast.
    """
    config = state_of(state.APP).config if state.APP is not None else None
    return settings.conf(name, default, cast, config=config)


def react(target: str, emoji: str) -> Counts:
    """Add a reaction from Python, to the current app's storage or else to that of ``APP``.

    Args:
        target: the target in its decoded form, such as ``"/posts/café"``.
        emoji: text that starts with the emoji.

    Returns:
        The counts after it, emoji -> count.

    Raises:
        InvalidTarget, InvalidEmoji, EmojiNotAllowed: nothing was stored.
        BackendError: the storage; nothing was stored, unless it is OutcomeUnknown.
    """
    return state_of().service.react(canonical_target(target), emoji)


def reactions(target: str) -> Counts:
    """The counts of a target, emoji -> count, from the current app's storage or else from that of ``APP``.

    Args:
        target: the target in its decoded form.

    Raises:
        InvalidTarget: it is none.
        BackendError: the storage does not answer.
    """
    return state_of().service.reactions(canonical_target(target))


def _add(
    app: Flask,
    config: Config,
    *,
    configure_logs: bool,
    standalone: bool,
    safe: bool,
    models: ModuleType | None = None,
) -> None:
    secret_key = config[settings.SECRET_KEY]
    if secret_key is not None:
        app.secret_key = secret_key
    if configure_logs:
        logs.configure(config.logs)
    added = add_openheart(app, config, standalone=standalone)
    registry.switch_on(app, added)
    if safe:
        # Closed again, because a server may fork after this.
        try:
            added.service.check()
            for battery in list(added.batteries.values()):
                battery.prove()
        finally:
            added.close()
    if models is not None:
        # Not at the top: it imports the driver.
        from .batteries.models.battery import register_models

        register_models(models, app)
    state.APP = app


def _further_options(config: Config) -> Sequence[Option[Any]]:
    return [*uri.further_options(config), *registry.further_options(config)]


def _run_flags(kwargs: dict[str, Any]) -> dict[str, Any]:
    for name in kwargs:
        if name.upper() not in RUN_OPTIONS and not name.upper().startswith("SERVER_"):
            raise ConfigError(
                name,
                kwargs[name],
                "an argument of run()",
                "host, port, level, server or server_…; others go to load()",
            )
    return kwargs


def _check_arguments(app: object, name: object, logger: object, models: object) -> None:
    def refuse(argument: str, value: object, expected: str) -> None:
        raise ConfigError(argument, value, "an argument of load()", expected)

    if app is not None and not isinstance(app, Flask):
        refuse("app", app, "a Flask app or None")
    if name is not None and not isinstance(name, str):
        refuse("name", name, "an import name such as __name__")
    if isinstance(app, Flask) and name not in (None, app.import_name):
        refuse("name", name, f"None, or {app.import_name!r}, because the app has its name already")
    if logger is not None and not isinstance(logger, str):
        refuse("logger", logger, "the name of a logger, as text")
    if models is not None and not isinstance(models, ModuleType):
        refuse("models", models, "the module of your document classes")
