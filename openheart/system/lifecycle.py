"""Whether something is open, paused, closing or closed, and how many calls use it now."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["Lifecycle"]


class Lifecycle:
    """Counts the calls that use a resource, so that it is paused or closed only when nobody uses it.

    ``with lifecycle:`` around each call. A call waits while the resource is paused, and is refused once it
    is closing. It belongs to one process, like the resource itself.

    Args:
        refusal: makes the error that a call gets after ``close()``.

    Attributes:
        calls: how many calls run.
    """

    def __init__(self, refusal: Callable[[], Exception]) -> None:
        self._refusal = refusal
        self.calls = 0
        self._is_paused = False
        self._is_closed = False
        # Taken directly, because Ctrl-C inside a method of the condition would leave it locked.
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)

    @property
    def is_open(self) -> bool:
        """Whether a call may begin now: it is neither paused nor closed."""
        return not (self._is_paused or self._is_closed)

    def __enter__(self) -> None:
        with self._lock:
            while self._is_paused and not self._is_closed:
                self._changed.wait()
            if self._is_closed:
                raise self._refusal()
            self.calls += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.calls -= 1
            if not self.calls:
                self._changed.notify_all()

    def pause(self, timeout: float | None = None) -> bool:
        """Let no call begin until ``resume()``, and wait for those that run.

        Args:
            timeout: seconds to wait; None waits as long as they take.

        Returns:
            Whether none runs now; otherwise it is not paused.
        """
        with self._lock:
            self._is_paused = True
            is_idle = False
            try:
                is_idle = self._changed.wait_for(self._is_idle, timeout)
            finally:
                if not is_idle:
                    self._is_paused = False
                    self._changed.notify_all()
            return self._is_paused

    def resume(self) -> None:
        """Continue after ``pause()``."""
        with self._lock:
            self._is_paused = False
            self._changed.notify_all()

    def close(self, timeout: float | None = None) -> bool:
        """Refuse calls from now on, and wait for those that run.

        Args:
            timeout: seconds to wait; None waits as long as they take.

        Returns:
            Whether none runs now.
        """
        with self._lock:
            self._is_closed = True
            self._changed.notify_all()
            return self._changed.wait_for(self._is_idle, timeout)

    def _is_idle(self) -> bool:
        return not self.calls
