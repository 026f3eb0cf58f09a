"""The commands that use the S3 bucket: backup, restore, and bucket clear."""

from __future__ import annotations

from dataclasses import asdict

import click

from ..batteries.amazon.battery import clear_amazon_bucket, list_amazon_keys
from ..batteries.amazon.row import AMAZON_BUCKET
from ..core.state import state_of
from ..storage.capabilities import listed, movable
from ..system.text import counted
from ..transfer import backups_of, make_backup, restore_backup
from .commands import _app, _json_option, _print_json, _print_result, _reading, openheart_group
from .group import EXIT_FINDING, EXIT_USAGE, complain
from .moving import _progress, _total

__all__ = ["backup", "bucket", "clear", "restore"]


@openheart_group.command()
@click.argument("name", required=False)
@_json_option
@click.pass_context
def backup(ctx: click.Context, name: str | None, as_json: bool) -> None:
    """Write all counts to the S3 bucket (AMAZON_BUCKET), read them back and compare.

    Without NAME, the backup is named after the current time. A new backup with the same NAME replaces the
    older one when it is complete.
    """
    with _app(ctx) as app:
        state = state_of(app)
        backend = listed(_reading(app).backend)
        with _progress("Backing up", _total(backend)) as advance:
            made = make_backup(backend, app, name, advance)
        where = state.config[AMAZON_BUCKET]
    if as_json:
        _print_json(asdict(made))
        return
    click.echo(
        f"{counted(made.targets, 'target')} with {counted(made.reactions, 'reaction')} are in the bucket "
        f"{where} as {made.name}, "
        "read back and compared",
        err=True,
    )


@openheart_group.command()
@click.argument("name", required=False)
@click.option("--list", "listing", is_flag=True, help="List the backups, and restore none.")
@_json_option
@click.pass_context
def restore(ctx: click.Context, name: str | None, listing: bool, as_json: bool) -> None:
    """Raise all counts to those of a backup in the S3 bucket, and compare.

    Without NAME, restores the latest backup of this INSTANCE. Restoring again changes nothing more, and no
    count becomes smaller. The exit code is 1 if a count is missing at the end.
    """
    if listing:
        with _app(ctx) as app:
            found = sorted(backups_of(app), key=lambda backup: backup.made)
        lines = (
            f"{it.name}  {it.made}  {counted(it.targets, 'target')}  {counted(it.reactions, 'reaction')}"
            for it in found
        )
        _print_result(as_json, [asdict(backup) for backup in found], lines)
        return
    with _app(ctx) as app:
        backend = movable(state_of(app).service.backend)
        taken, compared = restore_backup(backend, app, name, _progress)
    whole = compared.targets - compared.less
    if as_json:
        _print_json({**asdict(taken), "restored": whole, "larger": compared.more})
    else:
        click.echo(
            f"{whole} of {taken.targets} targets of {taken.name} are restored with all their counts", err=True
        )
    if compared.more:
        more = counted(compared.more, "target")
        complain(f"{more} with larger counts than in the backup: nothing was changed there")
    if compared.less:
        complain(
            f"{counted(compared.less, 'target')} with smaller counts, such as "
            f"{', '.join(compared.examples)}: was anything removed meanwhile? Run the command again"
        )
        ctx.exit(EXIT_FINDING)


@openheart_group.group(invoke_without_command=True)
@click.pass_context
def bucket(ctx: click.Context) -> None:
    """The S3 bucket of the app (AMAZON_BUCKET)."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help(), err=True)
        ctx.exit(EXIT_USAGE)


@bucket.command()
@click.option(
    "--confirm", metavar="BUCKET", help="The name of the bucket, for scripts; without it, the command asks."
)
@click.pass_context
def clear(ctx: click.Context, confirm: str | None) -> None:
    """Remove every key of the bucket, including all backups. Asks for the name of the bucket."""
    with _app(ctx) as app:
        name = state_of(app).config[AMAZON_BUCKET]
        if confirm is None:
            number = sum(1 for _ in list_amazon_keys(app=app))
            keys = counted(number, "key")
            confirm = click.prompt(f"Type the name of the bucket to remove all its {keys}", err=True)
        if confirm != name:
            raise click.UsageError(f"{confirm!r} is not the name of the bucket; nothing was removed", ctx)
        removed = clear_amazon_bucket(confirm, app)
    were = "was" if removed == 1 else "were"
    click.echo(f"{counted(removed, 'key')} {were} removed from the bucket {name}", err=True)
