"""Finds the value of each setting: reads the sources in order of precedence, and casts what it finds. The
settings of the instance and of the site can be imported from here."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from ..errors import ConfigError
from ..system.deprecation import warn_deprecated
from ..system.logs import LogSettings
from . import casts, instance, site
from .app_config import APP_CONFIG, app_values
from .casts import Cast
from .former import FORMER, own_value
from .instance import *  # noqa: F403 - the settings are part of this module's interface
from .instance import DEBUG, INSTANCE, LEVEL, NAME, OPENHEART_CONFIG
from .names import PREFIX, expected_name, is_server_option, mask_value, nearest_name
from .option import Option
from .plugins import settings_of_others
from .site import *  # noqa: F403
from .sources import read_dotenv, read_toml
from .table import known_options, option_named

__all__ = [
    "Cast",
    "Config",
    "Option",
    "Setting",
    "UnknownVariable",
    "casts",
    "conf",
    "known_options",
    "load_config",
    "unknown_variables",
]
__all__ += instance.__all__
__all__ += site.__all__

T = TypeVar("T")

FLAG = "a command flag"
ENVIRONMENT = "the environment"
DOTENV = ".env"
KEYWORD = "a keyword argument"
DEFAULT = "the default"


class Setting(NamedTuple):
    """One setting of one Config.

    Attributes:
        option: its row in the table.
        value: its value, unmasked.
        source: where the value came from, such as ``the environment``.
    """

    option: Option[Any]
    value: Any
    source: str

    @property
    def text(self) -> str:
        """The value for people, with its secrets masked."""
        return self.option.show(self.value)

    def __repr__(self) -> str:
        return f"{self.option.name}={self.text} ({self.source})"


class UnknownVariable(NamedTuple):
    """An OPENHEART_* variable that is not a setting.

    Attributes:
        name: as it was written.
        source: where it was written.
        nearest: the setting that may have been meant, or None.
    """

    name: str
    source: str
    nearest: str | None


class _Layer(NamedTuple):
    source: str
    values: Mapping[str, object]
    empty_is_unset: bool = False
    refuses_unknown: bool = False

    def get(self, name: str) -> object | None:
        """The value of a variable, None where this layer has none."""
        value = self.values.get(name)
        if value == "" and self.empty_is_unset:
            option = option_named(name)
            return value if option and option.cast.takes_empty else None
        return value


class Config:
    """The settings of one application: read-only, and typed by the Option that is used as the key.

    Made by ``load_config``. Printing one masks every secret.

    Attributes:
        env: whether the environment, ``.env`` and the config file were read.
        logs: the settings of the logs.
    """

    __slots__ = ("_layers", "_settings", "env", "logs")

    def __init__(self, settings: Mapping[str, Setting], layers: tuple[_Layer, ...], env: bool) -> None:
        self._settings = settings
        self._layers = layers
        self.env = env
        self.logs = LogSettings(_level(self[LEVEL]), self[NAME], self[INSTANCE])

    def __contains__(self, name: object) -> bool:
        """Whether there is a setting of this name."""
        return name in self._settings

    def __getitem__(self, option: Option[T]) -> T:
        value: T = self._settings[option.name].value
        # A copy, so that a caller cannot change the setting.
        return list(value) if isinstance(value, list) else value  # type: ignore[return-value]

    @property
    def names(self) -> Iterable[str]:
        """The names of the settings."""
        return self._settings.keys()

    def source(self, option: Option[Any]) -> str:
        """Where a setting's value came from, such as ``the environment`` or ``the default``."""
        return self._settings[option.name].source

    def is_default(self, option: Option[Any]) -> bool:
        """Whether it was not set."""
        return self.source(option) == DEFAULT

    def refusal(self, option: Option[Any], expected: str) -> ConfigError:
        """The error for a value that turns out to be wrong when it is used; see ConfigError."""
        value = self[option]
        shown = None if value is None else option.show_refused(value)
        return ConfigError(option.name, shown, self.source(option), expected)

    def items(self) -> Iterator[Setting]:
        """Every setting with its value and source, in the table's order; ``setting.text`` is masked."""
        for option in self._options():
            yield Setting(option, self[option], self.source(option))

    def variable(self, name: str) -> tuple[object, str] | None:
        """The raw value of any variable that was seen, setting or not, and where it came from."""
        return _first(self._layers, name)

    def override(self, flags: Mapping[str, Any]) -> Config:
        """These settings with command flags, or arguments of ``run()``, which take precedence.

        Args:
            flags: named like keywords; None counts as not given.

        Raises:
            ConfigError: a value cannot be used, or a name is unknown.
        """
        config = _resolve([_named(flags, FLAG, self._options()), *self._layers], self.env, self._options())
        _check_names(config)
        return config

    @property
    def server_options(self) -> dict[str, str]:
        """The SERVER_* variables that are not settings: ``{"backlog": "1024"}`` for SERVER_BACKLOG=1024."""
        names = {name for layer in self._layers for name in layer.values if is_server_option(name)}
        found = {name: self.variable(name) for name in sorted(names)}
        return {name.removeprefix("SERVER_").lower(): str(value[0]) for name, value in found.items() if value}

    def _options(self) -> tuple[Option[Any], ...]:
        return tuple(setting.option for setting in self._settings.values())

    def __repr__(self) -> str:
        return f"<Config {' '.join(repr(setting) for setting in self.items() if setting.source != DEFAULT)}>"


def load_config(
    app_config: Mapping[str, Any] | None = None,
    keywords: Mapping[str, Any] | None = None,
    flags: Mapping[str, Any] | None = None,
    *,
    env: bool = True,
    safe: bool = False,
    further: Callable[[Config], Sequence[Option[Any]]] | None = None,
    others: Collection[str] = (),
) -> Config:
    """Find the value of every setting.

    The first of these that has a value wins: flags, the process environment, ``.env``, the config file
    (OPENHEART_CONFIG), keywords, app_config, the default. Empty text in the environment and in
    ``.env`` counts as unset, except for lists.

    Args:
        app_config: a Flask app's ``app.config``; other keys in it are ignored.
        keywords: keyword arguments such as ``port=`` and ``uri=``; None counts as not given.
        flags: command flags and arguments of ``run()``, named like keywords.
        env: False takes nothing from the environment, ``.env`` and the config file. ``.env`` is in the
            current folder, where a relative OPENHEART_CONFIG starts too.
        safe: True refuses OPENHEART_* variables that are not settings.
        further: finds the settings of other packages, given those that were found.
        others: the names of Flask's settings, if the caller takes them as keywords: one may be meant.

    Raises:
        ConfigError: a value cannot be used, or a name is unknown.
    """
    options = known_options()
    above = [_named(flags, FLAG, options)]
    below = [_named(keywords, KEYWORD, options), _Layer(APP_CONFIG, app_values(app_config))]
    if env:
        above += _outside(above, below)
    layers = [_with_new_names(layer) for layer in (*above, *below)]
    config = _resolve(layers, env, options)
    if further is not None and (more := further(config)):
        options = (*options, *more)
        layers = [
            _named(layer.values, layer.source, options) if layer.source in (FLAG, KEYWORD) else layer
            for layer in layers
        ]
        config = _resolve(layers, env, options)
    # Only now, because the batteries of other packages have their own settings.
    _check_names(config, others)
    _warn_of_debug(config)
    if safe and (unknown := unknown_variables(config)):
        first = unknown[0]
        raise ConfigError(first.name, "***", first.source, expected_name(first.nearest))
    return config


def unknown_variables(config: Config) -> list[UnknownVariable]:
    """The OPENHEART_* variables of the environment, ``.env`` and ``app.config`` that are not settings.

    OPENHEART_TEST_* is reserved for tests. The settings of an installed battery or storage of another package
    are known, whether it is switched on or not.
    """
    found = [
        (name, layer.source)
        for layer in config._layers
        for name in sorted(layer.values)
        if name.upper().startswith(PREFIX)
        and not name.upper().startswith("OPENHEART_TEST_")
        and name not in config
    ]
    # Asked only if there is such a name, because other packages are imported for it.
    known = {*config.names, *settings_of_others()} if found else set()
    return [
        UnknownVariable(name, source, nearest_name(name, known))
        for name, source in found
        if name not in known
    ]


def conf(
    name: str,
    default: Any = None,
    cast: Callable[[Any], Any] | None = None,
    *,
    config: Config | None = None,
) -> Any:
    """The value of any variable: from the environment, ``.env``, the config file, or else the default.

    Args:
        name: the variable, a setting or one of the application's own.
        default: what to return when it is not set; it is cast too, unless it is None.
        cast: such as ``int``; ``bool`` understands ``on`` and ``off``, ``list`` splits at commas and
            white space.
        config: the settings of the application; its keywords, flags and ``app.config`` are used too.

    Raises:
        ConfigError: the value cannot be cast.
    """
    layers = _outside() if config is None else [*config._layers]
    if config is not None and config.env:
        # As it is now.
        layers.insert(0, _environment())
    value, source = _first(layers, name) or (default, DEFAULT)
    if cast is None or value is None:
        return value
    cast = _CONF_CASTS.get(cast, cast)
    try:
        return cast(value)
    except (ValueError, TypeError, ArithmeticError):
        pass
    # Raised outside the except block, so that the cast's error, which may quote a secret, is not chained.
    name_of_cast = getattr(cast, "__name__", "the cast")
    expected = cast.description if isinstance(cast, Cast) else f"what {name_of_cast} takes"
    raise ConfigError(name, mask_value(name, value), source, expected)


_CONF_CASTS: Mapping[Callable[[Any], Any], Cast[Any]] = {bool: casts.boolean(), list: casts.text_list()}


def _resolve(layers: Sequence[_Layer], env: bool, options: Sequence[Option[Any]]) -> Config:
    variables: dict[str, object] = {}
    for layer in reversed(layers):
        variables.update((name, value) for name in layer.values if (value := layer.get(name)) is not None)
    settings = {option.name: _setting(option, layers, variables) for option in options}
    debug = settings[DEBUG.name]
    if debug.value and settings[LEVEL.name].source == DEFAULT:
        settings[LEVEL.name] = Setting(LEVEL, "DEBUG", f"DEBUG in {debug.source}")
    return Config(settings, tuple(layers), env)


def _setting(option: Option[Any], layers: Sequence[_Layer], variables: Mapping[str, object]) -> Setting:
    found = _first(layers, option.name)
    if found is None:
        return Setting(option, option.default, DEFAULT)
    raw, source = found
    try:
        return Setting(option, option.cast(raw, variables), source)
    except ValueError as error:
        expected = str(error)
    raise ConfigError(option.name, option.show_refused(raw), source, expected)


def _first(layers: Sequence[_Layer], name: str) -> tuple[object, str] | None:
    """The value of a variable in the first layer that has one, and the source of that layer."""
    found = ((value, layer.source) for layer in layers if (value := layer.get(name)) is not None)
    return next(found, None)


def _warn_of_debug(config: Config) -> None:
    # In app.config DEBUG is Flask's own key, which is not deprecated.
    source = config.source(DEBUG)
    if config[DEBUG] and source != APP_CONFIG:
        warn_deprecated(f"DEBUG (from {source}) is deprecated: set LEVEL=DEBUG instead")


def _environment() -> _Layer:
    return _Layer(ENVIRONMENT, dict(os.environ), empty_is_unset=True)


def _outside(above: Sequence[_Layer] = (), below: Sequence[_Layer] = ()) -> list[_Layer]:
    """The environment, ``.env`` and the config file, which any layer may name."""
    found = [_environment(), _Layer(DOTENV, read_dotenv(Path.cwd()), empty_is_unset=True)]
    _, name, source = _setting(OPENHEART_CONFIG, [*above, *found, *below], {})
    if name is not None:
        found.append(_Layer(name, read_toml(name, Path.cwd(), source), refuses_unknown=True))
    return found


def _named(arguments: Mapping[str, object] | None, source: str, options: Sequence[Option[Any]]) -> _Layer:
    """A layer of keywords or flags, by the names of the settings; an unknown name stays as it is."""
    known = {*(option.name for option in options), *FORMER}
    values: dict[str, object] = {}
    for keyword, value in (arguments or {}).items():
        upper = keyword.upper()
        spellings = (name for name in (upper, PREFIX + upper) if name in known or is_server_option(name))
        name = next(spellings, keyword)
        if value is not None and values.get(name) is not None:
            raise ConfigError(name, "***", source, f"this setting once; {keyword} is another spelling of it")
        values[name] = values.get(name) if value is None else value
    return _Layer(source, values, refuses_unknown=True)


def _with_new_names(layer: _Layer) -> _Layer:
    for old, new in FORMER.items():
        value = layer.get(old)
        if value is not None:
            warn_deprecated(f"{old} (from {layer.source}) is deprecated: set {new} instead")
            values = {name: each for name, each in layer.values.items() if name != old}
            if layer.get(new) is None:
                values[new] = own_value(value)
            layer = layer._replace(values=values)
    return layer


def _check_names(config: Config, others: Collection[str] = ()) -> None:
    for layer in config._layers:
        for name in layer.values if layer.refuses_unknown else ():
            in_itself = name == OPENHEART_CONFIG.name and layer.source not in (FLAG, KEYWORD)
            if in_itself or not (name in config or is_server_option(name)):
                further = others if layer.source == KEYWORD else ()
                nearest = nearest_name(name, (*config.names, *further))
                expected = expected_name(nearest, takes_flasks=bool(further))
                raise ConfigError(name, "***", layer.source, expected)


def _level(level: str) -> int:
    return int(level) if level.isdigit() else logging.getLevelNamesMapping()[level]
