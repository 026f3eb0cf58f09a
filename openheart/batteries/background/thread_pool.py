"""A bounded pool of threads: runs work now or at a given time, waits for it, reports what it did not run."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from ...errors import BatteryError

__all__ = ["ThreadPool", "Work"]

LOOK_AGAIN = 60.0  # seconds: the clock may be set while something waits for its time
IDLE_JOIN = 1.0  # seconds to wait for a thread without work to end


@dataclass(eq=False, slots=True)
class Work:
    """One thing to run.

    Attributes:
        name: what the log calls it.
        run: what to call; the future gets its result or exception.
        due: when, in seconds since the epoch; None is at once.
        is_repeated: whether it has run before, so that dropping it loses nothing.
        future: its outcome. Work whose future is cancelled before it begins is not run.
    """

    name: str
    run: Callable[[], Any]
    due: float | None = None
    is_repeated: bool = False
    future: Future[Any] = field(default_factory=Future)

    def do(self) -> None:
        """Run it, unless it was cancelled; what it raises is kept in the future."""
        if not self.future.set_running_or_notify_cancel():
            return
        try:
            result = self.run()
        except BaseException as error:
            self.future.set_exception(error)
        else:
            self.future.set_result(result)


class ThreadPool:
    """Threads, started as they are needed, and the work that waits for them.

    The threads are daemons: at exit, Python waits for all others, however long that takes.

    Args:
        threads: how many there are at most.
        limit: how much work may wait, including work that waits for its time.
        name: what the threads are called.
    """

    def __init__(self, threads: int, limit: int, name: str) -> None:
        self._most = threads
        self._limit = limit
        self._name = name
        self._changed = threading.Condition()
        self._ready: deque[Work] = deque()
        # The number keeps work with the same time in the order in which it was added.
        self._timed: list[tuple[float, int, Work]] = []
        self._numbers = itertools.count()
        self._running: dict[threading.Thread, Work] = {}
        self._threads: list[threading.Thread] = []
        self._ending = False
        self._stopped = False

    def add(self, work: Work) -> None:
        """Add work. Repeated work is cancelled instead when the pool ends or has stopped.

        Raises:
            BatteryError: it was not added, because the queue is full or the pool has stopped.
        """
        with self._changed:
            if self._ending and work.is_repeated:
                work.future.cancel()
                return
            if self._stopped:
                raise BatteryError(
                    "background", f"{work.name} is not run, because the application is closing"
                )
            # Repeated work keeps its place in the queue; refused, it would not run again.
            if self.is_full() and not work.is_repeated:
                raise BatteryError(
                    "background",
                    f"{work.name} is not run, because {self._limit} others wait already; run fewer, or raise "
                    "OPENHEART_BACKGROUND_QUEUE, or OPENHEART_BACKGROUND_THREADS where the work mostly waits",
                )
            self._start_thread()
            # What became due before this work is added begins before it.
            self._move_due()
            if work.due is None:
                self._ready.append(work)
            else:
                heapq.heappush(self._timed, (work.due, next(self._numbers), work))
            # Wake all threads, because those that wait for a later time have to wait less now.
            self._changed.notify_all()

    def is_full(self) -> bool:
        """Whether the queue is full."""
        with self._changed:
            if len(self._ready) + len(self._timed) < self._limit:
                return False
            self._ready = deque(work for work in self._ready if not work.future.cancelled())
            self._timed = [entry for entry in self._timed if not entry[2].future.cancelled()]
            heapq.heapify(self._timed)
            return len(self._ready) + len(self._timed) >= self._limit

    def drain(self, patience: float) -> None:
        """Wait until no work runs or is due, except the work that calls this.

        Args:
            patience: how long, in seconds.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._is_busy(), patience)

    def end(self, patience: float) -> None:
        """Drain it, and start nothing after that; ``stop()`` then returns what is left.

        Args:
            patience: how long, in seconds.
        """
        with self._changed:
            # Before the wait: work that is repeated without a pause would keep it busy for ever.
            self._ending = True
            # The lock is released only during the wait, so no work becomes due between its end and the stop.
            self.drain(patience)
            self._stopped = True
            self._changed.notify_all()

    def stop(self) -> tuple[list[Work], list[Work]]:
        """End the threads as soon as they have nothing to do.

        Returns:
            The work that is not run, which is cancelled, and the work that still runs.
        """
        here = threading.current_thread()
        with self._changed:
            self._ending = self._stopped = True
            left = [*self._ready, *(work for _, _, work in sorted(self._timed))]
            self._ready.clear()
            self._timed.clear()
            running = [work for thread, work in self._running.items() if thread is not here]
            idle = [thread for thread in self._threads if thread not in self._running]
            self._changed.notify_all()
        for thread in idle:
            thread.join(IDLE_JOIN)
        return [work for work in left if not work.future.cancelled() and work.future.cancel()], running

    def _is_busy(self) -> bool:
        here = threading.current_thread()
        due = bool(self._timed) and self._timed[0][0] <= time.time()
        return bool(self._ready) or due or any(thread is not here for thread in self._running)

    def _start_thread(self) -> None:
        wanted = len(self._running) + len(self._ready) + len(self._timed) + 1
        if len(self._threads) >= min(wanted, self._most):
            return
        name = f"{self._name}-{len(self._threads) + 1}"
        thread = threading.Thread(target=self._serve, name=name, daemon=True)
        try:
            thread.start()
        except RuntimeError as error:
            # The existing threads run it, only later.
            if not self._threads:
                raise BatteryError("background", f"no thread can be started: {error}") from error
        else:
            self._threads.append(thread)

    def _serve(self) -> None:
        here = threading.current_thread()
        while (work := self._take(here)) is not None:
            work.do()
            # Not kept until the next one: it may hold much memory.
            del work
            with self._changed:
                del self._running[here]
                self._changed.notify_all()

    def _take(self, here: threading.Thread) -> Work | None:
        with self._changed:
            while not self._stopped:
                patience = self._move_due()
                if self._ready:
                    self._running[here] = self._ready.popleft()
                    return self._running[here]
                self._changed.wait(patience)
            return None

    def _move_due(self) -> float | None:
        while self._timed:
            patience = self._timed[0][0] - time.time()
            if patience > 0:
                return min(patience, LOOK_AGAIN)
            self._ready.append(heapq.heappop(self._timed)[2])
        return None
