"""``<prefix>/-/live`` and ``<prefix>/-/live.js``, for browsers."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable
from importlib.resources import files
from typing import Any

from flask import Request, Response, request

from ...core.state import State
from ...errors import (
    BatteryError,
    InvalidRequest,
    InvalidSignature,
    LiveFull,
    MethodNotAllowed,
    OriginNotAllowed,
    ReadingNotAllowed,
    VisitorError,
)
from ...web.answers import NO_STORE, Headers
from ...web.cors import check_origin, preflight, read_headers
from ...web.javascript import script_answer
from ...web.openapi import TEXT, parameter, response
from ...web.problems import problem
from ...web.query import query_of
from ...web.results import PROBLEM_TYPE
from ...web.route import Route, reading
from .broadcaster import Broadcaster
from .hub import NAME
from .row import OPENHEART_LIVE_HEARTBEAT
from .stream import Stream, cut, socket_of
from .tokens import Tokens

__all__ = ["routes"]

METHODS = "GET, HEAD, OPTIONS"
SENT = "Last-Event-ID, Cache-Control"
MOST_CHANNELS = 100
RETRY = (2000, 6000)  # ms after which a browser reconnects; random, so that not all do at once
STREAM: Headers = [
    ("Content-Type", "text/event-stream; charset=utf-8"),
    NO_STORE,
    # Otherwise nginx and compatible proxies would buffer the events.
    ("X-Accel-Buffering", "no"),
    ("X-Content-Type-Options", "nosniff"),
]


def _problem(text: str) -> dict[str, Any]:
    return response(text, {"type": "object"}, PROBLEM_TYPE)


CHANNELS = {"type": "array", "items": TEXT, "minItems": 1, "maxItems": 100}
DOCUMENT: dict[str, Any] = {
    "get": {
        "operationId": "listen",
        "summary": "Events as they happen (server-sent events); the answer does not end by itself",
        "parameters": [
            parameter("channel", "A token of live_url(); up to 100 of them.", CHANNELS) | {"required": True},
            parameter("last", "Like Last-Event-ID, for a script that cannot send this header.", TEXT),
            parameter("Last-Event-ID", "The id of the last event that was received.", TEXT, "header"),
        ],
        "responses": {
            "200": response("The events", TEXT, "text/event-stream"),
            "400": _problem(f"No channel, or too many ({InvalidRequest.type})"),
            "403": _problem(
                f"{InvalidSignature.title} ({InvalidSignature.type}), "
                f"or {OriginNotAllowed.title.lower()} ({OriginNotAllowed.type})"
            ),
            "503": _problem(f"{LiveFull.title} ({LiveFull.type}); see Retry-After"),
        },
    }
}


def routes(state: State, tokens: Tokens, broadcaster: Callable[[], Broadcaster]) -> list[Route]:
    """The routes of the stream and of its script, for one application.

    Args:
        state: its state.
        tokens: reads what ``live_url()`` signed.
        broadcaster: returns the broadcaster of this process.
    """

    def view(**_: str) -> Response:
        current: Request = request._get_current_object()  # type: ignore[attr-defined]
        headers = read_headers(current, state)
        try:
            if current.method == "OPTIONS":
                return preflight(current, headers, METHODS, SENT)
            if current.method not in ("GET", "HEAD"):
                headers.append(("Allow", METHODS))
                raise MethodNotAllowed("This address supports GET, HEAD and OPTIONS")
            channels, lasts = _channels(tokens, state, current)
            if current.method == "HEAD":
                return Response(headers=[*STREAM, *headers])
            return Response(
                _open(broadcaster(), state, current, channels, lasts), headers=[*STREAM, *headers]
            )
        except (VisitorError, BatteryError) as error:
            return problem(error, headers, state.service.logger)

    return [
        Route("/-/live", "openheart.live", view, document=DOCUMENT, sent=SENT),
        Route("/-/live.js", "openheart.live.js", reading(live_js), sent=""),
    ]


def _channels(tokens: Tokens, state: State, current: Request) -> tuple[list[str], float]:
    check_origin(current, state, "listen")
    given = query_of(current).getlist("channel")
    if not 0 < len(given) <= MOST_CHANNELS:
        raise InvalidRequest(
            f"{len(given)} channels were given; a request can listen to 1 to {MOST_CHANNELS}, each as "
            "channel= with a token of live_url()"
        )
    read = [tokens.read(token) for token in given]
    if state.write_only and any(channel.startswith("t:") for channel, _ in read):
        raise ReadingNotAllowed("This server accepts reactions and does not show them (OPENHEART_WRITE_ONLY)")
    return [channel for channel, _ in read], min(ends for _, ends in read) - time.time()


def _open(
    broadcaster: Broadcaster, state: State, current: Request, channels: list[str], lasts: float
) -> Stream:
    connection = socket_of(current.environ)
    if state.serving.is_stopping():
        raise LiveFull(NAME, "the server is stopping")
    listener = broadcaster.join(channels, functools.partial(cut, connection))
    try:
        last = current.headers.get("Last-Event-ID") or query_of(current).get("last")
        identifier = broadcaster.catch_up(listener, last)
        first = [f"retry: {random.randint(*RETRY)}", *([f"id: {identifier}"] if identifier else []), "", ""]
        send_at_once = current.environ.get("openheart.send_at_once")
        if send_at_once is not None:
            send_at_once()
        return Stream(
            listener,
            broadcaster.hub,
            first="\n".join(first).encode(),
            heartbeat=state.config[OPENHEART_LIVE_HEARTBEAT],
            lasts=lasts,
            connection=connection,
            is_stopping=lambda: state.serving.is_stopping(),
        )
    except BaseException:
        broadcaster.hub.leave(listener)
        raise


def live_js(state: State) -> Response:
    """The script that shows reactions as they happen; a page of an allowed origin may load it."""
    return script_answer(state, _script())


@functools.cache
def _script() -> bytes:
    return files("openheart.web").joinpath("static/live.js").read_bytes()
