"""load(), run() and unload(): the wiring, and the one module that rebinds APP."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

import flask
from flask.app import Flask
from flask.logging import default_handler

from .batteries import registry
from .core.pages import Slugs
from .core.state import State, loaded_app, set_loaded_app, state_of
from .errors import BackendError, ConfigError, OpenHeartError
from .extension.openheart import add_openheart
from .settings import config as settings
from .settings.app_config import APP_CONFIG
from .settings.config import Config, Option, load_config
from .settings.names import PREFIX
from .settings.table import option_named
from .storage import Counts, uri
from .system import logs

__all__ = ["conf", "get_app", "load", "load_standalone", "react", "reactions", "run", "unload"]

DEFAULT_LOCALES = ("en_us",)
RUN_OPTIONS = ("HOST", "PORT", "LEVEL", "SERVER")


def _application(name: str) -> Flask:
    """The app that load() builds: a Flask that also escapes templates named as in Quorum, ``*.html.tpl``."""

    # Of the class that flask has now: a tracing library may have replaced it by a subclass.
    class Application(flask.Flask):
        def select_jinja_autoescape(self, filename: str | None) -> bool:
            return super().select_jinja_autoescape(filename and filename.removesuffix(".tpl"))

    return Application(name)


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
    """Build a Flask app, or use the given one, and add reactions to it from its configuration.

    The storage is opened at first use. ``openheart.APP`` is set to the app; an app that was loaded
    before continues to work. openheart logs to stderr, from LEVEL on, unless the given app has its own
    logging. LEVEL is also that of ``app.logger``, for a given app only if LEVEL is set.

    Args:
        app: the app to add reactions to; None builds one, unless one was assigned to ``openheart.APP``.
        name: Flask's import name of the app that is built: ``__name__`` of your module. For a given app it is
            the same as ``logger``: the name of this instance in the logs.
        locales: the languages of the app, the default first, through Flask-Babel; ``("en_us",)`` alone
            means no Flask-Babel. The variable OPENHEART_LOCALES takes precedence.
        secret_key: the key that Flask signs with; the variable SECRET_KEY takes precedence.
        execution: False runs nothing in the background; the variable OPENHEART_EXECUTION takes
            precedence.
        redis_session: True keeps sessions in the Valkey of REDISTOGO_URL; the variable
            OPENHEART_REDIS_SESSION takes precedence.
        mongo_database: the MongoDB database if the URI names none; the variable MONGO_DATABASE takes
            precedence. ``openheart.mongodb.get_db()`` returns it, and counts in MongoDB are stored in it.
        logger: the name in the logs; the variable NAME takes precedence.
        models: the module of the app's document classes (mongoengine), which are connected to the
            app's own MongoDB.
        safe: refuse unknown OPENHEART_* variables; check the storage with a write and a read that leave
            nothing behind, and with ``redis_session`` the Valkey; refuse sessions without a SECRET_KEY.
        kwargs: settings by their names, such as ``port=8080`` or ``uri="memory:"`` (OPENHEART_URI); and
            Flask's own, in capitals, such as ``SESSION_COOKIE_NAME="site"``, which go into ``app.config``.

    Returns:
        The app. Loading the same app again returns it unchanged.

    Raises:
        ConfigError: a setting or an argument is not valid; the error names it.
        BackendError: with ``safe``, the storage does not work.
        BatteryError: with ``safe``, the sessions do not work.
    """
    if app is None:
        app = _assigned_app()
    if isinstance(app, Flask) and "openheart" in app.extensions:
        set_loaded_app(app)
        return app
    _check_arguments(app, name, logger, models)
    keywords = {
        "name": logger or _name_of_logs(app, name),
        "locales": None if tuple(locales) == DEFAULT_LOCALES else locales,
        "secret_key": secret_key,
        "execution": None if execution is True else execution,
        "redis_session": redis_session or None,
        "mongo_database": mongo_database,
    }
    config, flasks = _config_of(app, keywords, kwargs, safe)
    loaded = _application(name or "__main__") if app is None else app
    _add(loaded, config, is_given=app is not None, standalone=False, safe=safe, flasks=flasks)
    _register_models(models, loaded)
    set_loaded_app(loaded)
    return loaded


def load_standalone(safe: bool = False, **flags: Any) -> Flask:
    """Build openheart's own server: reactions, a page at ``/``, and health at the root.

    Args:
        safe: as in ``load()``.
        flags: settings by their names, such as ``port=8080``; they take precedence over the environment.

    Raises:
        ConfigError: a setting is not valid; the error names it.
        BackendError: with ``safe``, the storage does not work.
    """
    config = load_config(flags=flags, safe=safe, further=_further_options)
    app = flask.Flask("openheart", static_folder=None)
    _add(app, config, is_given=False, standalone=True, safe=safe, flasks={})
    set_loaded_app(app)
    return app


def unload() -> None:
    """Close the resources of ``APP`` and set it to None. Other apps continue; it can be called twice."""
    try:
        loaded = _loaded_state()
    finally:
        set_loaded_app(None)
    if loaded is not None:
        loaded.close()
        logs.restore(loaded.config.logs)


def run(*, ready: Callable[[str], None] | None = None, **kwargs: Any) -> None:
    """Serve ``APP`` until SIGTERM or SIGINT, then finish the running requests.

    Args:
        ready: called with the server's URL once the port is open.
        kwargs: settings of the server, which take precedence over the environment: ``host``, ``port``,
            ``level``, ``server``, and ``server_…`` for options of the server.

    Raises:
        OpenHeartError: nothing is loaded.
        SystemExit: a setting is not valid or the port is in use; its text is one line that says so.
    """
    app = get_app()
    loaded = state_of(app)
    logger = loaded.service.logger

    def announce(url: str) -> None:
        try:
            loaded.service.probe()
        except BackendError as error:
            logger.warning(f"The storage does not work; no reactions are accepted until it does: {error}")
        where = loaded.make_backend(config).location
        logger.info("Listening at %s (stop with Ctrl-C), counts are stored in %s", url, where)
        if ready is not None:
            ready(url)

    config = loaded.config
    try:
        for name, value in kwargs.items():
            if name.upper() not in RUN_OPTIONS and not name.upper().startswith("SERVER_"):
                expected = "host, port, level, server or server_…; pass other settings to load()"
                raise ConfigError(name, value, "an argument of run()", expected)
        config = loaded.config.override(kwargs)
        logs.replace(loaded.config.logs, config.logs)
        if config.source(settings.LEVEL) == settings.FLAG:
            logs.set_level(app.name, config.logs)
        # Not at the top: only a process that serves imports a server.
        from .serving import serve

        serve(app, config, logger, ready=announce)
    except ConfigError as error:
        raise SystemExit(f"openheart: {error}") from None
    finally:
        loaded.close()
        if config is not loaded.config:
            logs.replace(config.logs, loaded.config.logs)
            logs.restore(config.logs)


def get_app() -> Flask:
    """``APP``, or an OpenHeartError when nothing is loaded."""
    app = loaded_app()
    if app is None:
        raise OpenHeartError("Nothing is loaded: call openheart.load() first")
    return app


def conf(name: str, default: Any = None, cast: Callable[[Any], Any] | None = None) -> Any:
    """The value of any variable, a setting of openheart or one of your own.

    Args:
        name: the variable, such as ``"MAX_POSTS"``.
        default: what to return if it is not set.
        cast: such as ``int``; ``bool`` understands ``on`` and ``off``, ``list`` splits at commas.

    Raises:
        ConfigError: the value cannot be cast.
    """
    loaded = _loaded_state()
    return settings.conf(name, default, cast, config=None if loaded is None else loaded.config)


def react(target: str, emoji: str) -> Counts:
    """Add a reaction from Python, in the storage of the current app, else of ``APP``.

    Args:
        target: the target in its decoded form, such as ``"/posts/café"``.
        emoji: text that starts with the emoji.

    Returns:
        The counts after it, emoji -> count, the largest first.

    Raises:
        InvalidTarget, InvalidEmoji, EmojiNotAllowed: nothing was stored.
        BackendError: the storage failed; nothing was stored, unless it is OutcomeUnknown.
    """
    state = state_of()
    return state.service.react(state.pages.canonical(target), emoji)


def reactions(target: str) -> Counts:
    """The counts of a target, the largest first, from the storage of the current app, else of ``APP``.

    Args:
        target: the target in its decoded form.

    Raises:
        InvalidTarget: the target is not valid.
        BackendError: the storage failed.
    """
    state = state_of()
    return state.service.reactions(state.pages.canonical(target))


def _add(
    app: Flask, config: Config, *, is_given: bool, standalone: bool, safe: bool, flasks: Mapping[str, Any]
) -> None:
    secret_key = config[settings.SECRET_KEY]
    if secret_key is not None:
        app.secret_key = secret_key
    if not is_given or not logs.has_own(app.name, default_handler):
        logs.configure(config.logs)
    added = add_openheart(app, config, slugs=Slugs(), users={}, standalone=standalone)
    registry.switch_on(app, added)
    if not config.is_default(settings.DEBUG):
        _set_debug(app, config[settings.DEBUG])
    # Only now, because a battery may change Flask's own defaults.
    app.config.update(flasks)
    if safe:
        # Closed again, because a server may fork after this.
        try:
            added.service.backend.check()
            for battery in list(added.batteries.values()):
                battery.prove()
        finally:
            added.close()
    if not is_given or _is_level_set(config):
        logs.set_level(app.name, config.logs)


def _register_models(models: ModuleType | None, app: Flask) -> None:
    if models is not None:
        # Not at the top: it imports the driver.
        from .batteries.models.battery import register_models

        register_models(models, app)


def _loaded_state() -> State | None:
    app = loaded_app()
    return None if app is None or _assigned_app() is app else state_of(app)


def _assigned_app() -> Flask | None:
    """An app that was assigned to openheart.APP, and has no reactions yet."""
    app = loaded_app()
    return None if app is None or "openheart" in app.extensions else app


def _set_debug(app: Flask, value: bool) -> None:
    app.config["DEBUG"] = value
    if "jinja_env" in vars(app):
        # It changes the templates' environment too, and would make it too early.
        app.debug = value


def _config_of(
    app: Flask | None, keywords: Mapping[str, Any], kwargs: Mapping[str, Any], safe: bool
) -> tuple[Config, dict[str, Any]]:
    """The settings of load(), and those of its keywords that are for ``app.config``."""
    known = {*Flask.default_config, *(() if app is None else app.config)}
    flasks = {
        name: value
        for name, value in kwargs.items()
        if name in known and option_named(name) is None and not name.startswith(PREFIX)
    }
    ours = {**keywords, **{name: value for name, value in kwargs.items() if name not in flasks}}
    app_config = flasks if app is None else {**app.config, **flasks}
    return load_config(app_config, ours, safe=safe, further=_further_options, others=known), flasks


def _is_level_set(config: Config) -> bool:
    # DEBUG in app.config is Flask's own, and Flask does with it what its users expect.
    return config.source(settings.LEVEL) not in (settings.DEFAULT, f"DEBUG in {APP_CONFIG}")


def _name_of_logs(app: Flask | None, name: str | None) -> str | None:
    """The name given for an app that already has one, which is its import name."""
    return None if app is None or name == app.import_name else name


def _further_options(config: Config) -> Sequence[Option[Any]]:
    return [*uri.further_options(config), *registry.further_options(config)]


def _check_arguments(app: object, name: object, logger: object, models: object) -> None:
    def refuse(argument: str, value: object, expected: str) -> None:
        raise ConfigError(argument, value, "an argument of load()", expected)

    if app is not None and not isinstance(app, Flask):
        refuse("app", app, "a Flask app or None")
    if name is not None and not isinstance(name, str):
        refuse("name", name, "an import name such as __name__")
    if logger is not None and not isinstance(logger, str):
        refuse("logger", logger, "the name of a logger, as text")
    if models is not None and not isinstance(models, ModuleType):
        refuse("models", models, "the module of your document classes")
