"""Runs the cases against a server, one after the other."""

from __future__ import annotations

import http.client
import re
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from ...protocol.vectors import GROUPS, Case, Request, Step, load_vectors
from ...system.text import escape_controls
from .checks import mismatch, named
from .exchange import RateLimited, Response, Send
from .placing import Placing, Unplaceable
from .trial import HIDING, Trial, try_reaction

__all__ = ["Outcome", "new_name", "run_vectors"]

_SILENT_CASES = 3
_LONGEST = 600
_NOT_TRIED = f"not tried, because the server did not answer in {_SILENT_CASES} cases in a row"


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


@dataclass(frozen=True, slots=True)
class _Peer:
    """The server that is tested: how it is asked, and what became of the first reaction."""

    send: Send
    placing: Placing
    trial: Trial


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
    peer = _Peer(send, placing, try_reaction(send, placing, f"{name}-0000"))
    outcomes: list[Outcome] = []
    for number, case in enumerate(cases, 1):
        names = {"target": f"{name}-{2 * number:04}", "other": f"{name}-{2 * number + 1:04}"}
        silent = outcomes[-_SILENT_CASES:]
        if len(silent) == _SILENT_CASES and all(each.is_silent for each in silent):
            outcome = Outcome(case, unchecked=_NOT_TRIED, is_silent=True)
        else:
            outcome = _judged(peer, case, names)
        outcomes.append(outcome)
        advance()
    return outcomes


def _judged(peer: _Peer, case: Case, names: dict[str, str]) -> Outcome:
    number, request = 1, case.steps[0].request
    has_counts = False
    try:
        peer.placing.require(case)
        for number, step in enumerate(case.steps, 1):
            request = peer.placing.request(step.request, names)
            responses = _sent(peer.send, request, step.at_once)
            found = _wrong(peer, case, step, responses, names)
            if found:
                return _failed(peer, case, number, request, found, names)
            has_counts = has_counts or bool(step.expect.counts)
            names |= {key: responses[0].header(header) or "" for key, header in step.save.items()}
    except (_Unchecked, Unplaceable) as error:
        return Outcome(case, unchecked=escape_controls(str(error)))
    except RateLimited as error:
        return Outcome(case, unchecked=escape_controls(f"the server limits the rate: {error}"))
    except (OSError, http.client.HTTPException) as error:
        found = f"no answer ({str(error) or type(error).__name__})"
        return replace(_failed(peer, case, number, request, found, names), is_silent=True)
    if peer.trial.doubt and not has_counts and any(map(_names_target, case.steps)):
        return Outcome(case, unchecked=escape_controls(peer.trial.doubt))
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


def _wrong(
    peer: _Peer, case: Case, step: Step, responses: Sequence[Response], names: Mapping[str, str]
) -> str | None:
    """What is wrong with the answers to one step, in words.

    Raises:
        _Unchecked: they prove nothing, because the protocol allows them.
    """
    for response in responses:
        reason = _reason_not_to_check(peer.trial, case, step, response)
        if reason:
            raise _Unchecked(reason)
    each = [mismatch(step.expect, response, names, peer.placing.text) for response in responses]
    found = list(filter(None, each))
    if not found:
        return None
    return found[0] if step.at_once == 1 else f"{len(found)} of {step.at_once} at once: {found[0]}"


def _reason_not_to_check(trial: Trial, case: Case, step: Step, response: Response) -> str | None:
    request, expect = step.request, step.expect
    is_read = request.method in ("GET", "HEAD") and response.status in HIDING
    is_uncounted = expect.counts is not None and 200 <= response.status < 300
    if trial.hides and _names_target(step) and (is_read or is_uncounted):
        return trial.doubt
    if request.method == "POST" and response.status == 400 and not {"400", "4xx"} & set(expect.status):
        if trial.refuses:
            return trial.doubt
        if {emoji for each in case.steps for emoji in each.expect.counts or ()} - {"🥨"}:
            return "the server refuses an emoji of the case with 400, as the protocol allows"
    return None


def _names_target(step: Step) -> bool:
    return any(mark in step.request.path for mark in ("{target}", "{other}", "?target="))


def _failed(
    peer: _Peer, case: Case, number: int, request: Request, found: str, names: Mapping[str, str]
) -> Outcome:
    # Foreign text may hold anything that a terminal obeys.
    found = escape_controls(found[:_LONGEST])
    where = escape_controls(f"step {number} of {len(case.steps)}, {named(request)}")
    cause = found
    for key in ("target", "other"):
        cause = cause.replace(names[key], "{" + key + "}")
    if peer.trial.doubt:
        # One that takes no reaction has one fault, whatever each case expected.
        cause = cause.partition(", got ")[2] or cause
    elif found.startswith("expected status"):
        # What the body says differs from case to case.
        cause = re.sub(r"(, got \d+).*", r"\1", cause)
    return Outcome(case, failure=f"{where}: {found}", cause=cause)
