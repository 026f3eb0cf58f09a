"""Keeps pika from logging what openheart logs itself, in one line."""

from __future__ import annotations

import logging
import threading

__all__ = ["PikaFilter"]


class PikaFilter(logging.Filter):
    """Drops what pika logs inside ``with`` this filter, because openheart logs the same in one line.

    It is on pika's loggers until ``remove()``.

    pika writes a dozen lines and a traceback for each try to reach an unavailable broker. Records of
    connections that the application uses itself stay, and so does everything once a level is set for the
    logger ``pika``.
    """

    def __init__(self) -> None:
        super().__init__()
        self._depth = _Depth()
        for logger in self._loggers():
            logger.addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is kept."""
        return not self._depth.now or logging.getLogger("pika").level != logging.NOTSET

    def remove(self) -> None:
        """Take the filter off pika's loggers."""
        for logger in self._loggers():
            logger.removeFilter(self)

    def __enter__(self) -> None:
        self._depth.now += 1

    def __exit__(self, *_: object) -> None:
        self._depth.now -= 1

    @staticmethod
    def _loggers() -> list[logging.Logger]:
        # A filter applies to one logger, not to its children.
        names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "pika"]
        return [logging.getLogger(name) for name in names]


class _Depth(threading.local):
    now = 0
