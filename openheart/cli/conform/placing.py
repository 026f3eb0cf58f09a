"""Where the targets of a server are, and what it is asked for: the forms of --target and --emoji."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit

from ...errors import ConfigError
from ...protocol.vectors import Case, Request

__all__ = ["PLAIN", "Placing", "Unplaceable", "origin_of"]

PLAIN = "{target}"
"""The form of a target that follows the server's prefix and a slash."""

VECTOR_EMOJI = ("🥨", "🍩", "🍪")
"""The emoji of the vectors that others may stand for."""

_TARGET = re.compile(r"/(?P<name>\{target\}|\{other\})(?P<tail>[^?]*)(?:\?(?P<query>.*))?")


class Unplaceable(Exception):
    """A case cannot be written for this server; the text says why."""


@dataclass(frozen=True, slots=True)
class Placing:
    """How the requests of the vectors are written for a server.

    Attributes:
        form: a target as the server has it, with ``{target}`` for the vectors' own: what follows the prefix
            and a slash, or a whole URL.
        emoji: emoji that the server accepts, for those of the vectors; by default those themselves.
    """

    form: str = PLAIN
    emoji: Sequence[str] = ()

    def __post_init__(self) -> None:
        """Check both.

        Raises:
            ConfigError: one of them cannot be used.
        """
        if PLAIN not in self.form or not self.form.isascii() or "#" in self.form:
            raise _wrong_form(self.form)
        if "://" in self.form and not re.match(r"https?://[^/?]", self.form):
            raise _wrong_form(self.form)

    def request(self, request: Request, names: Mapping[str, str]) -> Request:
        """One request as it is sent.

        Args:
            request: a request of the vectors.
            names: what its placeholders stand for.

        Raises:
            Unplaceable: its path cannot be written in this form.
        """
        return replace(
            request,
            path=filled(self._path(request.path), names),
            headers={name: filled(value, names) for name, value in request.headers.items()},
            body=None if request.body is None else self._body(request.body),
        )

    def text(self, text: str) -> str:
        """Text of the vectors with the emoji of this server."""
        return self._body(text.encode()).decode()

    def require(self, case: Case) -> None:
        """Raise Unplaceable where a case counts an emoji that is not among those of this server."""
        if not self.emoji:
            return
        for step in case.steps:
            for each in step.expect.counts or {}:
                if self.text(each) not in self.emoji:
                    raise Unplaceable("it counts an emoji that --emoji does not name")

    def _path(self, path: str) -> str:
        if self.form == PLAIN:
            return path
        found = _TARGET.fullmatch(path)
        if found is None:
            if "{" in path or "://" in self.form:
                raise Unplaceable("its address is not of the form of --target")
            return path
        host = urlsplit(self.form).netloc if "://" in self.form else ""
        if found["tail"] and PLAIN in host:
            raise Unplaceable("its target has several segments, and --target is a host")
        # In {target}.example further segments follow the host.
        place = re.sub(
            r"\{target\}([^/?&]*)", lambda each: found["name"] + each[1] + found["tail"], self.form
        )
        place = place if "://" in place else f"/{place}"
        if found["query"] is None:
            return place
        return f"{place}{'&' if '?' in place else '?'}{found['query']}"

    def _body(self, body: bytes) -> bytes:
        swaps = {
            spelt: to
            for emoji, other in zip(VECTOR_EMOJI, self.emoji, strict=False)
            for spelt, to in zip(_spellings(emoji), _spellings(other), strict=True)
        }
        if not swaps:
            return body
        return re.sub(b"|".join(map(re.escape, swaps)), lambda found: swaps[found[0]], body)


def filled(text: str, names: Mapping[str, str]) -> str:
    """Text with its placeholders replaced."""
    for name, value in names.items():
        text = text.replace("{" + name + "}", value)
    return text


def origin_of(form: str) -> str | None:
    """Scheme and host of a form that is a whole URL; None where it follows a prefix."""
    parts = urlsplit(form)
    return f"{parts.scheme}://{parts.netloc}" if "://" in form else None


def _spellings(emoji: str) -> tuple[bytes, ...]:
    """An emoji as text, percent-encoded, and escaped in JSON."""
    return emoji.encode(), quote(emoji).encode(), json.dumps(emoji)[1:-1].encode()


def _wrong_form(form: str) -> ConfigError:
    return ConfigError(
        "--target",
        form,
        "the command line",
        "{target} in what follows the prefix, such as example.com/{target}, or in a whole URL, such as "
        "https://example.com/?id={target}",
    )
