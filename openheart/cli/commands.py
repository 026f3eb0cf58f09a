"""The command ``openheart``: one thin function for each command. ``flask openheart`` has the same
commands, for the app that Flask finds."""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import sys
import threading
import warnings
import webbrowser
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, NoReturn

import click
from flask import Flask
from flask.cli import ScriptInfo

from .. import base
from ..core.service import Service
from ..core.state import state_of
from ..errors import BackendUnusable, ConfigError
from ..protocol import emoji_version, stored_target
from ..storage import Backend, Counts
from ..system.text import CONTROL, escape_controls
from ..version import __version__
from .group import EXIT_FINDING, EXIT_USAGE, Failure, Group, complain, say

__all__ = ["main", "openheart_group"]

EPILOG = """\b
Exit codes:
  0    success
  1    doctor found an error, a case of conform failed or none passed, or migrate or restore found a
       missing count
  2    the command line, the configuration, a file or the standard output is not usable
  3    the storage, or another server, does not work or cannot be reached
  70   a bug in openheart
  130  stopped by Ctrl-C, or by answering no to a question

\b
Completion in your shell:
  bash  eval "$(_OPENHEART_COMPLETE=bash_source openheart)"
  zsh   eval "$(_OPENHEART_COMPLETE=zsh_source openheart)"
  fish  _OPENHEART_COMPLETE=fish_source openheart | source

Settings come from flags, the environment, .env and a config file; `openheart config` shows them.
"""

SUGGESTED_EMOJI = ("❤️", "👍", "🎉", "😂", "🤔", "👏", "🔥", "🥨")


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        parts = (
            f"openheart {__version__}",
            f"Emoji {emoji_version()}",
            f"Python {platform.python_version()}",
            f"Flask {version('flask')}",
            f"SQLite {sqlite3.sqlite_version}",
        )
        say(", ".join(parts))
        ctx.exit()


@click.group(
    "openheart",
    cls=Group,
    epilog=EPILOG,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Show the versions of openheart, Emoji, Python, Flask and SQLite, and exit.",
)
@click.pass_context
def openheart_group(ctx: click.Context) -> None:
    """Emoji reactions for any page.

    A TARGET is the address of a page or any path, such as example.com/blog/my-post or hello.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(EXIT_USAGE)


def _complete_emoji(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    return [emoji for emoji in SUGGESTED_EMOJI if emoji.startswith(incomplete)]


def _utf8(ctx: click.Context, param: click.Parameter, value: str) -> str:
    """Refuse bytes that are not text, which Python passes as lone surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise click.BadParameter(
            f"{value!r} contains bytes that are not UTF-8: type it in UTF-8", ctx, param
        ) from None
    return value


def _json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")(command)


@openheart_group.command()
@click.option("--host", metavar="ADDRESS", help="The address to listen on (HOST).")
@click.option("--port", metavar="NUMBER", help="The port to listen on; 0 chooses a free one (PORT).")
@click.option("--server", metavar="NAME", help="waitress, gunicorn, granian or werkzeug (SERVER).")
@click.option("--level", metavar="LEVEL", help="The lowest level that is logged (LEVEL).")
@click.option("--uri", metavar="URI", help="Where the counts live (OPENHEART_URI).")
@click.option(
    "--safe", is_flag=True, help="Refuse unknown OPENHEART_* variables, and check the storage first."
)
@click.option(
    "--open/--no-open", "open_page", default=False, help="Open the page in a browser once the server listens."
)
@click.pass_context
def run(ctx: click.Context, /, open_page: bool, safe: bool, uri: str | None, **flags: str | None) -> None:
    """Serve reactions until Ctrl-C or SIGTERM.

    Under `flask openheart` it serves Flask's app, and --uri and --safe are not available.
    """
    info = ctx.find_object(ScriptInfo)
    if info is None:
        with _warnings_in_one_line():
            base.load_standalone(safe=safe, uri=uri, **flags)
    elif uri is not None or safe:
        raise click.UsageError("--uri and --safe belong to load() in your app", ctx)
    else:
        base.load(info.load_app())
    try:
        base.run(ready=_open_once if open_page else None, **flags)
    except SystemExit as stop:
        if not isinstance(stop.code, str):
            raise
        raise Failure(stop.code.removeprefix("openheart: "), EXIT_USAGE) from None
    finally:
        base.unload()


@openheart_group.command()
@click.argument("target")
@click.argument("emoji", shell_complete=_complete_emoji)
@_json_option
@click.pass_context
def react(ctx: click.Context, target: str, emoji: str, as_json: bool) -> None:
    """Add one reaction to a page, and print its counts."""
    with _app(ctx) as app:
        _print_counts(state_of(app).service.react(_named(app, target), emoji), as_json)


@openheart_group.command()
@click.argument("target")
@_json_option
@click.pass_context
def count(ctx: click.Context, target: str, as_json: bool) -> None:
    """Print the counts of a page, the largest first."""
    with _app(ctx) as app:
        canonical = _named(app, target)
        service = _reading(app)
        counts = service.reactions(canonical)
        where = service.backend.location
    _print_counts(counts, as_json)
    if not counts and not as_json:
        complain(f"there are no reactions to {canonical} in {where}")


@openheart_group.command()
@click.option(
    "--limit",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="The maximum number of pages to print.",
)
@_json_option
@click.pass_context
def top(ctx: click.Context, limit: int, as_json: bool) -> None:
    """Print the pages with the most reactions, and their counts."""
    with _app(ctx) as app:
        service = _reading(app)
        rows = [(target, sum(counts.values()), counts) for target, counts in service.top(limit)]
        where = service.backend.location
    if not rows and not as_json:
        complain(f"there are no reactions in {where}")
    if as_json:
        _print_json(
            [{"target": target, "total": total, "reactions": counts} for target, total, counts in rows]
        )
        return
    for target, total, counts in rows:
        shown = "  ".join(f"{emoji} {number}" for emoji, number in counts.items())
        say(escape_controls(f"{total:>8}  {target}  {shown}"))


@openheart_group.command()
@_json_option
@click.pass_context
def config(ctx: click.Context, as_json: bool) -> None:
    """Print each setting, its value with secrets masked, and where it came from."""
    with _app(ctx) as app:
        state = state_of(app)
        found = list(state.config.items())
        where = state.make_backend(state.config).location
    document = [{"name": row.option.name, "value": row.text, "source": row.source} for row in found]
    rows = [(row.option.name, escape_controls(row.text), row.source) for row in found]
    widths = [max(len(row[column]) for row in rows) for column in (0, 1)]
    lines = (f"{name:<{widths[0]}}  {value:<{widths[1]}}  {source}" for name, value, source in rows)
    _print_result(as_json, document, lines)
    if not as_json:
        complain(f"the counts are in {where}")


@openheart_group.command()
@_json_option
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Say what is wrong, slow or unsafe in production, and how to fix it.

    Levels are ok, note, warning and error; the exit code is 1 when there is an error.
    """
    from .doctor import examine, of_config_error

    try:
        with _app(ctx) as app:
            findings = examine(app)
    except ConfigError as error:
        findings = [of_config_error(error)]
    if as_json:
        _print_json([{"level": row.level, "what": row.what, "fix": row.fix} for row in findings])
    else:
        for row in findings:
            say(f"{row.level:<8} {escape_controls(row.what)}")
            if row.fix:
                say(f"{'':<8} -> {escape_controls(row.fix)}")
    if any(row.level == "error" for row in findings):
        ctx.exit(EXIT_FINDING)


@contextmanager
def _app(ctx: click.Context) -> Iterator[Flask]:
    """Flask's app under ``flask openheart``, else openheart's own server, which is not started."""
    info = ctx.find_object(ScriptInfo)
    if info is None:
        with _warnings_in_one_line():
            app, close = base.load_standalone(), base.unload
    else:
        app = info.load_app()
        close = state_of(app).close
    try:
        with app.app_context():
            yield app
    finally:
        close()


def _named(app: Flask, target: str) -> str:
    """The target that an operator names.

    Raises:
        InvalidTarget: it is not valid, or has a query that would be cut.
    """
    return stored_target(target, state_of(app).pages.query)


def _reading(app: Flask) -> Service:
    """The service of an app, for a command that creates no storage.

    Raises:
        BackendError: there is none where OPENHEART_URI leads.
    """
    state = state_of(app)
    _require_existing(state.make_backend(state.config))
    return state.service


def _require_existing(backend: Backend) -> None:
    if not backend.exists():
        raise BackendUnusable(
            f"there are no counts, because {backend.location} does not exist: correct OPENHEART_URI, or run "
            "this in the folder of the server"
        )


@contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    # By default Python hides a DeprecationWarning from the operator.
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", DeprecationWarning)
        yield
    for warning in caught:
        complain(str(warning.message))


def _open_once(url: str) -> None:
    # The reloader restarts this process at each change; and no browser opens a Unix socket.
    if url.startswith("http") and os.environ.get("WERKZEUG_RUN_MAIN") != "true":
        # Some browsers return only when they are closed, and the server must start now.
        threading.Thread(target=webbrowser.open, args=(url,), daemon=True).start()


def _print_counts(counts: Counts, as_json: bool) -> None:
    _print_result(as_json, counts, (f"{emoji} {number}" for emoji, number in counts.items()))


def _print_result(as_json: bool, document: object, lines: Iterable[str]) -> None:
    """Print a result as JSON for scripts, or as lines for people."""
    if as_json:
        _print_json(document)
    else:
        for line in lines:
            say(escape_controls(line))


def _print_json(document: object) -> None:
    utf8 = (getattr(sys.stdout, "encoding", None) or "").lower().replace("-", "") == "utf8"
    # JSON allows DEL and C1 as they are, and a terminal obeys them.
    say(CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(document, ensure_ascii=not utf8)))


def main() -> NoReturn:
    """Run the command ``openheart`` and end the process with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show an emoji shows its code point.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    openheart_group(prog_name="openheart")
    raise AssertionError("click has ended the process")
