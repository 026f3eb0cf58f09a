"""Work in the background: ``run_background`` and ``@background``, on the threads of this process."""

from __future__ import annotations

import builtins
import contextlib
import functools
import inspect
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from datetime import datetime
from typing import Any, TypeVar

from ...errors import BatteryError, ConfigError
from ...settings.config import SERVER_GRACE
from ...system.exits import at_exit
from ...system.text import escape_controls
from ..battery import Battery, battery_of
from .reloader import is_reloader
from .row import OPENHEART_BACKGROUND_QUEUE, OPENHEART_BACKGROUND_THREADS, OPENHEART_EXECUTION, ROW
from .thread_pool import ThreadPool, Work

__all__ = ["Background", "background", "run_background"]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., object])

Report = Callable[[Any, BaseException | None], object]
"""Calls a callback with the result and the error."""


def run_background(
    callable: Callable[..., T],
    args: Iterable[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    target_time: float | datetime | None = None,
    callback: Callable[..., object] | None = None,
    description: str | None = None,
) -> Future[T] | None:
    """Run something in the background, in an app context of the application that calls this.

    The work runs in this process only, and ends with it. It begins in the order in which it was given; there
    is one thread for it, unless OPENHEART_BACKGROUND_THREADS names more.

    Args:
        callable: what to run. What it raises is logged.
        args: its arguments.
        kwargs: its named arguments.
        target_time: when: seconds since the epoch, or a datetime, which is local time if it has no zone.
            None or a time in the past means as soon as a thread is free.
        callback: called after it, in the same thread and app context, with the named arguments
            ``result`` and ``error``; one of them is None. ``def done(error)``, without a result, and
            ``def done(value, error)``, with another name for it, work too.
        description: what the log calls it; by default the name of the function.

    Returns:
        A future, whose ``result(timeout)`` waits and whose ``cancel()`` cancels work that has not begun.
        Other work in the background should not wait for it, because it may occupy the only thread.
        None when work in the background is off (OPENHEART_EXECUTION, ``load(execution=False)``), and in
        the process of ``flask run --debug`` that does not serve: then nothing is run, and the callback is
        not called.

    Raises:
        BatteryError: it is not run, because the queue is full (OPENHEART_BACKGROUND_QUEUE).
        ConfigError: an argument cannot be used.
        OpenHeartError: there is no application.
    """
    battery = battery_of(Background)
    return battery.run(battery.work(callable, args, kwargs, target_time, callback, description))


def background(timeout: float | None = None) -> Callable[[F], F]:
    """Run a function in the background as soon as the application is loaded: a decorator.

    It runs in the process that defines the function: once where a server loads the app before it forks its
    workers, and in each worker where they load it themselves.

    Args:
        timeout: None runs it once; else it is run again and again, this many seconds after it last ended,
            until the application closes. What it raises is logged, and it is run again anyway.

    Raises:
        BatteryError, ConfigError, OpenHeartError: as ``run_background``.
    """

    def decorate(function: F) -> F:
        battery_of(Background).repeat(function, timeout)
        return function

    return decorate


class Background(Battery[ThreadPool]):
    """The background of an application."""

    row = ROW

    def open(self) -> ThreadPool:
        # For a process that exits without unload() and without stopping a server.
        self._take_back = at_exit(self.close)
        name = f"background of {self.app.name}"
        return ThreadPool(
            self.config[OPENHEART_BACKGROUND_THREADS], self.config[OPENHEART_BACKGROUND_QUEUE], name
        )

    def check(self) -> None:
        if self.resource.is_full():
            raise BatteryError(self.name, "the queue is full (OPENHEART_BACKGROUND_QUEUE)")

    def close(self) -> None:
        # Before it counts as closed, because running work may add more.
        try:
            for pool in list(self._own.here.opened):
                pool.end(self.config[SERVER_GRACE])
        finally:
            super().close()

    def shut(self, resource: ThreadPool) -> None:
        self._take_back()
        left, running = resource.stop()
        if once := [work for work in left if not work.is_repeated]:
            self.logger.error(
                "Work in the background is not run, because the application closed: %s", _names(once)
            )
        if running:
            self.logger.error(
                "Work in the background still runs after SERVER_GRACE; it ends with the process: %s",
                _names(running),
            )

    def run(self, work: Work) -> Future[Any] | None:
        """Run it in the background; returns its future, or None where nothing is run."""
        pool = self._pool_for(work)
        if pool is None:
            return None
        pool.add(work)
        return work.future

    def repeat(self, function: Callable[..., object], pause: float | None) -> None:
        """See ``background``."""
        if pause is not None and not (type(pause) in (int, float) and 0 <= pause < math.inf):
            raise ConfigError("timeout", pause, "an argument of background()", "a number of seconds, or None")

        def again(error: BaseException | None) -> None:
            if pause is not None and pool is not None:
                # In the same pool: a later pool would run it again after the application was closed.
                pool.add(
                    self.work(function, target_time=time.time() + pause, callback=again, is_repeated=True)
                )

        work = self.work(function, callback=again)
        pool = self._pool_for(work)
        if pool is not None:
            pool.add(work)

    def work(
        self,
        callable: Callable[..., object],
        args: Iterable[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        target_time: float | datetime | None = None,
        callback: Callable[..., object] | None = None,
        description: str | None = None,
        *,
        is_repeated: bool = False,
    ) -> Work:
        """Work for ``run``; see ``run_background``. ``is_repeated`` as in ``Work``."""
        name = _name_of(callable)
        if not builtins.callable(callable):
            raise _refusal("callable", f"a {name}", "something that can be called")
        if description is not None:
            name = escape_controls(str(description))
        due = None if target_time is None else _seconds(target_time)
        report = None if callback is None else _reporter(callback)
        call = functools.partial(self.app.ensure_sync(callable), *args, **(kwargs or {}))
        return Work(name, functools.partial(self._run, name, call, report), due, is_repeated)

    def _pool_for(self, work: Work) -> ThreadPool | None:
        if not self.config[OPENHEART_EXECUTION]:
            self.logger.debug("Not run, because OPENHEART_EXECUTION is off: %s", work.name)
            return None
        if is_reloader():
            self.logger.debug("Not run here, but in the process that serves the app: %s", work.name)
            return None
        return self.resource

    def _run(self, name: str, call: Callable[[], T], report: Report | None) -> T:
        try:
            with self.app.app_context():
                try:
                    result = call()
                except BaseException as error:
                    self._report(name, report, None, error)
                    raise
                self._report(name, report, result, None)
                return result
        except BaseException as error:
            self.logger.error("Work in the background failed: %s", name, exc_info=error)
            raise

    def _report(self, name: str, report: Report | None, result: object, error: BaseException | None) -> None:
        if report is None:
            return
        try:
            report(result, error)
        except BaseException as failure:
            self.logger.error("The callback of work in the background failed: %s", name, exc_info=failure)


def _seconds(target_time: object) -> float:
    expected = "seconds since the epoch, or a datetime"
    try:
        if isinstance(target_time, datetime):
            return target_time.timestamp()
        if isinstance(target_time, (int, float)) and not isinstance(target_time, bool):
            seconds = float(target_time)
            if math.isfinite(seconds):
                return seconds
    except (OverflowError, ValueError, OSError) as error:
        expected += f"; {error}"
    raise _refusal("target_time", target_time, expected)


def _reporter(callback: Callable[..., object]) -> Report:
    ways: tuple[tuple[Report, tuple[object, ...], tuple[str, ...]], ...] = (
        (lambda result, error: callback(result=result, error=error), (), ("result", "error")),
        (lambda result, error: callback(result, error=error), (None,), ("error",)),
        (lambda result, error: callback(error=error), (), ("error",)),
    )
    for report, args, names in ways:
        # TypeError: it does not take these, or is not callable. ValueError: it has no signature.
        with contextlib.suppress(TypeError, ValueError):
            inspect.signature(callback).bind(*args, **dict.fromkeys(names))
            return report
    expected = "a function that takes the named argument error, such as def done(result, error)"
    raise _refusal("callback", _name_of(callback), expected)


def _name_of(callable: object) -> str:
    while isinstance(callable, functools.partial):
        callable = callable.func
    # For an object its class, because its repr may contain private data.
    named = callable if hasattr(callable, "__qualname__") else type(callable)
    module = getattr(named, "__module__", None)  # methods written in C have none
    return escape_controls(".".join(filter(None, (module, named.__qualname__))))


def _names(works: Iterable[Work]) -> str:
    counts = Counter(work.name for work in works)
    return ", ".join(name if count == 1 else f"{name} ({count} times)" for name, count in counts.items())


def _refusal(argument: str, value: object, expected: str) -> ConfigError:
    return ConfigError(argument, value, "an argument of run_background()", expected)
