"""SIGTERM and SIGINT as an orderly stop."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

__all__ = ["REPEAT", "on_stop_signal", "workers_end_early"]

# A process manager may send a signal to the process and to its group: two signals, one request to stop.
REPEAT = 1.0  # seconds


@contextlib.contextmanager
def on_stop_signal(stop: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Call ``stop`` at the first SIGTERM or SIGINT; another one, a second later, ends the process at once.

    Only the main thread can handle signals; in another thread this does nothing.

    Returns:
        Whether the process is stopping, as a function.
    """
    is_main = threading.current_thread() is threading.main_thread()
    numbers = (signal.SIGTERM, signal.SIGINT) if is_main else ()
    before = {each: signal.getsignal(each) for each in numbers}
    began: list[float] = []

    def handle(number: int, frame: FrameType | None) -> None:
        if not began:
            began.append(time.monotonic())
            stop()
        elif time.monotonic() - began[0] > REPEAT:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    for each in before:
        signal.signal(each, handle)
    try:
        yield lambda: bool(began)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextlib.contextmanager
def workers_end_early() -> Iterator[None]:
    """Make workers that are forked meanwhile end at a SIGTERM before they have set their own handler.

    Otherwise they inherit the handler of their master, which does not get the signal and waits for its
    full timeout.
    """
    master: int | None = os.getpid()
    stop = {signal.SIGTERM}

    def block() -> None:
        if os.getpid() == master:
            signal.pthread_sigmask(signal.SIG_BLOCK, stop)

    def unblock() -> None:
        if os.getpid() == master:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, stop)

    def start_worker() -> None:
        if os.getppid() == master:
            signal.signal(signal.SIGTERM, lambda number, frame: os._exit(0))
            signal.pthread_sigmask(signal.SIG_UNBLOCK, stop)

    os.register_at_fork(before=block, after_in_parent=unblock, after_in_child=start_worker)
    try:
        yield
    finally:
        master = None
