"""Threads that work until they are stopped, and the pauses between tries."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

from .forks import PerProcess

__all__ = ["Backoff", "Worker"]


class Backoff:
    """The pauses between tries, each twice as long as the one before. For one thread at a time.

    Args:
        first: seconds of the first pause.
        longest: seconds of the longest pause.
        spread: whether each pause is shortened at random, by up to half, so that not all processes of all
            servers try at the same moment.

    Attributes:
        last: seconds of the last pause, before it was shortened; 0 before the first one and after a reset.
    """

    def __init__(self, first: float, longest: float, *, spread: bool = False) -> None:
        self.last = 0.0
        self._first = first
        self._longest = longest
        self._spread = spread

    def next(self, least: float = 0.0) -> float:
        """The seconds to pause before the next try.

        Args:
            least: seconds that the pause lasts at least, as far as the longest pause allows.
        """
        self.last = min(2 * self.last or self._first, self._longest)
        pause = self.last * random.uniform(0.5, 1.0) if self._spread else self.last
        return max(pause, min(least, self._longest))

    def reset(self) -> None:
        """Begin with the first pause again, because a try worked."""
        self.last = 0.0


class Worker:
    """One daemon thread, which starts when it is first needed. Any thread may call its methods.

    A fork leaves the thread in the parent. A child is noticed by its process id: it has its own lock, and its
    own thread once it calls ``start()``. A worker that was stopped before the fork stays stopped.

    Args:
        name: the name of the thread.
        work: what the thread does; it returns soon after ``is_stopping`` is true. An exception would end the
            thread, and nobody would notice.

    Attributes:
        is_stopping: whether it was asked to stop; then it does not start again.
    """

    def __init__(self, name: str, work: Callable[[], object]) -> None:
        self.is_stopping = False
        self._name = name
        self._work = work
        self._own = PerProcess(_Own)

    @property
    def changed(self) -> threading.Condition:
        """Guards what the thread works on; notified when it is asked to stop. Its lock is reentrant."""
        return self._own.here.changed

    @property
    def is_current(self) -> bool:
        """Whether the caller is its thread."""
        with self.changed:
            return self._own.here.thread is threading.current_thread()

    def start(self) -> None:
        """Start the thread, unless it was started in this process or asked to stop.

        Raises:
            RuntimeError: the system has no thread for it; the next call tries again.
        """
        own = self._own.here
        with own.changed:
            if own.thread is None and not self.is_stopping:
                thread = threading.Thread(target=self._work, name=self._name, daemon=True)
                thread.start()
                own.thread = thread

    def pause(self, seconds: float | None) -> bool:
        """Wait until the time is over or the worker is asked to stop.

        Args:
            seconds: how long; None waits without limit.

        Returns:
            Whether it was asked to stop.
        """
        with self.changed:
            return self.changed.wait_for(lambda: self.is_stopping, seconds)

    def stop(self, patience: float = 0.0) -> bool:
        """Ask it to stop, and wait until its thread has ended. Calling it again is fine.

        Args:
            patience: seconds to wait at most; its own thread does not wait.

        Returns:
            Whether no thread of it runs in this process.
        """
        own = self._own.here
        with own.changed:
            self.is_stopping = True
            own.changed.notify_all()
        if own.thread is not None and not self.is_current:
            own.thread.join(max(0.0, patience))
        return own.thread is None or not own.thread.is_alive()


class _Own:
    """What a worker has in one process."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.thread: threading.Thread | None = None
