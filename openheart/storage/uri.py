"""From a URI to its backend. Drivers are imported only when their scheme is used."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..errors import ConfigError, MissingDependency, SchemeError
from ..settings.config import INSTANCE, OPENHEART_URI, Config, Option
from ..settings.plugins import BACKENDS, own_plugins
from ..system.masks import mask_uri
from .backend import Backend
from .row import BackendRow
from .sqlite.header import is_ours

__all__ = ["backend_from_config", "default_uri", "further_options", "get_backend", "known_schemes"]

_GIVEN = "the URI given"


def get_backend(uri: str, *args: Any, **kwargs: Any) -> Backend:
    """Make the backend for a URI, unconnected; it can be used as a context manager.

    Args:
        uri: such as ``sqlite:///openheart.db``; the scheme says which backend it is.
        args: passed to ``connect`` by the ``with`` block, after the URI.
        kwargs: ``instance`` and ``folder``, as for ``Backend``. The others are passed to ``connect`` by the
            ``with`` block. openheart's own backends have options, such as ``synchronous``, and pass the
            others on to the driver, such as ``socket_timeout``.

    Raises:
        SchemeError: no backend has this scheme; the text lists the known ones. It is a RuntimeError.
        MissingDependency: its driver is not installed; the text names the extra.
        ConfigError: the backend cannot use this URI.
        TypeError: it cannot use one of the arguments.
    """
    return _backend_class(uri, _GIVEN)(uri, *args, **kwargs)


def backend_from_config(config: Config, folder: Path, name: str) -> Backend:
    """Make the backend that the settings name, unconnected.

    Args:
        config: the settings.
        folder: where the default file is and where a relative path in the URI starts.
        name: the app's name, which earlier versions gave to the default file.

    Raises:
        ConfigError: OPENHEART_URI cannot be used, or INSTANCE with the backend that it names.
    """
    source = config.source(OPENHEART_URI)
    uri = config[OPENHEART_URI] or default_uri(folder, name, config[INSTANCE])
    kind = _backend_class(uri, source)
    if config[INSTANCE] is not None and not kind.separates_instances:
        raise config.refusal(
            INSTANCE, f"no value: {kind.__name__} (OPENHEART_URI) does not separate instances on one storage"
        )
    options = {keyword: config[option] for keyword, option in kind.settings.items()}
    try:
        return kind(uri, instance=config[INSTANCE], folder=folder, **options)
    except ConfigError as error:
        if error.source != _GIVEN:
            raise
        raise type(error)(error.key, error.value, source, error.expected) from None


def default_uri(folder: Path, name: str, instance: str | None) -> str:
    """The URI when OPENHEART_URI is unset: ``sqlite:///openheart.db``, or ``sqlite:///openheart-<instance>.db``.

    Args:
        folder: where the file is.
        name: a file of ours that is called ``<name>.db``, as earlier versions called it, goes on.
        instance: the setting INSTANCE.
    """
    ending = ".db" if instance is None else f"-{instance}.db"
    former = re.sub(r"[^\w.-]", "-", name) + ending
    is_there = not (folder / f"openheart{ending}").exists() and is_ours(folder / former)
    return f"sqlite:///{quote(former if is_there else f'openheart{ending}')}"


def further_options(config: Config) -> Sequence[Option[Any]]:
    """The settings of the backend that OPENHEART_URI names, if it is from another package."""
    uri = config[OPENHEART_URI]
    if uri is None or _scheme_of(uri) in own_plugins(BACKENDS):
        return ()
    return tuple(_backend_class(uri, config.source(OPENHEART_URI)).settings.values())


def known_schemes() -> tuple[str, ...]:
    """Every scheme that ``get_backend`` knows, those of other installed packages included."""
    return tuple(sorted({*own_plugins(BACKENDS), *(entry.name for entry in entry_points(group=BACKENDS))}))


def _scheme_of(uri: str) -> str:
    return uri.partition(":")[0].lower() if ":" in uri else ""


def _backend_class(uri: str, source: str) -> type[Backend]:
    scheme = _scheme_of(uri)
    entry = own_plugins(BACKENDS).get(scheme)
    if entry is None and scheme:
        entry = next(iter(entry_points(group=BACKENDS, name=scheme)), None)
    if entry is not None:
        return _loaded(entry, uri, source)
    expected = f"a URI with one of the schemes {', '.join(known_schemes())}, such as sqlite:///openheart.db"
    if scheme == "file":
        expected = f"openheart's spelling: {_translated(uri)}"
    raise SchemeError(OPENHEART_URI.name, mask_uri(uri), source, expected)


def _loaded(entry: EntryPoint, uri: str, source: str) -> type[Backend]:
    found = entry.load()
    if isinstance(found, BackendRow):
        try:
            found = found.load()
        except ModuleNotFoundError as error:
            if found.extra is None or error.name is None or error.name.startswith("openheart."):
                raise
            expected = f"{error.name} to be installed: pip install 'openheart[{found.extra}]'"
            raise MissingDependency(OPENHEART_URI.name, mask_uri(uri), source, expected) from None
    if isinstance(found, type) and issubclass(found, Backend):
        return found
    expected = f"{entry.value} (an entry point in {BACKENDS}) to be a subclass of openheart.storage.Backend"
    raise ConfigError(OPENHEART_URI.name, mask_uri(uri), source, expected)


def _translated(uri: str) -> str:
    path, _, query = uri.removeprefix("file:").partition("?")
    if path in ("", ":memory:") or "mode=memory" in query:
        return "memory:"
    return f"sqlite:///{re.sub('^//(localhost)?(?=/)', '', path)}"
