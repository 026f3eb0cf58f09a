"""The exit codes of the command, and every error as one line on stderr."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from ..errors import BackendError, BatteryError, OpenHeartError
from ..system.text import escape_controls

__all__ = [
    "EXIT_BUG",
    "EXIT_FINDING",
    "EXIT_INTERRUPTED",
    "EXIT_OK",
    "EXIT_STORAGE",
    "EXIT_USAGE",
    "Command",
    "Failure",
    "Group",
    "complain",
    "say",
    "to_stdout",
]

EXIT_OK = 0
EXIT_FINDING = 1
"""An error was found by ``doctor``, or in ``conform`` a case failed or none passed."""
EXIT_USAGE = 2
"""The command line, the configuration, a file or the standard output is not usable."""
EXIT_STORAGE = 3
"""The storage, or the server of a battery, does not work or cannot be reached."""
EXIT_BUG = 70
"""A bug in openheart (EX_SOFTWARE of sysexits.h)."""
EXIT_INTERRUPTED = 130
"""Stopped by Ctrl-C, as in shells (128 plus the signal's number)."""


class Failure(click.ClickException):
    """A failure as one line on stderr, with its exit code."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]

    def show(self, file: Any = None) -> None:
        """Print it on stderr."""
        complain(self.format_message())


class Command(click.Command):
    """A command whose --help reports an unwritable standard output as the other output does."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; --help prints here."""
        with to_stdout():
            return super().parse_args(ctx, args)


class Group(click.Group):
    """Turns every error into one line on stderr and a documented exit code."""

    command_class = Command
    group_class = type

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the arguments; --help and --version print here."""
        with to_stdout():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an OpenHeartError becomes a Failure, also under ``flask``."""
        try:
            return super().invoke(ctx)
        except OpenHeartError as error:
            is_server = isinstance(error, BackendError | BatteryError)
            failure = Failure(str(error), EXIT_STORAGE if is_server else EXIT_USAGE)
        raise failure

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run as a program and end the process with an exit code."""
        run_main: Callable[..., Any] = super().main
        if not standalone_mode:
            return run_main(*args, standalone_mode=False, **extra)
        try:
            code = run_main(*args, standalone_mode=False, **extra)
        except click.UsageError as error:
            where = error.ctx.command_path if error.ctx else "openheart"
            complain(f"{error.format_message()} (see `{where} --help`)")
            code = EXIT_USAGE
        except click.ClickException as error:
            complain(error.format_message())
            code = error.exit_code
        except click.Abort:
            code = EXIT_INTERRUPTED
        except Exception as error:
            # Not its text, which may contain secrets.
            if os.environ.get("LEVEL", "").upper() == "DEBUG":
                raise
            complain(
                f"this is a bug in openheart ({type(error).__name__}): run it again with LEVEL=DEBUG in the "
                "environment, and report the output"
            )
            code = EXIT_BUG
        sys.exit(code if isinstance(code, int) else EXIT_OK)


def complain(message: str) -> None:
    """Print one line on stderr; control characters in it are escaped."""
    click.echo(f"openheart: {escape_controls(message)}", err=True)


def say(text: str) -> None:
    """Print text on stdout.

    Raises:
        Failure: it cannot be written.
    """
    with to_stdout():
        click.echo(text)


@contextmanager
def to_stdout() -> Iterator[None]:
    """Report an OSError as a standard output that cannot be written.

    Raises:
        Failure: it cannot be written.
        BrokenPipeError: the reader closed the pipe.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise Failure(
            f"the standard output cannot be written ({error.strerror}): free some space "
            "where it goes, or send it elsewhere",
            EXIT_USAGE,
        ) from error
