"""Calls functions of the application, which may be coroutine functions, as its views may be."""

from __future__ import annotations

import contextvars
import sys
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
    # Rarely needed, and not imported otherwise.
    from concurrent.futures import ThreadPoolExecutor

    # The event loop of the view waits for this call, so the coroutine runs in a loop of its own.
    with ThreadPoolExecutor(1, "openheart-async") as thread:
        return thread.submit(contextvars.copy_context().run, called, *args, **kwargs).result()


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
