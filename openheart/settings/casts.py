"""Casts: from text (or a Python value) to the value of a setting. The error of a cast says what was
expected, and never quotes the value."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

from ..system.masks import REFERENCE, SCHEME, mask_path, mask_uri
from ..system.text import CONTROL

__all__ = [
    "ADDRESS",
    "Cast",
    "address",
    "boolean",
    "choice",
    "duration",
    "http_url",
    "integer",
    "join",
    "level",
    "locale_list",
    "match_all",
    "parameter_list",
    "secret_text",
    "size",
    "split",
    "text",
    "text_list",
    "uri",
    "url_prefix",
    "word",
]

T_co = TypeVar("T_co", covariant=True)
Text = TypeVar("Text", bound=str)

WORD = re.compile(r"\w[\w.-]{0,63}")
DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?", re.ASCII)
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, None: 1.0}
SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([kmg])(?:i?b)?|b)?", re.ASCII | re.IGNORECASE)
BYTES = {"k": 1024, "m": 1024**2, "g": 1024**3, "": 1}
HOST_NAME = r"(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?|\[[0-9A-Fa-f:.]+\])"
ADDRESS = re.compile(rf"{HOST_NAME}(?::(\d{{1,5}}))?")
HTTP_URL = re.compile(rf"https?://{HOST_NAME}(?::(\d{{1,5}}))?(?:/[^\s#]*)?", re.IGNORECASE)
LOCALE = re.compile(r"([A-Za-z]{2,3})(?:[_-]([A-Za-z]{4}))?(?:[_-]([A-Za-z]{2}|[0-9]{3}))?")
PARAMETER = re.compile(r"[A-Za-z0-9_.:;!$'()*@\[\]{|}~^-]{1,64}")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Cast(Generic[T_co]):
    """Turns text, or a Python value, into a typed value.

    Attributes:
        description: what is expected, in words, such as ``an integer from 0 to 65535``.
        parse: casts a value; raises ValueError or TypeError.
        show: the value as a person would write it, without its secrets.
        expands: whether ``$NAME`` stands for the value of the variable NAME.
        takes_empty: whether empty text is a value; otherwise it counts as unset in the environment.
    """

    description: str
    parse: Callable[[Any], T_co]
    show: Callable[[Any], str] = str
    expands: bool = False
    takes_empty: bool = False

    def __call__(self, value: object, variables: Mapping[str, object] | None = None) -> T_co:
        """Cast one value.

        Args:
            value: text as from the environment, or a Python value.
            variables: what ``$NAME`` may refer to.

        Raises:
            ValueError: its text says what was expected instead; it never quotes the value.
        """
        expected = self.description
        if self.expands and isinstance(value, str) and (match := REFERENCE.fullmatch(value.strip())):
            name = match[1] or match[2]
            value = (variables or {}).get(name)
            if value is None or value == "":
                raise ValueError(f"{name} to be set, because ${name} stands for its value")
            expected = f"{name} to hold {expected}"
        try:
            return self.parse(value)
        except (ValueError, TypeError, ArithmeticError):
            pass
        # Raised outside the except block, so that the parser's error, which quotes the value, is not chained.
        raise ValueError(expected)


def integer(minimum: int, maximum: int) -> Cast[int]:
    """A whole number in a range, both ends included."""

    def parse(value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"[+-]?[0-9]+", value.strip()):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not minimum <= value <= maximum:
            raise ValueError
        return value

    return Cast(f"an integer from {minimum} to {maximum}", parse)


def boolean() -> Cast[bool]:
    """Yes or no: ``1 true yes on`` or ``0 false no off``, in any case."""

    def parse(value: object) -> bool:
        written = str(value).strip().lower() if isinstance(value, (str, int)) else ""
        if written not in TRUE | FALSE:
            raise ValueError
        return written in TRUE

    return Cast(
        "one of 1, true, yes, on or 0, false, no, off", parse, show=lambda value: "on" if value else "off"
    )


def text() -> Cast[str]:
    """One line of text, not empty; white space around it is removed."""

    return Cast("text without control characters", _one_line)


def word() -> Cast[str]:
    """A name that can be part of a file name and of a key."""

    def parse(value: object) -> str:
        return match_all(WORD, _one_line(value))[0]

    return Cast("up to 64 letters, digits, '.', '_' and '-', starting with a letter or digit", parse)


def secret_text() -> Cast[str | bytes]:
    """A secret: text or bytes, not changed."""

    def parse(value: object) -> str | bytes:
        if not isinstance(value, (str, bytes)) or not value:
            raise ValueError
        return value

    return Cast("text", parse, show=lambda value: "***")


def text_list() -> Cast[list[str]]:
    """Texts, separated by commas or white space, or a Python list or tuple of texts."""
    return Cast("a list of texts separated by commas or spaces", split, show=join, takes_empty=True)


def duration(minimum: float = 0.0) -> Cast[float]:
    """A length of time in seconds: ``250ms``, ``30s``, ``5m``, ``2h``, ``1d``, or a plain number of seconds.

    Args:
        minimum: the shortest one allowed, in seconds.
    """

    def parse(value: object) -> float:
        if isinstance(value, timedelta):
            value = value.total_seconds()
        if isinstance(value, str):
            match = match_all(DURATION, value.strip().lower())
            value = float(match[1]) * SECONDS[match[2]]
        if not isinstance(value, (int, float)) or isinstance(value, bool):
            raise TypeError
        if not math.isfinite(value) or value < minimum:
            raise ValueError
        return float(value)

    least = f" of at least {_show_duration(minimum)}" if minimum else ""
    return Cast(f"a duration{least} such as 250ms, 30s, 5m, 2h or 1d", parse, show=_show_duration)


def size(minimum: int = 1) -> Cast[int]:
    """A number of bytes: ``512``, ``64KB``, ``16KiB``, ``1MB``. A KB is 1024 bytes, as is a KiB.

    Args:
        minimum: the smallest one allowed, in bytes.
    """

    def parse(value: object) -> int:
        if isinstance(value, str):
            match = match_all(SIZE, value.strip())
            value = int(float(match[1]) * BYTES[(match[2] or "").lower()])
        if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
            raise ValueError
        return value

    return Cast(
        f"a size of at least {minimum} bytes such as 512, 64KB or 1MB (a KB is 1024 bytes)",
        parse,
        show=_show_size,
    )


def uri() -> Cast[str]:
    """A URI, which has a scheme; ``$NAME`` stands for the URI that the variable NAME holds."""

    def parse(value: object) -> str:
        line = _one_line(value)
        if not SCHEME.match(line):
            raise ValueError
        return line

    return Cast("a URI with a scheme, such as sqlite:///openheart.db", parse, show=mask_uri, expands=True)


def http_url(*, secret_path: bool = False) -> Cast[str]:
    """The address of an HTTP server, without a user and a fragment; ``$NAME`` stands for what NAME holds.

    Args:
        secret_path: whether who knows the path may use it, so that it is not shown.
    """

    def parse(value: object) -> str:
        match = match_all(HTTP_URL, _one_line(value))
        if int(match[1] or 0) > 65535:
            raise ValueError
        return match[0]

    show = mask_path if secret_path else mask_uri
    return Cast("an address such as https://example.org/hook", parse, show=show, expands=True)


def address() -> Cast[str]:
    """A host by name or number, with a port or without: ``mail.example.org:587``, ``[::1]:25``."""

    def parse(value: object) -> str:
        match = match_all(ADDRESS, _one_line(value))
        if match[1] is not None and not 1 <= int(match[1]) <= 65535:
            raise ValueError
        return match[0]

    return Cast("a host, or a host and a port such as mail.example.org:587", parse)


def locale_list() -> Cast[list[str]]:
    """Locales as ``en_US``, however they were written: ``en_us``, ``pt-br``, ``zh_hans_cn``."""

    def parse(value: object) -> list[str]:
        locales = list(dict.fromkeys(_locale(entry) for entry in split(value)))
        if not locales:
            raise ValueError
        return locales

    return Cast("a list of locales such as en_us, pt_br, de", parse, show=join)


def choice(*values: Text) -> Cast[Text]:
    """One of a few words, in any case."""
    known = {value.lower(): value for value in values}

    def parse(value: object) -> Text:
        written = _one_line(value).lower()
        if written not in known:
            raise ValueError
        return known[written]

    return Cast(f"one of {', '.join(values)}", parse)


def url_prefix() -> Cast[str]:
    """The path under which routes are registered, such as ``/openheart``, or ``/`` alone."""

    def parse(value: object) -> str:
        path = _one_line(value)
        segments = path.split("/")[1:]
        if not path.startswith("/") or re.search(r"[<>?#%\\\s]", path):
            raise ValueError
        if path != "/" and any(segment in ("", ".", "..") for segment in segments):
            raise ValueError
        return path

    return Cast("a path such as /openheart: it starts with / and does not end with one, without <>?#%", parse)


def level() -> Cast[str]:
    """The name of a logging level; a number becomes its name where it has one."""

    def parse(value: object) -> str:
        written = str(value).strip().upper() if isinstance(value, (str, int)) else ""
        if re.fullmatch(r"[0-9]{1,3}", written):
            if not 1 <= int(written) <= 100:
                raise ValueError
            named = logging.getLevelName(int(written))
            return named if named in LEVELS else str(int(written))
        written = {"WARN": "WARNING", "FATAL": "CRITICAL"}.get(written, written)
        if written not in LEVELS:
            raise ValueError
        return written

    return Cast(f"one of {', '.join(LEVELS)}, or a number from 1 to 100", parse)


def parameter_list() -> Cast[list[str]]:
    """Names of query parameters, decoded, such as ``p`` or ``ids[]``."""

    def parse(value: object) -> list[str]:
        return list(dict.fromkeys(match_all(PARAMETER, entry)[0] for entry in split(value)))

    return Cast("a list of names of query parameters such as p, in ASCII", parse, show=join, takes_empty=True)


def _one_line(value: object) -> str:
    if not isinstance(value, str) or not (line := value.strip()) or CONTROL.search(line):
        raise ValueError
    return line


def match_all(pattern: re.Pattern[str], written: str) -> re.Match[str]:
    """The match of a whole text, or a ValueError."""
    match = pattern.fullmatch(written)
    if match is None:
        raise ValueError
    return match


def split(value: object) -> list[str]:
    """The entries of a list, or of a text with commas or spaces between them; else a TypeError."""
    if isinstance(value, str):
        return [part for part in re.split(r"[,\s]+", value) if part]
    if not isinstance(value, (list, tuple)) or not all(isinstance(part, str) for part in value):
        raise TypeError
    return [part.strip() for part in value if part.strip()]


def join(value: list[str]) -> str:
    """A list, for people to read."""
    return ", ".join(value) or "empty"


def _locale(entry: str) -> str:
    language, script, territory = match_all(LOCALE, entry).groups(default="")
    return "_".join(part for part in (language.lower(), script.title(), territory.upper()) if part)


def _show_duration(value: float) -> str:
    unit = next((unit for unit in ("d", "h", "m", "s") if value and value % SECONDS[unit] == 0), None)
    unit = unit or ("s" if value >= 1 or not value else "ms")
    return f"{value / SECONDS[unit]:.3f}".rstrip("0").rstrip(".") + unit


def _show_size(value: int) -> str:
    for unit in ("g", "m", "k"):
        if value and value % BYTES[unit] == 0:
            return f"{value // BYTES[unit]}{unit.upper()}B"
    return f"{value}B"
