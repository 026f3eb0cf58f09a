"""A bounded pool of threads: runs work at once or at a time, waits for it, and tells what it did not run."""

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
STARTED = 1.0  # seconds that a thread without work has to end


@dataclass(eq=False, slots=True)
class Work:
    """One thing to run.

    Attributes:
        name: what the log calls it.
        run: what to call; what it returns or raises becomes that of the future.
        due: when, in seconds since the epoch; None is at once.
        is_repeated: whether it has run before, so that nobody misses it.
        future: how it went. Cancelled before it begins, it is not run.
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
    """Threads, started as they are needed, and what waits for them.

    The threads are daemons: Python waits for any others when it ends, however long that takes.

    Args:
        threads: how many there are at most.
        limit: how much work may wait, with what waits for its time.
        name: what the threads are called.
    """

    def __init__(self, threads: int, limit: int, name: str) -> None:
        self._most = threads
        self._limit = limit
        self._name = name
        self._changed = threading.Condition()
        self._ready: deque[Work] = deque()
        # The number keeps those of one time in the order in which they came.
        self._timed: list[tuple[float, int, Work]] = []
        self._numbers = itertools.count()
        self._running: dict[threading.Thread, Work] = {}
        self._threads: list[threading.Thread] = []
        self._ending = False
        self._stopped = False

    def add(self, work: Work) -> None:
        """Take work on. What is repeated is cancelled instead when the pool ends, or has stopped.

        Raises:
            BatteryError: it is not taken, because too much waits already or the pool has stopped.
        """
        with self._changed:
            if self._ending and work.is_repeated:
                work.future.cancel()
                return
            if self._stopped:
                raise BatteryError(
                    "background", f"{work.name} came while the application closes; it is not run"
                )
            # What is repeated has had its place all the time, and would not come back otherwise.
            if self.is_full() and not work.is_repeated:
                raise BatteryError(
                    "background",
                    f"{work.name} is not run, because {self._limit} others wait already; run fewer, or raise "
                    "OPENHEART_BACKGROUND_QUEUE, or OPENHEART_BACKGROUND_THREADS where the work mostly waits",
                )
            self._start_thread()
            if work.due is None:
                self._ready.append(work)
            else:
                heapq.heappush(self._timed, (work.due, next(self._numbers), work))
            # All of them, because those that wait for a time wait too long now.
            self._changed.notify_all()

    def is_full(self) -> bool:
        """Whether no more work is taken."""
        with self._changed:
            if len(self._ready) + len(self._timed) < self._limit:
                return False
            self._ready = deque(work for work in self._ready if not work.future.cancelled())
            self._timed = [entry for entry in self._timed if not entry[2].future.cancelled()]
            heapq.heapify(self._timed)
            return len(self._ready) + len(self._timed) >= self._limit

    def drain(self, patience: float) -> None:
        """Wait until nothing runs and nothing is due, but not for the work that calls this.

        Args:
            patience: how long, in seconds.
        """
        with self._changed:
            self._changed.wait_for(lambda: not self._is_busy(), patience)

    def end(self, patience: float) -> None:
        """Drain it, and begin nothing from that very moment on; ``stop()`` then tells what is left.

        Args:
            patience: how long, in seconds.
        """
        with self._changed:
            # Before the wait: what is repeated without a pause would keep it busy for ever.
            self._ending = True
            # The lock is given back only while it waits, so nothing comes due between its end and the stop.
            self.drain(patience)
            self._stopped = True
            self._changed.notify_all()

    def stop(self) -> tuple[list[Work], list[Work]]:
        """End the threads as soon as they have nothing to do.

        Returns:
            The work that is not run any more, which is cancelled, and that which still runs.
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
            thread.join(STARTED)
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
            # With another one it is only later.
            if not self._threads:
                raise BatteryError("background", f"no thread can be started: {error}") from error
        else:
            self._threads.append(thread)

    def _serve(self) -> None:
        here = threading.current_thread()
        while (work := self._take(here)) is not None:
            work.do()
            # Not kept until the next one: it may hold much.
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
