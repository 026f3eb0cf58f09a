"""The conformance vectors: the protocol's cases as data, requests and what a server must answer to them.

Each group is a JSON file beside this module: a list of cases ``{name, why, reading, steps}``. ``reading`` is
true where the protocol's text leaves open what a server does, and the case is how openheart reads it. A step
is ``{request, expect, save, at_once}``:

``request``
    ``method`` (GET), ``path`` (what follows the server's prefix and a slash, percent-encoded ASCII),
    ``query``, ``headers``, and ``body`` (text) or ``body_base64``; ``times`` repeats the body.
``expect``
    ``status``: a number, a class such as ``"4xx"``, or a list of them; ``headers``: name -> a regular
    expression for the whole value, or null for a header that must be absent; ``json``: the document;
    ``counts``: emoji -> count, no other emoji but with a count of zero (in an answer 200; a 404 says that
    there are none, unless the server hides its counts, and then the case cannot be checked); ``order``: the
    keys in their order; ``problem``: the last part of the type of an RFC 9457 problem; ``empty``: no body.
``save``
    a placeholder's name -> the answer's header whose value it holds in later steps.
``at_once``
    how many times the request is sent at the same time; each answer must be right.

``{target}`` and ``{other}`` stand for targets without reactions, new in each run, so that the vectors work
against any server, also one that holds data.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

__all__ = ["GROUPS", "Case", "Expectation", "Request", "Step", "load_vectors"]

GROUPS = ("required", "robustness", "extensions")
"""What openheart.fyi requires of every server; what makes a server robust; what openheart adds."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, with placeholders or as it goes to the server.

    Attributes:
        method: such as ``GET``.
        path: what follows the server's prefix, from its slash on, with the query; percent-encoded ASCII.
        headers: name -> value.
        body: the bytes; None sends no body.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the answer must be; an attribute that is None or empty is not checked.

    Attributes:
        status: the statuses that are right, as text: ``"200"``, ``"4xx"``.
        headers, counts, order, problem, empty: see the module's docstring.
        json: the document as JSON text with sorted keys.
    """

    status: tuple[str, ...]
    headers: Mapping[str, str | None] = field(default_factory=dict)
    json: str | None = None
    counts: Mapping[str, int] | None = None
    order: tuple[str, ...] | None = None
    problem: str | None = None
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """A request, what must be answered, and which headers of the answer later steps need.

    Attributes:
        request, expect, save: see the module's docstring.
        at_once: how many times the request is sent at the same time.
    """

    request: Request
    expect: Expectation
    save: Mapping[str, str] = field(default_factory=dict)
    at_once: int = 1


@dataclass(frozen=True, slots=True)
class Case:
    """One case of the protocol.

    Attributes:
        group: one of ``GROUPS``.
        name: what holds, as a short sentence; unique in its group.
        why: why a server should do so.
        steps: requests in order; the case ends at the first wrong answer.
        reading: the protocol's text leaves this open, and the case is how openheart reads it.
    """

    group: str
    name: str
    why: str
    steps: tuple[Step, ...]
    reading: bool = False


def load_vectors(groups: Iterable[str] = GROUPS) -> tuple[Case, ...]:
    """Read the cases of some groups, in the order of the files.

    Args:
        groups: some of ``GROUPS``.

    Raises:
        ValueError: there is no such group.
    """
    cases: list[Case] = []
    for group in groups:
        if group not in GROUPS:
            raise ValueError(f"there is no group {group!r} of vectors: choose among {', '.join(GROUPS)}")
        text = files(__name__).joinpath(f"{group}.json").read_text(encoding="utf-8")
        for row in json.loads(text):
            steps = tuple(_step(**step) for step in row["steps"])
            cases.append(Case(group, row["name"], row["why"], steps, row.get("reading", False)))
    return tuple(cases)


def _step(
    request: dict[str, Any], expect: dict[str, Any], save: dict[str, str] | None = None, at_once: int = 1
) -> Step:
    return Step(_request(**request), _expectation(**expect), save or {}, at_once)


def _request(
    method: str = "GET",
    path: str = "{target}",
    query: str = "",
    headers: dict[str, str] | None = None,
    body: str | None = None,
    body_base64: str | None = None,
    times: int = 1,
) -> Request:
    raw = None
    if body is not None:
        raw = body.encode() * times
    elif body_base64 is not None:
        raw = base64.b64decode(body_base64, validate=True) * times
    return Request(method, f"/{path}?{query}" if query else f"/{path}", headers or {}, raw)


def _expectation(
    status: int | str | list[int | str], order: list[str] | None = None, **plain: Any
) -> Expectation:
    statuses = tuple(str(each) for each in (status if isinstance(status, list) else [status]))
    if "json" in plain:
        plain["json"] = json.dumps(plain["json"], sort_keys=True, ensure_ascii=False)
    return Expectation(statuses, order=None if order is None else tuple(order), **plain)
