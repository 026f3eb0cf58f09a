"""One logger tree, ``openheart``: its level, and one handler on stderr. Nothing is configured in another
application that has its own logging."""

from __future__ import annotations

import logging
import sys
import traceback
from dataclasses import dataclass, field
from typing import cast

from .text import escape_controls

__all__ = [
    "ROOT",
    "LineFormatter",
    "LogSettings",
    "configure",
    "get_logger",
    "has_own",
    "log_failure",
    "replace",
    "restore",
    "set_level",
]

ROOT = "openheart"
"""The name at the root of the tree."""

LINE = "{time} {level} {label}{logger}: {message}"


@dataclass(frozen=True, slots=True, eq=False)
class LogSettings:
    """How one application logs. Two applications have two of them, even where all values are the same.

    Attributes:
        level: the least severe level that is logged, as a number.
        name: the setting NAME.
        instance: the setting INSTANCE.
        replaced: the level that a logger of the application had before ``set_level``, by its name.
    """

    level: int
    name: str | None = None
    instance: str | None = None
    replaced: dict[str, int] = field(default_factory=dict)


class _Undisabled(logging.Logger):
    """A logger that stays when the app configures its logging later.

    ``logging.config`` disables each logger that exists and that the configuration does not name, by default
    and with Flask-Migrate's. Only it sets this attribute; a level silences a logger.
    """

    @property
    def disabled(self) -> bool:
        return False

    @disabled.setter
    def disabled(self, value: bool) -> None:
        pass

    def getChild(self, suffix: str) -> _Undisabled:
        return _undisabled(super().getChild(suffix))


class LineFormatter(logging.Formatter):
    """One record, one line: nothing that a visitor sent can look like a line of its own.

    The traceback of an exception follows below its record, with each line indented.

    Args:
        label: NAME and INSTANCE, such as ``blog/eu``; empty for no label.
    """

    def __init__(self, label: str = "") -> None:
        super().__init__()
        self.label = label

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        line = LINE.format(
            time=self.formatTime(record),
            level=record.levelname,
            label=f"[{self.label}] " if self.label else "",
            logger=record.name,
            message=record.getMessage(),
        )
        details = []
        if record.exc_info and record.exc_info[0] is not None:
            details = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n").split("\n")
        elif record.exc_text:
            details = record.exc_text.split("\n")
        if record.stack_info:
            details += record.stack_info.split("\n")
        return "\n    ".join(escape_controls(part) for part in [line, *details])


class _StderrHandler(logging.Handler):
    """Writes to the current stderr, unless the root logger has handlers, which get the record too.

    It keeps the configurations that use it, so that the last one removed can remove it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.users: list[LogSettings] = []

    def emit(self, record: logging.LogRecord) -> None:
        tree = logging.getLogger(ROOT)
        if tree.propagate and tree.parent is not None and tree.parent.handlers:
            return
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except Exception:
            self.handleError(record)

    def refresh(self) -> None:
        labels = {_label(user) for user in self.users}
        # A module's lines belong to no particular app: with several apps, only the logger's name tells.
        self.setFormatter(LineFormatter(labels.pop() if len(labels) == 1 else ""))
        levels = [user.level for user in self.users]
        logging.getLogger(ROOT).setLevel(min(levels, default=logging.NOTSET))


def configure(settings: LogSettings) -> logging.Logger:
    """Set up the tree for an app that openheart built: LEVEL, and one handler on stderr.

    The handler is silent as long as the root logger has handlers. Calling it again with the same
    settings changes nothing. With the settings of a second app the handler is shared, and the tree gets
    the more verbose of the two levels.

    Args:
        settings: the settings of the app.

    Returns:
        The app's logger, as ``get_logger`` does.
    """
    root = logging.getLogger(ROOT)
    handler = _handler()
    if handler is None:
        handler = _StderrHandler()
        root.addHandler(handler)
    if not any(user is settings for user in handler.users):
        handler.users.append(settings)
        handler.refresh()
    logger = get_logger(settings)
    if logger is not root:
        logger.setLevel(settings.level)
    return logger


def replace(old: LogSettings, new: LogSettings) -> None:
    """Let other settings of the same app, with another level, replace those that were configured."""
    handler = _handler()
    if handler is not None and any(user is old for user in handler.users):
        handler.users = [new if user is old else user for user in handler.users]
        handler.refresh()
        logger = get_logger(new)
        if logger.name != ROOT:
            logger.setLevel(new.level)


def set_level(name: str, settings: LogSettings) -> None:
    """Give the logger of an application the level of the settings, until ``restore``.

    Args:
        name: the name of its logger; the loggers of openheart have their level already.
        settings: the settings of the app.
    """
    if name.partition(".")[0] != ROOT:
        logger = logging.getLogger(name)
        settings.replaced.setdefault(name, logger.level)
        logger.setLevel(settings.level)


def restore(settings: LogSettings) -> None:
    """Undo ``configure`` and ``set_level``. Does nothing if they were not called, or were undone already."""
    while settings.replaced:
        name, level = settings.replaced.popitem()
        logging.getLogger(name).setLevel(level)
    handler = _handler()
    if handler is None or not any(user is settings for user in handler.users):
        return
    handler.users = [user for user in handler.users if user is not settings]
    handler.refresh()
    logger = get_logger(settings)
    if logger.name != ROOT and not any(get_logger(user) is logger for user in handler.users):
        logger.setLevel(logging.NOTSET)
    if not handler.users:
        logging.getLogger(ROOT).removeHandler(handler)
        handler.close()


def get_logger(settings: LogSettings) -> logging.Logger:
    """The logger of one app: ``openheart``, or ``openheart.<NAME>``, with ``.<INSTANCE>`` if it is set.

    A dot in either becomes ``_``, because it would start a branch of the tree.
    """
    parts = [part.replace(".", "_") for part in (settings.name, settings.instance) if part]
    return _undisabled(logging.getLogger(".".join([ROOT, *parts])))


def log_failure(logger: logging.Logger, error: Exception, level: int = logging.ERROR) -> None:
    """Log the kind and the text of an error of ours.

    They are the message itself and not its arguments, because trackers of errors group records by message.
    """
    logger.log(level, f"{type(error).__name__}: {error}")


def has_own(name: str, default: logging.Handler) -> bool:
    """Whether an application has its own logging: a handler at the root logger, its own, or openheart's.

    Args:
        name: the name of its logger.
        default: a handler that does not count, because the application did not add it.
    """
    if logging.getLogger().handlers:
        return True
    for each in (name, ROOT):
        handlers = logging.getLogger(each).handlers
        if any(not isinstance(handler, _StderrHandler) and handler is not default for handler in handlers):
            return True
    return False


def _undisabled(logger: logging.Logger) -> _Undisabled:
    if isinstance(logger, _Undisabled):
        return logger
    # Of its own class, which the app may have chosen. logging itself cannot give one tree another class.
    kind = type(logger)
    logger.__class__ = type(kind.__name__, (_Undisabled, kind), {})
    return cast(_Undisabled, logger)


def _handler() -> _StderrHandler | None:
    return next((each for each in logging.getLogger(ROOT).handlers if isinstance(each, _StderrHandler)), None)


def _label(settings: LogSettings) -> str:
    return "/".join(part for part in (settings.name, settings.instance) if part)
