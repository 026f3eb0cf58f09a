"""Calls functions of the application, which may be coroutine functions, as its views may be."""

from __future__ import annotations

import contextvars
import sys
import threading
from collections.abc import Callable
from inspect import iscoroutinefunction
from typing import Any

from flask import Flask

__all__ = ["call"]


def call(app: Flask, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function of an application, also from an async view.

    Args:
        app: the application.
        function: a function or a coroutine function.
        args: its arguments.
        kwargs: its keyword arguments.

    Returns:
        What it returns.
    """
    called = app.ensure_sync(function)
    if not iscoroutinefunction(function) or not _is_in_event_loop():
        return called(*args, **kwargs)
    # The event loop of the view waits for this call, so the coroutine runs in a loop of its own.
    results: list[Any] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(context.run(called, *args, **kwargs))
        except BaseException as error:
            errors.append(error)

    context = contextvars.copy_context()
    thread = threading.Thread(target=run, name="openheart-async")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def _is_in_event_loop() -> bool:
    # It is large, and where nobody has imported it no loop runs.
    asyncio = sys.modules.get("asyncio")
    if asyncio is None:
        return False
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
