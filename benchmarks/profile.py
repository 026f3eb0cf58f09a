"""Where the time of one request goes, without a server: ``python -m benchmarks.profile``."""

from __future__ import annotations

import cProfile
import io
import pstats
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from wsgiref.types import WSGIApplication, WSGIEnvironment

import click
from flask import Flask

from openheart import OpenHeart

from .apps.bare import application as bare
from .environment import CACHE
from .load import EMOJI, HEADERS
from .stats import spread

__all__ = ["environ_of", "microseconds"]

REQUESTS = 2_000


def environ_of(method: str, path: str, body: bytes = b"") -> WSGIEnvironment:
    """Return what a WSGI server passes for one request."""
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1:8000",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if body:
        environ |= {"CONTENT_LENGTH": str(len(body)), "CONTENT_TYPE": HEADERS["Content-Type"]}
    return environ


def microseconds(application: WSGIApplication, method: str, path: str, requests: int = REQUESTS) -> float:
    """Return the mean time of one request in microseconds.

    Raises:
        RuntimeError: a request was not answered with 200.
    """
    started = time.perf_counter()
    _requests(application, method, path, requests)
    return (time.perf_counter() - started) / requests * 1e6


def _requests(application: WSGIApplication, method: str, path: str, requests: int) -> None:
    statuses: set[str] = set()

    def start_response(status: str, _headers: Any, _error: Any = None) -> Callable[[bytes], object]:
        statuses.add(status)
        return lambda _data: None

    for number in range(requests):
        body = EMOJI[number % len(EMOJI)].encode() if method == "POST" else b""
        answer: Iterable[bytes] = application(environ_of(method, path, body), start_response)
        b"".join(answer)
        if close := getattr(answer, "close", None):
            close()
    if statuses != {"200 OK"}:
        raise RuntimeError(f"{method} {path} was answered {', '.join(sorted(statuses))} instead of 200 OK")


@click.command()
@click.option("--method", type=click.Choice(["GET", "POST"]), multiple=True, default=("GET", "POST"))
@click.option("--rounds", type=click.IntRange(1), default=9, show_default=True)
@click.option("--rows", type=click.IntRange(0), default=30, show_default=True, help="Lines of the profile.")
@click.option("--memory", is_flag=True, help="Keep the counts in memory instead of in SQLite.")
def main(method: tuple[str, ...], rounds: int, rows: int, memory: bool) -> None:
    """Print microseconds per request of bare Flask and openheart, then a profile of openheart."""
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="profile-", dir=CACHE) as folder:
        uri = "memory:" if memory else f"sqlite:///{Path(folder).resolve()}/counts.db"
        # Not load(), because the settings of who runs this are not to be measured.
        application = Flask(__name__)
        OpenHeart(application, env=False, uri=uri)
        applications = {"bare Flask": bare, "openheart": application}
        try:
            _requests(application, "POST", "/openheart/page-0", 100)
            for one in method:
                _compare(applications, one, rounds)
                if rows:
                    _profile(application, one, rows)
        finally:
            application.extensions["openheart"].service.close()


def _compare(applications: dict[str, Any], method: str, rounds: int) -> None:
    times: dict[str, list[float]] = {name: [] for name in applications}
    for _ in range(rounds):
        for name, application in applications.items():
            times[name].append(microseconds(application, method, "/openheart/page-0"))
    for name, values in times.items():
        click.echo(f"{method} {name}: {spread(values).text('{:.1f}')} µs")
    added = spread([ours - base for base, ours in zip(*times.values(), strict=True)])
    click.echo(f"{method} added by openheart: {added.text('{:.1f}')} µs\n")


def _profile(application: WSGIApplication, method: str, rows: int) -> None:
    profile = cProfile.Profile()
    profile.enable()
    _requests(application, method, "/openheart/page-0", REQUESTS)
    profile.disable()
    text = io.StringIO()
    pstats.Stats(profile, stream=text).strip_dirs().sort_stats("tottime").print_stats(rows)
    click.echo(text.getvalue())


if __name__ == "__main__":
    main()
