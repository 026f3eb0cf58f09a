"""SIGTERM and SIGINT as an orderly stop."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

__all__ = ["on_stop_signal", "workers_end_early"]

# Whoever starts servers may send a signal to the process and to its group, which are two of one wish.
IMPATIENCE = 1.0  # seconds


@contextlib.contextmanager
def on_stop_signal(stop: Callable[[], None]) -> Iterator[None]:
    """Call ``stop`` at the first SIGTERM or SIGINT; at another one, a second later, the process ends at once.

    Signals reach the main thread only; elsewhere this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}

    began: list[float] = []

    def handle(number: int, frame: FrameType | None) -> None:
        if not began:
            began.append(time.monotonic())
            stop()
        elif time.monotonic() - began[0] > IMPATIENCE:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    for each in before:
        signal.signal(each, handle)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


@contextlib.contextmanager
def workers_end_early() -> Iterator[None]:
    """Let the workers that are forked meanwhile end at a SIGTERM while they have no handler of their own.

    They would have that of their master, which hears nothing of it and waits until its patience is over.
    """
    master: int | None = os.getpid()
    stop = {signal.SIGTERM}

    def hold() -> None:
        if os.getpid() == master:
            signal.pthread_sigmask(signal.SIG_BLOCK, stop)

    def go_on() -> None:
        if os.getpid() == master:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, stop)

    def be_born() -> None:
        if os.getppid() == master:
            signal.signal(signal.SIGTERM, lambda number, frame: os._exit(0))
            signal.pthread_sigmask(signal.SIG_UNBLOCK, stop)

    os.register_at_fork(before=hold, after_in_parent=go_on, after_in_child=be_born)
    try:
        yield
    finally:
        master = None
