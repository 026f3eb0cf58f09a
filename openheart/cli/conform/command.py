"""The command ``openheart conform``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import parse_qs, unquote_to_bytes

import click

from ...errors import InvalidEmoji, InvalidTarget
from ...protocol import canonical_emoji, target_from_bytes, target_from_url
from ...protocol.vectors import GROUPS, Request, load_vectors
from ...storage.capabilities import movable
from ..commands import _app, _json_option, _print_result, _reading, _utf8, openheart_group
from ..group import EXIT_FINDING, complain
from . import http_sender, patient, run_vectors
from .exchange import Response, Send
from .judging import Outcome, new_name
from .placing import PLAIN, Placing, origin_of
from .trial import find_server
from .verdict import as_document, table

__all__ = ["conform"]


def _emoji(_: click.Context, __: click.Parameter, value: str) -> tuple[str, ...]:
    given = tuple(each.strip() for each in value.split(",")) if value else ()
    for each in given:
        try:
            whole = canonical_emoji(each)
        except InvalidEmoji as error:
            raise click.BadParameter(f"{each!r}: {error}") from None
        if whole.replace("\ufe0f", "") != each.replace("\ufe0f", ""):
            raise click.BadParameter(f"{each!r} is more than one emoji: separate them with commas")
    return tuple(dict.fromkeys(given))


@openheart_group.command()
@click.argument("url", callback=_utf8, required=False, default="")
@click.option(
    "--group",
    "groups",
    type=click.Choice(GROUPS),
    multiple=True,
    help="Run only this group, and fail if one of its cases fails; can be repeated.",
)
@click.option(
    "--target",
    "form",
    metavar="FORM",
    default="",
    callback=_utf8,
    help="Where the target is: in what follows URL and a slash, such as example.com/{target} or "
    "?id={target}, or in a whole address instead of URL, such as https://{target}.example/. By default the "
    "usual forms are tried.",
)
@click.option(
    "--emoji",
    metavar="LIST",
    default="",
    callback=_emoji,
    help="Emoji that the server accepts, such as ❤️,👍.",
)
@click.option(
    "--delay",
    type=click.FloatRange(0),
    metavar="SECONDS",
    default=0.0,
    help="How long to wait before each request.",
    show_default=True,
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    default=10.0,
    help="How long an answer may take, to its last byte.",
    show_default=True,
)
@click.option(
    "--ca",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A PEM file with the certificates to trust for https.",
)
@click.option(
    "--remove",
    is_flag=True,
    help="Then remove the targets of the cases from the storage that is configured here.",
)
@_json_option
@click.pass_context
def conform(
    ctx: click.Context,
    /,
    url: str,
    groups: Sequence[str],
    form: str,
    emoji: Sequence[str],
    delay: float,
    timeout: float,
    ca: Path | None,
    remove: bool,
    as_json: bool,
) -> None:
    """Run the protocol's cases against the OpenHeart server at URL, such as http://127.0.0.1:5000/openheart.

    The cases add reactions to new targets. A case that the server makes impossible to check, for example
    because it hides its counts, counts neither way. Without --group all cases run. The exit code is 1 if one
    of the required group failed, or if none of them passed.
    """
    placing = Placing(form or PLAIN, emoji)
    if bool(url) == bool(origin_of(placing.form)):
        raise click.UsageError("give URL, or a whole address with {target} as --target", ctx)
    taken: set[str] = set()

    def make_sender(prefix: str) -> Send:
        send = http_sender(prefix, timeout, ca)

        def send_noted(request: Request) -> Response:
            response = send(request)
            if request.method == "POST" and response.status < 400:
                taken.add(request.path)
            return response

        return patient(send_noted, delay, complain)

    name = new_name()
    if not form:
        given = url
        url, placing = find_server(url, make_sender, placing, name)
        if (url, placing.form) != (given, PLAIN):
            how = "" if placing.form == PLAIN else f" with --target '{placing.form}'"
            complain(f"{given} does not count reactions, but {url} does{how}: testing that")
    where = url or origin_of(placing.form) or ""
    outcomes = _run(make_sender(where), groups or GROUPS, placing, name)
    counting = [each for each in outcomes if each.case.group in (groups or ("required",))]
    if not any(each.passed for each in counting):
        complain("no case passed, so nothing shows that this is an OpenHeart server")
    try:
        if remove:
            _remove(ctx, _stored(taken, name))
            taken.clear()
        elif taken:
            complain(_LEFT.format(name=name))
    finally:
        # A storage that fails does not cost the results.
        document = as_document(outcomes, where, placing.form, sorted(taken))
        _print_result(as_json, document, table(outcomes).splitlines())
    if any(each.failure for each in counting) or not any(each.passed for each in counting):
        ctx.exit(EXIT_FINDING)


_LEFT = (
    "the cases left reactions on targets whose names contain {name}. --remove removes them where the "
    "server's storage is configured; elsewhere delete them in its storage, as --json lists them"
)


def _run(send: Send, groups: Sequence[str], placing: Placing, name: str) -> list[Outcome]:
    if not sys.stderr.isatty():
        return run_vectors(send, groups, placing, name)
    number = len(load_vectors(groups))
    with click.progressbar(length=number, label="Testing", file=sys.stderr) as bar:
        return run_vectors(send, groups, placing, name, lambda: bar.update(1))


def _stored(paths: Iterable[str], name: str) -> tuple[str, ...]:
    """The targets of this run, as openheart stores them."""
    found: set[str] = set()
    for each in paths:
        path, _, query = each.removeprefix("/").partition("?")
        with suppress(InvalidTarget):
            found.add(target_from_bytes(unquote_to_bytes(path)))
        for target in parse_qs(query).get("target", ()):
            with suppress(InvalidTarget):
                found.add(target_from_url(target))
    return tuple(target for target in found if name in target)


def _remove(ctx: click.Context, targets: Sequence[str]) -> None:
    with _app(ctx) as app:
        backend = movable(_reading(app).backend)
        there = [target for target, counts in zip(targets, backend.counts(targets), strict=True) if counts]
        backend.delete(there)
    if there:
        complain(f"{len(there)} targets of the cases were removed from {backend.location}")
    else:
        complain(f"{backend.location} has none of the targets of the cases, so nothing was removed")
