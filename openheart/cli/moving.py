"""The commands that move data: export, import, migrate, rename and delete."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from ..core.service import ordered
from ..core.state import state_of
from ..settings.config import OPENHEART_HOLD, OPENHEART_URI
from ..storage import Backend
from ..storage.capabilities import Listed, listed, movable
from ..system.text import counted
from ..transfer import FORMATS, Comparison, compare, copy, detect, export_file, export_lines, import_file
from ..transfer.copying import Advance, nothing
from .commands import (
    _app,
    _json_option,
    _named,
    _print_counts,
    _reading,
    _require_existing,
    _utf8,
    openheart_group,
)
from .group import EXIT_FINDING, complain, to_stdout

__all__ = ["delete", "export", "import_", "migrate", "rename"]


@openheart_group.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path), default="-")
@click.option("--prefix", default="", callback=_utf8, help="Only the targets that start with this.")
@click.option("--again", is_flag=True, help="Start over instead of continuing an interrupted export.")
@click.pass_context
def export(ctx: click.Context, file: Path, prefix: str, again: bool) -> None:
    """Write all counts to FILE, or to the standard output, as JSON Lines.

    An interrupted export to a file continues when the same command is run again.
    """
    found = before = 0
    with _app(ctx) as app:
        backend = listed(_reading(app).backend)
        with _progress("Exporting", _total(backend, prefix)) as show:

            def advance(number: int) -> None:
                nonlocal found
                found += number
                show(number)

            if str(file) == "-":
                _to_stdout(export_lines(backend, prefix, advance))
            else:
                found, before = export_file(backend, file, prefix, again=again, advance=advance)
    if str(file) != "-":
        continued = f", {before} of them before the interruption" if before else ""
        click.echo(f"{counted(found, 'target')} exported to {file}{continued}", err=True)
    if not found:
        complain(f"there are no reactions to {prefix or 'any page'} in {backend.location}")


@openheart_group.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="The format of FILE: that of `openheart export`, flask-openheart's SQLite file, api-oh's keys as "
    "JSON, or a table of target,emoji,count. By default it is detected.",
)
@click.option("--skip", is_flag=True, help="Skip entries that are not valid, and report how many.")
@click.option(
    "--drop-query",
    is_flag=True,
    help="Leave the query out of addresses, but for the parameters of OPENHEART_QUERY, and add up what "
    "becomes one page. Otherwise such an address is not valid.",
)
@click.pass_context
def import_(ctx: click.Context, file: Path, form: str | None, skip: bool, drop_query: bool) -> None:
    """Import the counts of FILE: each count becomes at least the one in the file.

    Importing a file again changes nothing more, and no count becomes smaller.
    """
    form = form or detect(file)
    with _app(ctx) as app:
        state = state_of(app)
        backend = movable(state.service.backend)
        query = state.pages.query
        targets, problems = import_file(
            file, form, backend, skip=skip, query=query, drop_query=drop_query, progress=_progress
        )
    click.echo(f"{counted(targets, 'target')} imported from {file} ({form})", err=True)
    if problems.number:
        skipped = "was" if problems.number == 1 else "were"
        number = counted(problems.number, "entry", "entries")
        complain(f"{number} {skipped} skipped: {'; '.join(problems.shown)}")


@openheart_group.command()
@click.argument("from_uri")
@click.argument("to_uri")
@click.pass_context
def migrate(ctx: click.Context, from_uri: str, to_uri: str) -> None:
    """Copy all counts from one storage to another, then compare the two.

    Both are given as in OPENHEART_URI. Running it again copies what was added since, and no count becomes
    smaller. The exit code is 1 if a count is missing at the end.
    """
    with _app(ctx) as app, ExitStack() as stack:
        state = state_of(app)
        configs = [state.config.override({OPENHEART_URI.name: uri}) for uri in (from_uri, to_uri)]
        source, to = (listed(state.make_backend(config)) for config in configs)
        mover = movable(to)
        _require_existing(source)
        stack.enter_context(source)
        stack.enter_context(to)
        if source.location == to.location:
            raise click.UsageError("FROM_URI and TO_URI are the same storage", ctx)
        hold = state.config[OPENHEART_HOLD]
        with _progress("Copying", _total(source)) as advance:
            copied = copy(source.iter_targets(), mover, advance)
        there = _total(to)
        with _progress("Comparing", None if there is None else copied + there) as advance:
            found = compare(source, to, advance)
    _report(found, source, to, hold=hold)
    if found.less or not found.targets:
        ctx.exit(EXIT_FINDING)


@openheart_group.command()
@click.argument("old")
@click.argument("new")
@_json_option
@click.pass_context
def rename(ctx: click.Context, old: str, new: str, as_json: bool) -> None:
    """Add the counts of the page OLD to those of NEW, and print the result. OLD has none afterwards.

    Running it again, also after an interruption, adds nothing twice.
    """
    with _app(ctx) as app:
        before, after = _named(app, old), _named(app, new)
        if before == after:
            raise click.UsageError(f"OLD and NEW are the same page, {after}", ctx)
        service = _reading(app)
        backend = movable(service.backend)
        there = service.reactions(before)
        # Also if there are none: an earlier call may have been interrupted.
        counts = ordered(backend.rename(before, after))
    _print_counts(counts, as_json)
    if not there and not as_json:
        complain(f"there are no reactions to {before} in {backend.location}, so nothing was moved")


@openheart_group.command()
@click.argument("target")
@click.option("--yes", is_flag=True, help="Do not ask.")
@_json_option
@click.pass_context
def delete(ctx: click.Context, target: str, yes: bool, as_json: bool) -> None:
    """Remove all counts of a page, and print them."""
    with _app(ctx) as app:
        canonical = _named(app, target)
        service = _reading(app)
        backend = movable(service.backend)
        counts = service.reactions(canonical)
        if counts and not yes:
            _ask(f"Remove {counted(sum(counts.values()), 'reaction')} to {canonical}?", ctx)
        backend.delete((canonical,))
    _print_counts(counts, as_json)
    if not counts and not as_json:
        complain(f"there are no reactions to {canonical} in {backend.location}, so nothing was removed")


def _ask(question: str, ctx: click.Context) -> None:
    try:
        agreed = click.confirm(question, err=True)
    except click.Abort:
        click.echo(err=True)
        if sys.stdin.isatty():
            raise
        raise click.UsageError(
            "no answer, so nothing was removed; --yes removes without asking", ctx
        ) from None
    if not agreed:
        complain("nothing was removed")
        raise click.Abort


def _report(found: Comparison, source: Backend, to: Backend, *, hold: bool) -> None:
    if not found.targets:
        complain(f"{source.location} has no counts: is it the right storage?")
        return
    whole = found.targets - found.less
    click.echo(
        f"{whole} of {counted(found.targets, 'target')} are in {to.location} with all their counts", err=True
    )
    if found.less:
        have = "has" if found.less == 1 else "have"
        complain(
            f"{counted(found.less, 'target')} {have} larger counts in {source.location}, such as "
            f"{', '.join(found.examples)}: reactions were added meanwhile. Set OPENHEART_HOLD=1 on the "
            "servers, and run the command again"
        )
    if found.more or found.others:
        complain(
            f"{to.location} has more: {counted(found.more, 'target')} with larger counts, and {found.others} "
            f"that {source.location} does not have. They were not changed"
        )
    if not hold:
        complain(
            "OPENHEART_HOLD is off here. If it is off on the servers too, reactions that they accept from "
            f"now on are only in {source.location}: set OPENHEART_HOLD=1 on them, run the command again, and "
            "then change OPENHEART_URI"
        )


def _to_stdout(parts: Iterator[bytes]) -> None:
    stdout = sys.stdout.buffer
    try:
        for part in parts:
            # Only around the write: the parts are read from the storage.
            with to_stdout():
                stdout.write(part)
        with to_stdout():
            stdout.flush()
    except BrokenPipeError:
        # The reader closed the pipe, as `| head` does. Python would report that at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _total(backend: Listed, prefix: str = "") -> int | None:
    # Nobody looks at it elsewhere, and counting takes time.
    return backend.number_of_targets(prefix) if sys.stderr.isatty() else None


@contextmanager
def _progress(label: str, total: int | None, unit: str = "targets") -> Iterator[Advance]:
    if not sys.stderr.isatty():
        yield nothing
        return
    done = 0

    def shown(_: object) -> str:
        return f"{done:,} {unit}" if total is None else f"{done:,} of {total:,} {unit}"

    bar = click.progressbar((None for _ in ()), total, label, file=sys.stderr, item_show_func=shown)

    def advance(number: int) -> None:
        nonlocal done
        done += number
        bar.update(number)

    with bar:
        yield advance
