"""Runs the cases against a server, one after the other."""

from __future__ import annotations

import http.client
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ...protocol.vectors import GROUPS, Case, Request, Step, load_vectors
from ...system.text import escape_controls
from .checks import mismatch, named
from .exchange import RateLimited, Response, Send
from .placing import Placing, Unplaceable
from .trial import HIDING, Trial, try_reaction

__all__ = ["Outcome", "new_name", "run_vectors"]

_SILENT_CASES = 3
_LONGEST = 600


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one case: it passed, it failed, or it cannot be checked.

    Attributes:
        case: the case.
        failure: what was wrong, in words; None when nothing was.
        unchecked: why the case cannot be checked on this server, in words; None when it can be.
        cause: the same text for one fault that many cases find.
        is_silent: the server gave no answer.
    """

    case: Case
    failure: str | None = None
    unchecked: str | None = None
    cause: str | None = None
    is_silent: bool = False

    @property
    def passed(self) -> bool:
        """Whether every answer was right."""
        return self.failure is None and self.unchecked is None

    @property
    def result(self) -> str:
        """``passed``, ``failed`` or ``not checkable``."""
        return "passed" if self.passed else "not checkable" if self.failure is None else "failed"


class _Unchecked(Exception):
    """The case cannot be checked; the text says why."""


def new_name() -> str:
    """A name that the targets of one run begin with."""
    return f"conform-{uuid.uuid4().hex[:27]}"


def run_vectors(
    send: Send,
    groups: Iterable[str] = GROUPS,
    placing: Placing | None = None,
    name: str | None = None,
    advance: Callable[[], object] = lambda: None,
) -> list[Outcome]:
    """Run the cases of some groups, each on its own targets.

    Args:
        send: sends a request to the server; see ``http_sender``.
        groups: some of ``openheart.protocol.vectors.GROUPS``.
        placing: how requests are written for the server, where it differs from openheart.
        name: what the targets begin with, by default a new one.
        advance: is called after each case.

    Returns:
        One outcome for each case, in the order of the vectors.

    Raises:
        ConfigError: nothing listens at the URL (``http_sender``).
        ValueError: there is no such group.
    """
    cases = load_vectors(groups)
    placing = placing or Placing()
    name = name or new_name()
    # As many digits for each, because some servers list by prefix.
    trial = try_reaction(send, placing, f"{name}-0000")
    outcomes: list[Outcome] = []
    for number, case in enumerate(cases, 1):
        names = {"target": f"{name}-{2 * number:04}", "other": f"{name}-{2 * number + 1:04}"}
        silent = outcomes[-_SILENT_CASES:]
        if len(silent) == _SILENT_CASES and all(each.is_silent for each in silent):
            outcome = Outcome(case, unchecked=_NOT_TRIED, is_silent=True)
        else:
            outcome = _judged(send, case, placing, trial, names)
        outcomes.append(outcome)
        advance()
    return outcomes


_NOT_TRIED = f"not tried, because the server did not answer in {_SILENT_CASES} cases in a row"


def _judged(send: Send, case: Case, placing: Placing, trial: Trial, names: dict[str, str]) -> Outcome:
    number, request = 1, case.steps[0].request
    has_counts = False
    try:
        placing.require(case)
        for number, step in enumerate(case.steps, 1):
            request = placing.request(step.request, names)
            responses = _sent(send, request, step.at_once)
            for response in responses:
                found = _found(case, step, response, placing, trial, names)
                if found:
                    return _failed(case, number, request, found, trial, names)
            has_counts = has_counts or bool(step.expect.counts)
            names |= {key: responses[0].header(header) or "" for key, header in step.save.items()}
    except (_Unchecked, Unplaceable) as error:
        return Outcome(case, unchecked=escape_controls(str(error)))
    except RateLimited as error:
        return Outcome(case, unchecked=escape_controls(f"the server limits the rate: {error}"))
    except (OSError, http.client.HTTPException) as error:
        found = f"no answer ({str(error) or type(error).__name__})"
        return _failed(case, number, request, found, trial, names, is_silent=True)
    if trial.doubt and not has_counts and _has_target(case):
        return Outcome(case, unchecked=escape_controls(trial.doubt))
    return Outcome(case)


def _sent(send: Send, request: Request, times: int) -> list[Response]:
    if times == 1:
        return [send(request)]
    start = threading.Barrier(times)

    def send_with_all(_: int) -> Response:
        start.wait()
        return send(request)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(send_with_all, range(times)))


def _found(
    case: Case, step: Step, response: Response, placing: Placing, trial: Trial, names: Mapping[str, str]
) -> str | None:
    """What is wrong with an answer, in words.

    Raises:
        _Unchecked: it proves nothing, because the protocol allows it.
    """
    request, expect = step.request, step.expect
    is_read = request.method in ("GET", "HEAD") and response.status in HIDING
    is_uncounted = expect.counts is not None and 200 <= response.status < 300
    if trial.hides and _names_target(step) and (is_read or is_uncounted):
        raise _Unchecked(trial.doubt)
    if request.method == "POST" and response.status == 400 and not {"400", "4xx"} & set(expect.status):
        others = [emoji for emoji in _counted(case, placing) if emoji != placing.text("🥨")]
        if trial.refuses:
            raise _Unchecked(trial.doubt)
        if others:
            raise _Unchecked(f"the server refuses {' or '.join(others)}, as the protocol allows")
    return mismatch(expect, response, names, placing.text)


def _counted(case: Case, placing: Placing) -> Iterator[str]:
    for emoji in dict.fromkeys(emoji for step in case.steps for emoji in step.expect.counts or ()):
        yield placing.text(emoji)


def _has_target(case: Case) -> bool:
    return any(map(_names_target, case.steps))


def _names_target(step: Step) -> bool:
    return any(mark in step.request.path for mark in ("{target}", "{other}", "?target="))


def _failed(
    case: Case,
    number: int,
    request: Request,
    found: str,
    trial: Trial,
    names: Mapping[str, str],
    *,
    is_silent: bool = False,
) -> Outcome:
    # Foreign text may hold anything that a terminal obeys.
    found = escape_controls(found[:_LONGEST])
    where = escape_controls(f"step {number} of {len(case.steps)}, {named(request)}")
    # One that takes no reaction has one fault, whatever each case expected.
    cause = found.partition(", got ")[2] or found if trial.doubt else found
    for key in ("target", "other"):
        cause = cause.replace(names[key], "{" + key + "}")
    return Outcome(case, failure=f"{where}: {found}", cause=cause, is_silent=is_silent)
