"""One logger tree, ``openheart``: its level, and one handler on stderr. In an app of somebody else that has
logging of its own nothing is configured."""

from __future__ import annotations

import logging
import re
import sys
import traceback

from flask import Flask
from flask.logging import default_handler

from .config import INSTANCE, LEVEL, NAME, Config

__all__ = ["ROOT", "LineFormatter", "configure", "escape_controls", "get_logger", "has_own", "restore"]

ROOT = "openheart"
"""The name at the root of the tree."""

LINE = "{time} {level} {label}{logger}: {message}"

# C0, DEL, C1, the line and paragraph separators, and what turns the direction of writing round
# (UAX #9). U+200D stays: it is part of emoji.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


def escape_controls(text: str) -> str:
    r"""The text with its control characters as escapes such as ``\n``, so that it stays on one line."""
    return _CONTROLS.sub(lambda match: ascii(match[0])[1:-1], text)


class LineFormatter(logging.Formatter):
    """One record, one line: nothing that a visitor sent can look like a line of its own.

    Below a record that has an exception its traceback follows, each line of it indented.

    Args:
        label: NAME and INSTANCE, such as ``blog/eu``; empty writes none.
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


class _Handler(logging.Handler):
    """Writes to the stderr of the moment, unless the root logger has handlers, which get the record too.

    It keeps which configurations use it, so that the last one that goes takes it away.
    """

    def __init__(self) -> None:
        super().__init__()
        self.users: list[Config] = []

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
        labels = {_label(config) for config in self.users}
        # Lines of the modules belong to no app in particular: with several, the logger's name tells.
        self.setFormatter(LineFormatter(labels.pop() if len(labels) == 1 else ""))
        levels = [_level(config) for config in self.users]
        logging.getLogger(ROOT).setLevel(min(levels, default=logging.NOTSET))


def configure(config: Config) -> logging.Logger:
    """Set up the tree for an app that openheart built: LEVEL, and one handler on stderr.

    The handler is silent as long as the root logger has handlers. Calling it again with the same
    settings changes nothing; with the settings of a second app the handler is shared and the tree lets
    through what the more verbose of them asks for.

    Args:
        config: gives LEVEL, NAME and INSTANCE.

    Returns:
        The app's logger, as ``get_logger`` does.
    """
    root = logging.getLogger(ROOT)
    handler = _handler()
    if handler is None:
        handler = _Handler()
        root.addHandler(handler)
    if not any(user is config for user in handler.users):
        handler.users.append(config)
        handler.refresh()
    logger = get_logger(config)
    if logger is not root:
        logger.setLevel(_level(config))
    return logger


def restore(config: Config) -> None:
    """Undo ``configure``; without it, or a second time, nothing happens."""
    handler = _handler()
    if handler is None or not any(user is config for user in handler.users):
        return
    handler.users = [user for user in handler.users if user is not config]
    handler.refresh()
    logger = get_logger(config)
    if logger.name != ROOT and not any(get_logger(user) is logger for user in handler.users):
        logger.setLevel(logging.NOTSET)
    if not handler.users:
        logging.getLogger(ROOT).removeHandler(handler)
        handler.close()


def get_logger(config: Config) -> logging.Logger:
    """The logger of one app: ``openheart``, or ``openheart.<NAME>``, with ``.<INSTANCE>`` where there is one.

    A dot in either becomes ``_``, because it would begin a branch of the tree.
    """
    parts = [part.replace(".", "_") for part in (config[NAME], config[INSTANCE]) if part]
    return logging.getLogger(".".join([ROOT, *parts]))


def has_own(app: Flask) -> bool:
    """Whether an application has logging of its own: a handler at the root logger, its own, or openheart's.

    Flask's own default handler does not count.
    """
    if logging.getLogger().handlers:
        return True
    for name in (app.name, ROOT):
        logger = logging.getLogger(name)
        if any(not isinstance(each, _Handler) and each is not default_handler for each in logger.handlers):
            return True
    return False


def _handler() -> _Handler | None:
    return next((each for each in logging.getLogger(ROOT).handlers if isinstance(each, _Handler)), None)


def _label(config: Config) -> str:
    return "/".join(part for part in (config[NAME], config[INSTANCE]) if part)


def _level(config: Config) -> int:
    level = config[LEVEL]
    return int(level) if level.isdigit() else logging.getLevelNamesMapping()[level]
