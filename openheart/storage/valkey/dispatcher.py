"""Sends calls to the servers that hold their keys, again and again until they are answered or time is up."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from itertools import count
from operator import attrgetter
from typing import Any

from valkey.exceptions import ValkeyError

from ...errors import BackendError, BackendNotConnected, BackendUnavailable, BackendUnusable, OutcomeUnknown
from ...system.breaker import Unavailable
from ...system.lifecycle import Lifecycle
from ...system.workers import Backoff
from .calls import Call, Exchange, Scripted
from .errors import Verdict, fix_for, judge
from .server import Server
from .topology import Topology

__all__ = ["LARGEST_PIPELINE", "Dispatcher"]

LARGEST_PIPELINE = 1000
"""Commands that go to the servers at once."""

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5  # seconds between two tries


class Dispatcher:
    """Sends the calls of one process, while the backend is connected.

    Args:
        topology: where keys are.
        timeout: seconds to wait for a connection, and for an answer.
        budget: seconds in which a call is retried.
        wait: how many replicas must confirm a write.
    """

    def __init__(self, topology: Topology, *, timeout: float, budget: float, wait: int) -> None:
        self.topology = topology
        self._timeout = timeout
        self._budget = budget
        self._replicas = wait
        self.running = Lifecycle(BackendNotConnected)
        self._name = secrets.token_urlsafe(9).encode()
        self._names = count()

    def nonce(self) -> bytes:
        """A name that is unique among the calls of all processes."""
        return b"%b%x" % (self._name, next(self._names))

    def run(self, calls: Sequence[Call]) -> None:
        """Execute calls, each once, with one pipeline for each server.

        Args:
            calls: the calls, all reads or all writes; each has its reply afterwards.

        Raises:
            OutcomeUnknown: some writes may have been executed, and some not.
            BackendError: nothing was executed.
        """
        with self.running:
            for start in range(0, len(calls), LARGEST_PIPELINE):
                part = calls[start : start + LARGEST_PIPELINE]
                self._run(part, is_stored=start > 0 and part[0].writes)

    def ask(self, server: Server, *command: bytes | str | int) -> tuple[bytes, Any]:
        """Send one server a command that changes nothing.

        Returns:
            The identity of the server's process, and the reply.
        """
        call = Call(b"", *command, server=server)
        self.run([call])
        return call.process, call.reply

    def servers(self) -> list[Server]:
        """Every server that holds keys; raises BackendError."""
        with self.running:
            try:
                return self.topology.servers()
            except (Unavailable, ValkeyError) as error:
                raise error_for(error) from None

    def one_key_on_each(self, template: bytes) -> dict[bytes, Server]:
        """For each server that holds keys, one key that it would hold.

        Args:
            template: makes a key of a number, with ``%d``.
        """
        number_of_servers = len(self.servers())
        found: dict[Server, bytes] = {}
        with self.running:
            try:
                for number in range(100 * number_of_servers**2):
                    if len(found) == number_of_servers:
                        break
                    found.setdefault(self.topology.server_of(template % number), template % number)
            except (Unavailable, ValkeyError) as error:
                raise error_for(error) from None
        return {key: server for server, key in found.items()}

    def close(self) -> None:
        """Wait for running calls, then close every connection."""
        self.running.close(2 * self._budget)
        self.topology.close()

    def _run(self, calls: Sequence[Call], *, is_stored: bool) -> None:
        deadline = time.monotonic() + self._budget
        backoff, pending = Backoff(FIRST_PAUSE, LONGEST_PAUSE), calls
        while True:
            self._attempt(pending)
            errors = {call: call.error for call in pending if call.error is not None}
            if not errors:
                return
            pending = list(errors)
            verdicts = [self._note(call, error) for call, error in errors.items()]
            if Verdict.UNUSABLE not in verdicts:
                if set(verdicts) <= {Verdict.NO_SCRIPT, Verdict.ASK} and time.monotonic() < deadline:
                    continue
                self.topology.look_again()
                # If nothing was sent, do not wait for a server that is known to be unavailable.
                is_down = any(isinstance(error, Unavailable) and error.is_known for error in errors.values())
                pause = backoff.next()
                is_over = time.monotonic() + pause >= deadline
                if not is_over and not (is_down and _outcome(calls, is_stored) is None):
                    time.sleep(pause)
                    continue
            worst = verdicts.index(Verdict.UNUSABLE) if Verdict.UNUSABLE in verdicts else 0
            error = errors[pending[worst]]
            outcome = _outcome(calls, is_stored)
            if outcome is not None:
                raise OutcomeUnknown(f"{error}; {outcome}. Adding it again could count it twice") from error
            raise error_for(error) from error

    def _attempt(self, calls: Sequence[Call]) -> None:
        parts: dict[Server, list[Call]] = {}
        for call in calls:
            try:
                server = call.asked or call.server or self.topology.server_of(call.key)
            except (Unavailable, ValkeyError) as error:
                call.error = error
                continue
            parts.setdefault(server, []).append(call)
        # Sent to every server before waiting for the first. Always in the same order, so that two threads
        # cannot each wait for a connection that the other has.
        order = sorted(parts, key=attrgetter("address")) if len(parts) > 1 else parts
        sent: list[Exchange] = []
        try:
            for server in order:
                sent.append(Exchange(server, parts[server], self._replicas))
            deadline = time.monotonic() + self._timeout if len(sent) > 1 else None
            for exchange in sent:
                exchange.finish(deadline)
        finally:
            for exchange in sent:
                exchange.abandon()

    def _note(self, call: Call, error: Exception) -> Verdict:
        verdict = judge(error)
        if verdict is Verdict.LOST:
            call.is_open = call.writes
        elif verdict is Verdict.NO_SCRIPT and isinstance(call, Scripted):
            call.is_known = False
        elif verdict is Verdict.ASK:
            host, _, port = str(error).split(" ")[2].rpartition(":")
            call.asked = self.topology.server_at((host, int(port)))
        return verdict


def _outcome(calls: Sequence[Call], is_stored: bool) -> str | None:
    if is_stored or any(call.writes and call.error is None for call in calls):
        return "some of the changes are stored and some may not be"
    return "it may have been counted" if any(call.is_open for call in calls) else None


def error_for(error: Exception) -> BackendError:
    """The error of a call that was not executed."""
    if judge(error) is Verdict.UNUSABLE:
        return BackendUnusable(f"the Valkey server refused: {_words(error)}: {fix_for(error)}")
    return BackendUnavailable(
        f"the Valkey server is unavailable or not ready: {_words(error)}. "
        "Check that it is running and can be reached"
    )


def _words(error: Exception) -> str:
    # Servers and drivers end some texts with a full stop, and here the sentence continues.
    return str(error).rstrip(" .")
