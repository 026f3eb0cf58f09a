"""Collects reactions and sends them in batches, from one thread that starts with the first reaction."""

from __future__ import annotations

import json
import logging
import random
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from ...system.exits import at_exit
from .request import Attempt

__all__ = ["Sender"]

MOST_ROWS = 200  # of one notice, so that it stays well under what receivers take
FIRST_DELAY = 1.0  # seconds before the second try; twice as long before each further one
LONGEST_DELAY = 300.0  # seconds, also where the receiver asks for more
AT_ONCE = 256  # reactions
LINGER = 0.5  # seconds
GONE = 410
UNHEARD = "%d reactions were not told of: %s"

Post = Callable[[str, bytes, float], Attempt]


@dataclass(slots=True)
class _Heard:
    """One reaction that waits."""

    target: str
    emoji: str
    count: int
    moment: float


@dataclass(slots=True)
class _Row:
    """What one notice says of one emoji on one target."""

    added: int = 0
    count: int = 0


_Rows = dict[tuple[str, str], _Row]


@dataclass(frozen=True, slots=True)
class _Notice:
    """What is sent as one body, and sent again as the same."""

    delivery: str
    body: bytes
    reactions: int


class Sender:
    """Tells of reactions, later and in order. Nothing of it takes longer than a lock for who reacts.

    Args:
        post: sends one body, under an id, within some seconds.
        wait: for how many seconds reactions are collected.
        tries: how often a notice is sent before it is given up.
        timeout: seconds for each of them.
        limit: how many reactions may wait.
        grace: seconds that ``close()`` may take.
        logger: where it says what it gave up.

    Attributes:
        failure: what is wrong with the receiver just now, or None.
        is_taken: whether it took the last notice; False before the first.
    """

    def __init__(
        self,
        post: Post,
        *,
        wait: float,
        tries: int,
        timeout: float,
        limit: int,
        grace: float,
        logger: logging.Logger,
    ) -> None:
        self.failure: str | None = None
        self.is_taken = False
        self._post = post
        self._wait = wait
        self._tries = tries
        self._timeout = timeout
        self._limit = limit
        # So many are sent before their time, to keep room for more.
        self._much = max(1, limit // 2)
        self._grace = grace
        self._logger = logger
        self._changed = threading.Condition()
        self._queue: deque[_Heard] = deque()
        self._pushed_out = 0
        self._gone = False
        self._end: float | None = None
        self._thread: threading.Thread | None = None
        # For servers that end without a word to us.
        self._take_back = at_exit(self.close)

    def add(self, target: str, emoji: str, count: int) -> None:
        """Tell of a reaction, soon."""
        with self._changed:
            if self._gone:
                return
            if self._end is not None:
                self._logger.error(UNHEARD, 1, "the application stops")
                return
            if len(self._queue) >= self._limit:
                self._queue.popleft()
                self._pushed_out += 1
            self._queue.append(_Heard(target, emoji, count, time.monotonic()))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="openheart webhook", daemon=True)
                self._thread.start()
            elif len(self._queue) in (1, self._much):
                self._changed.notify_all()

    def close(self) -> None:
        """Send what waits, as far as the time allows, and name what was not sent."""
        self._take_back()
        with self._changed:
            if self._end is None:
                self._end = time.monotonic() + self._grace
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            # A little longer than the thread, so that it can say itself what it gave up.
            thread.join(max(0.0, self._end - time.monotonic()) + LINGER)
        self._give_up_all("the application stopped")

    def _run(self) -> None:
        while self._collect():
            rows = self._take()
            if not rows:
                continue
            notice = _notice(rows)
            try:
                self._deliver(notice)
            except Exception:
                # The thread goes on, because nobody would notice its end.
                self._logger.exception("The notice %s failed", notice.delivery)
                self._give_up(notice, 1, "of the error above")

    def _collect(self) -> bool:
        """Wait until the time of the reaction that waits longest is over; False when none will come."""
        with self._changed:
            while not self._queue:
                if self._end is not None:
                    return False
                self._changed.wait()
            due = self._queue[0].moment + self._wait
            while self._end is None and len(self._queue) < self._much:
                left = due - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
        return True

    def _take(self) -> _Rows:
        rows: _Rows = {}
        while True:
            with self._changed:
                # A few at once, so that nobody who reacts waits for more than these.
                some = [self._queue.popleft() for _ in range(min(AT_ONCE, len(self._queue)))]
            for number, heard in enumerate(some):
                key = heard.target, heard.emoji
                if key not in rows and len(rows) == MOST_ROWS:
                    with self._changed:
                        self._queue.extendleft(reversed(some[number:]))
                    return rows
                row = rows.setdefault(key, _Row())
                row.added += 1
                # The threads that react do not come here in the order in which they were counted.
                row.count = max(row.count, heard.count)
            if len(some) < AT_ONCE:
                return rows

    def _deliver(self, notice: _Notice) -> None:
        for turn in range(1, self._tries + 1):
            self._report_pushed_out()
            closing = self._end is not None
            timeout = min(self._timeout, self._left())
            if timeout <= 0:
                self._give_up(notice, turn - 1, self.failure or "the application stopped")
                return
            attempt = self._post(notice.delivery, notice.body, timeout)
            if attempt.is_taken:
                failure, self.failure, self.is_taken = self.failure, None, True
                if failure is not None:
                    self._logger.info("Notices to OPENHEART_WEBHOOK are taken again")
                return
            if attempt.status == GONE:
                self._stop(notice, turn)
                return
            if self.failure is None:
                self._logger.warning(
                    "The notice %s was not taken, and is sent again: %s", notice.delivery, attempt.said
                )
            self.failure = attempt.said
            self.is_taken = False
            delay = _delay(turn, attempt.retry_after)
            if turn == self._tries or not self._pause(delay, closing=closing):
                self._give_up(notice, turn, attempt.said)
                return

    def _pause(self, seconds: float, *, closing: bool) -> bool:
        """Wait before the next try; False where the time does not allow one."""
        if closing and seconds > self._left():
            return False
        due = time.monotonic() + seconds
        with self._changed:
            # Who begins to close wants an answer, so the next try is at once.
            while closing or self._end is None:
                left = due - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(left)
        return True

    def _left(self) -> float:
        with self._changed:
            return float("inf") if self._end is None else self._end - time.monotonic()

    def _stop(self, notice: _Notice, turn: int) -> None:
        with self._changed:
            self._gone = True
        self.failure = "the receiver answered 410 Gone, and is told of nothing more until the next start"
        self._logger.error("OPENHEART_WEBHOOK: %s", self.failure)
        self._give_up(notice, turn, "the answer was 410")
        self._give_up_all("the receiver is gone")

    def _give_up(self, notice: _Notice, turns: int, reason: str) -> None:
        self._logger.error(
            "The notice %s was given up after %d tries, and %d reactions were not told of: %s",
            notice.delivery,
            turns,
            notice.reactions,
            reason,
        )

    def _give_up_all(self, reason: str) -> None:
        self._report_pushed_out()
        with self._changed:
            count = len(self._queue)
            self._queue.clear()
        if count:
            self._logger.error(UNHEARD, count, reason)

    def _report_pushed_out(self) -> None:
        with self._changed:
            count, self._pushed_out = self._pushed_out, 0
        if count:
            self._logger.error(UNHEARD, count, f"more than {self._limit} waited (OPENHEART_WEBHOOK_QUEUE)")


def _notice(rows: _Rows) -> _Notice:
    document = {
        "type": "reactions.added",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": {
            "reactions": [
                {"target": target, "emoji": emoji, "added": row.added, "count": row.count}
                for (target, emoji), row in rows.items()
            ]
        },
    }
    body = json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
    return _Notice(f"msg_{secrets.token_hex(16)}", body, sum(row.added for row in rows.values()))


def _delay(turn: int, retry_after: float | None) -> float:
    delay: float = min(FIRST_DELAY * 2.0 ** (turn - 1), LONGEST_DELAY)
    # Not all the processes of all the servers at the same moment.
    delay *= random.uniform(0.5, 1.0)
    return max(delay, min(retry_after or 0.0, LONGEST_DELAY))
