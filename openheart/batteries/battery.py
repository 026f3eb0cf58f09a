"""The base class of a battery: it opens at first use and after a fork, closes on unload(), reports health."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

from flask import Flask

from ..core.state import app_of, state_of
from ..errors import BatteryError, OpenHeartError
from ..settings.config import Config
from ..system.forks import PerProcess
from ..system.masks import mask_uris
from ..system.probe import Probe
from ..system.text import escape_controls
from .row import Row

__all__ = ["Battery", "battery_of"]

T = TypeVar("T")
B = TypeVar("B", bound="Battery[Any]")


class Battery(ABC, Generic[T]):
    """One thing that load() can switch on, for one application. It opens at first use.

    Args:
        app: the application.
        config: its settings.
        logger: where it reports.

    Attributes:
        row: its row of the table, set by the class.
        vital: whether the application is not ready (``/readyz``) while this does not work.
        app, config, logger: the arguments.
    """

    row: ClassVar[Row]
    vital: ClassVar[bool] = False
    name: ClassVar[str]
    place: ClassVar[int]

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if "row" in cls.__dict__:
            cls.name, cls.place = cls.row.name, cls.row.place

    def __init__(self, app: Flask, config: Config, logger: logging.Logger) -> None:
        self.app = app
        self.config = config
        self.logger = logger
        self._own: PerProcess[_Process[T]] = PerProcess(_Process)
        self._health = Probe(lambda: _complaint(self.check))

    @abstractmethod
    def open(self) -> T:
        """Make what the application uses, such as a client; called once in each process, at first use.

        Raises:
            BatteryError, ConfigError: it cannot be made.
        """

    def shut(self, resource: T) -> None:
        """Close what ``open`` made."""

    def install(self) -> None:
        """Change the application when it is loaded; only called when the battery is switched on."""

    def require(self) -> None:
        """Check that it can be opened; raises ConfigError, which names what is missing."""
        self.row.check(self.config)

    def check(self) -> None:
        """Check that its server responds, within a few seconds; raises if it does not."""
        _ = self.resource

    def prove(self) -> None:
        """The check of ``load(safe=True)``; raises if the application should not be served."""

    def examine(self) -> None:
        """The check of ``openheart doctor``; by default ``check``. It may take longer than that."""
        self.check()

    @property
    def resource(self) -> T:
        """What ``open`` made, in this process.

        Raises:
            ConfigError: a setting or a library is missing.
            BatteryError: it cannot be opened. The next use tries again.
        """
        process = self._own.here
        before = process.failure
        with process.lock:
            if not process.opened:
                failure = process.failure
                if failure is not None and failure is not before:
                    # It failed for another thread while this one waited. A try for each would take too long.
                    raise _like(failure) from failure
                try:
                    self.require()
                    self.row.load()
                    process.opened.append(self.open())
                except BatteryError as error:
                    process.failure = error
                    raise
            return process.opened[0]

    @property
    def is_open(self) -> bool:
        """Whether this process has opened it."""
        return bool(self._own.here.opened)

    def close(self) -> None:
        """Close it. The next use opens it again."""
        process = self._own.here
        with process.lock:
            opened, process.opened = process.opened, []
        for resource in opened:
            self.shut(resource)

    def health(self) -> str | None:
        """None when its server works, else one sentence that says what is wrong.

        The result is kept for some seconds.
        """
        return self._health.result()

    def diagnose(self) -> str | None:
        """What ``openheart doctor`` reports: None if all is well, else one sentence. Opens and closes it."""
        was_open = self.is_open
        try:
            return _complaint(self.examine)
        finally:
            if not was_open:
                self.close()


class _Process(Generic[T]):
    """The state of a battery in one process."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.opened: list[T] = []
        self.failure: BatteryError | None = None


def battery_of(kind: type[B], app: Flask | None = None) -> B:
    """The battery of an application; made at first use, also in an app that load() did not make.

    Args:
        kind: its class.
        app: the application; by default the current one, else ``openheart.APP``.

    Raises:
        OpenHeartError: there is no application, or openheart was not added to it.
    """
    app = app_of(app)
    state = state_of(app)
    for option in kind.row.settings:
        if option.name not in state.config:
            raise OpenHeartError(
                f"The app {app.name!r} was loaded without the battery {kind.name}: name it in "
                "OPENHEART_BATTERIES, and make the app with openheart.load()"
            )
    found = state.batteries.get(kind.name)
    if found is None:
        found = state.batteries.setdefault(kind.name, kind(app, state.config, state.service.logger))
    assert isinstance(found, kind)
    return found


def _complaint(check: Callable[[], object]) -> str | None:
    try:
        check()
    except BatteryError as error:
        text = error.detail
    except OpenHeartError as error:
        text = str(error)
    except Exception as error:
        # A library's error may contain a URI with a password.
        text = f"{type(error).__name__}: {mask_uris(str(error))}"
    else:
        return None
    return escape_controls(text)


def _like(failure: BatteryError) -> BatteryError:
    # Each thread raises its own error. The arguments of its class are not known here.
    like = type(failure).__new__(type(failure), *failure.args)
    like.__dict__.update(failure.__dict__)
    return like
