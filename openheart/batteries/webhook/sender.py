"""Collects reactions and sends them in batches, from one thread that starts with the first reaction."""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from ...settings.config import SERVER_GRACE, Config
from ...system.exits import at_exit
from ...system.workers import Backoff, Worker
from .request import Attempt
from .row import (
    OPENHEART_WEBHOOK_QUEUE,
    OPENHEART_WEBHOOK_TIMEOUT,
    OPENHEART_WEBHOOK_TRIES,
    OPENHEART_WEBHOOK_WAIT,
)

__all__ = ["Sender"]

MOST_ROWS = 200  # of one notice, so that it stays well under the size limit of receivers
FIRST_DELAY = 1.0  # seconds before the second try; twice as long before each further one
LONGEST_DELAY = 300.0  # seconds, even if the receiver asks for more
AT_ONCE = 256  # reactions
LINGER = 0.5  # seconds
GONE = 410
NOT_REPORTED = "%d reactions were not reported: %s"

Post = Callable[[str, bytes, float], Attempt]


@dataclass(slots=True)
class _Waiting:
    """One reaction that waits to be reported."""

    target: str
    emoji: str
    count: int
    moment: float


@dataclass(slots=True)
class _Row:
    """One emoji on one target, in a notice."""

    added: int = 0
    count: int = 0


_Rows = dict[tuple[str, str], _Row]


@dataclass(frozen=True, slots=True)
class _Notice:
    """One request body, which stays the same for each try."""

    delivery: str
    body: bytes
    reactions: int


class Sender:
    """Reports reactions, later and in order. A visitor who reacts waits for a lock at most.

    Args:
        post: sends one body, under an id, within some seconds.
        config: the settings, of which SERVER_GRACE is how long ``close()`` may take.
        logger: where it logs what it dropped.

    Attributes:
        failure: what is wrong with the receiver, or None.
        is_accepted: whether it has accepted a notice.
    """

    def __init__(self, post: Post, config: Config, logger: logging.Logger) -> None:
        self.failure: str | None = None
        self.is_accepted = False
        self._post = post
        self._wait = config[OPENHEART_WEBHOOK_WAIT]
        self._tries = config[OPENHEART_WEBHOOK_TRIES]
        self._timeout = config[OPENHEART_WEBHOOK_TIMEOUT]
        self._limit = config[OPENHEART_WEBHOOK_QUEUE]
        # When this many wait, they are sent early, to keep room for more.
        self._early = max(1, self._limit // 2)
        self._grace = config[SERVER_GRACE]
        self._logger = logger
        self._queue: deque[_Waiting] = deque()
        self._dropped = 0
        self._gone = False
        # When close() no longer waits.
        self._end = float("inf")
        self._worker = Worker("openheart webhook", self._run)
        # For servers that exit without closing the application.
        self._take_back = at_exit(self.close)

    def add(self, target: str, emoji: str, count: int) -> None:
        """Report a reaction, soon."""
        with self._worker.changed:
            if self._gone:
                return
            if self._worker.is_stopping:
                self._logger.error(NOT_REPORTED, 1, "the application is closing")
                return
            if len(self._queue) >= self._limit:
                self._queue.popleft()
                self._dropped += 1
            self._queue.append(_Waiting(target, emoji, count, time.monotonic()))
            self._worker.start()
            if len(self._queue) in (1, self._early):
                self._worker.changed.notify_all()

    def close(self) -> None:
        """Send what waits, as far as the time allows, and log how much was not sent."""
        self._take_back()
        with self._worker.changed:
            self._end = min(self._end, time.monotonic() + self._grace)
        # A little longer than the thread, so that it can log what it dropped.
        self._worker.stop(self._end - time.monotonic() + LINGER)
        self._drop_all("the application closed")

    def _run(self) -> None:
        while self._collect():
            rows = self._take()
            if not rows:
                continue
            notice = _notice(rows)
            try:
                self._deliver(notice)
            except Exception:
                # The thread continues, because nobody would notice its end.
                self._logger.exception("The notice %s failed", notice.delivery)
                self._drop(notice, 1, "see the error above")

    def _collect(self) -> bool:
        """Wait until the oldest reaction is due; False when no more will come."""
        worker = self._worker
        with worker.changed:
            worker.changed.wait_for(lambda: self._queue or worker.is_stopping)
            if not self._queue:
                return False
            left = self._queue[0].moment + self._wait - time.monotonic()
            worker.changed.wait_for(lambda: len(self._queue) >= self._early or worker.is_stopping, left)
        return True

    def _take(self) -> _Rows:
        rows: _Rows = {}
        while True:
            with self._worker.changed:
                # A few at a time, so that visitors who react do not wait long for the lock.
                some = [self._queue.popleft() for _ in range(min(AT_ONCE, len(self._queue)))]
            for number, waiting in enumerate(some):
                key = waiting.target, waiting.emoji
                if key not in rows and len(rows) == MOST_ROWS:
                    with self._worker.changed:
                        self._queue.extendleft(reversed(some[number:]))
                    return rows
                row = rows.setdefault(key, _Row())
                row.added += 1
                # Threads do not arrive here in the order in which their reactions were counted.
                row.count = max(row.count, waiting.count)
            if len(some) < AT_ONCE:
                return rows

    def _deliver(self, notice: _Notice) -> None:
        backoff = Backoff(FIRST_DELAY, LONGEST_DELAY, spread=True)
        for turn in range(1, self._tries + 1):
            self._report_dropped()
            closing = self._worker.is_stopping
            timeout = min(self._timeout, self._end - time.monotonic())
            if timeout <= 0:
                self._drop(notice, turn - 1, self.failure or "the application closed")
                return
            attempt = self._post(notice.delivery, notice.body, timeout)
            if not attempt.failure:
                failure, self.failure, self.is_accepted = self.failure, None, True
                if failure is not None:
                    self._logger.info("OPENHEART_WEBHOOK accepts notices again")
                return
            if attempt.status == GONE:
                self._stop(notice, turn)
                return
            if self.failure is None:
                self._logger.warning(
                    "The notice %s was not accepted and is sent again: %s", notice.delivery, attempt.failure
                )
            self.failure = attempt.failure
            delay = backoff.next(attempt.retry_after or 0.0)
            if turn == self._tries or (closing and time.monotonic() + delay > self._end):
                self._drop(notice, turn, attempt.failure)
                return
            if closing:
                time.sleep(delay)
            else:
                # When close() begins, the next try is made at once.
                self._worker.pause(delay)

    def _stop(self, notice: _Notice, turn: int) -> None:
        with self._worker.changed:
            self._gone = True
        self.failure = "the receiver answered 410 Gone and gets no more notices until the next start"
        self._logger.error("OPENHEART_WEBHOOK: %s", self.failure)
        self._drop(notice, turn, "the answer was 410")
        self._drop_all("the receiver answered 410 Gone")

    def _drop(self, notice: _Notice, turns: int, reason: str) -> None:
        self._logger.error(
            "The notice %s was dropped after %d tries, and %d reactions were not reported: %s",
            notice.delivery,
            turns,
            notice.reactions,
            reason,
        )

    def _drop_all(self, reason: str) -> None:
        self._report_dropped()
        with self._worker.changed:
            count = len(self._queue)
            self._queue.clear()
        if count:
            self._logger.error(NOT_REPORTED, count, reason)

    def _report_dropped(self) -> None:
        with self._worker.changed:
            count, self._dropped = self._dropped, 0
        if count:
            self._logger.error(
                NOT_REPORTED, count, f"more than {self._limit} waited (OPENHEART_WEBHOOK_QUEUE)"
            )


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
