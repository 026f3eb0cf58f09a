"""What pika may log of our own doings: nothing, because we say it in one line ourselves."""

from __future__ import annotations

import logging
import threading

__all__ = ["Hush"]


class Hush(logging.Filter):
    """Keeps what pika logs of our own doings out of the log: we say it ourselves, in one line.

    pika writes a dozen lines and a traceback for each try to reach a broker that is away. What it logs of
    connections that the application uses itself goes on, and so does everything once somebody has set a level
    for ``pika``.
    """

    def __init__(self) -> None:
        super().__init__()
        self._depth = _Depth()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record stays."""
        return not self._depth.now or logging.getLogger("pika").level != logging.NOTSET

    def install(self) -> None:
        """Begin; until ``remove()``."""
        for logger in self._loggers():
            logger.addFilter(self)

    def remove(self) -> None:
        """Leave pika's loggers as they were."""
        for logger in self._loggers():
            logger.removeFilter(self)

    def __enter__(self) -> None:
        self._depth.now += 1

    def __exit__(self, *_: object) -> None:
        self._depth.now -= 1

    @staticmethod
    def _loggers() -> list[logging.Logger]:
        # A filter holds for one logger, not for those below it.
        names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "pika"]
        return [logging.getLogger(name) for name in names]


class _Depth(threading.local):
    now = 0
