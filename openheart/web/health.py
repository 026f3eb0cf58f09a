"""Health checks for monitoring: alive, and ready (the storage responds)."""

from __future__ import annotations

from flask import Response

from ..core.state import State
from ..errors import BatteryUnavailable
from .answers import NO_STORE, json_answer, json_bytes
from .openapi import Schema, problem_503, response
from .route import Route, reading

__all__ = ["routes"]


def routes(state: State) -> list[Route]:
    """The routes of the health checks; openheart's own server has them at the root too."""
    alive, ready = reading(healthz), reading(readyz)
    alive_document = _document("alive", "The process responds", {})
    ready_document = _document("ready", "The storage responds", {"503": problem_503(BatteryUnavailable.type)})
    found = [
        Route("/-/healthz", "openheart.healthz", alive, alive_document),
        Route("/-/readyz", "openheart.readyz", ready, ready_document),
    ]
    if state.standalone:
        found += [
            Route("/healthz", "openheart.root_healthz", alive, at_root=True),
            Route("/readyz", "openheart.root_readyz", ready, at_root=True),
        ]
    return found


def healthz(state: State) -> Response:
    """200 as long as the process responds; the storage is not checked."""
    return json_answer(json_bytes({"status": "ok"}), [NO_STORE])


def readyz(state: State) -> Response:
    """200 when the storage accepts a write and a read, 503 with Retry-After when it does not.

    It is public, so each process checks at most once in some seconds.

    Each active battery is listed as ``ok`` or ``failing``; only one that the application cannot work
    without, such as its sessions, causes a 503 too.
    """
    state.service.require_ready()
    health = {name: battery.health() for name, battery in list(state.batteries.items())}
    for name, detail in health.items():
        if detail is not None and state.batteries[name].vital:
            raise BatteryUnavailable(name, detail)
        if detail is not None:
            state.service.logger.warning(f"The battery {name} does not work: {detail}")
    batteries = {name: "failing" if detail else "ok" for name, detail in health.items()}
    body = {"status": "ready", "batteries": batteries} if batteries else {"status": "ready"}
    return json_answer(json_bytes(body), [NO_STORE])


def _document(name: str, summary: str, others: Schema) -> Schema:
    schema = {"type": "object", "properties": {"status": {"type": "string"}}, "required": ["status"]}
    answers = {"200": response("Yes", schema), **others}
    return {"get": {"operationId": name, "summary": summary, "responses": answers}}
