from __future__ import annotations

import errno
import os
import subprocess
import sys

import click
import pytest

from openheart.cli.group import EXIT_BUG, EXIT_FINDING, EXIT_INTERRUPTED, EXIT_USAGE, Group, say, to_stdout
from openheart.errors import BackendUnavailable, ConfigError, InvalidTarget
from openheart.storage import get_backend


def end(error: BaseException | None, capsys: pytest.CaptureFixture[str]) -> tuple[object, str]:
    @click.group(cls=Group)
    def group() -> None: ...

    @group.command()
    def fail() -> None:
        if error is not None:
            raise error

    with pytest.raises(SystemExit) as ended:
        group.main(["fail"], prog_name="openheart")
    return ended.value.code, capsys.readouterr().err.strip()


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (None, 0, ""),
        (
            ConfigError("PORT", "x", "here", "y"),
            2,
            "openheart: PORT='x' (from here) cannot be used: expected y",
        ),
        (InvalidTarget("bad"), 2, "openheart: bad"),
        (BackendUnavailable("down"), 3, "openheart: down"),
        (click.ClickException("click"), 1, "openheart: click"),
        (click.exceptions.Exit(EXIT_FINDING), 1, ""),
        (KeyboardInterrupt(), EXIT_INTERRUPTED, ""),
    ],
)
def test_every_error_has_its_code_and_at_most_one_line(
    error: BaseException | None, code: int, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert end(error, capsys) == (code, line)


def test_an_error_cannot_write_a_second_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert end(InvalidTarget("a\nb\x1b[2J"), capsys)[1] == r"openheart: a\nb\x1b[2J"


def test_a_bug_is_one_line_without_the_text_that_nobody_masked(capsys: pytest.CaptureFixture[str]) -> None:
    code, line = end(RuntimeError("hunter2"), capsys)

    assert code == EXIT_BUG
    assert line.startswith("openheart: this is a bug in openheart (RuntimeError)")
    assert "hunter2" not in line


def test_a_bug_shows_itself_where_level_is_debug(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEVEL", "debug")

    with pytest.raises(RuntimeError, match="inside"):
        end(RuntimeError("inside"), capsys)


def test_a_caller_may_take_the_errors_itself() -> None:
    @click.group(cls=Group)
    def group() -> None: ...

    @group.command()
    def fail() -> None:
        raise InvalidTarget("bad")

    with pytest.raises(click.ClickException, match="bad"):
        group.main(["fail"], standalone_mode=False)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")
@pytest.mark.parametrize(
    "arguments",
    [
        "count a",
        "count a --json",
        "export",
        "top",
        "config",
        "doctor",
        "--version",
        "--help",
        "bucket clear --help",
    ],
)
def test_an_output_that_cannot_be_written_is_an_error_of_who_chose_it(arguments: str) -> None:
    with get_backend("sqlite:///openheart.db") as backend:
        backend.incr("a", "🥨")
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "openheart", *arguments.split()],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert (ended.returncode, ended.stderr) == (
        EXIT_USAGE,
        "openheart: the standard output cannot be written (No space left on device): free some space "
        "where it goes, or send it elsewhere\n",
    )


def test_only_what_was_printed_is_told_as_the_output(capsys: pytest.CaptureFixture[str]) -> None:
    code, line = end(OSError(errno.ENOSPC, "No space left on device"), capsys)

    assert code == EXIT_BUG
    assert "(OSError)" in line


def test_a_reader_that_has_enough_is_left_to_click() -> None:
    with pytest.raises(BrokenPipeError), to_stdout():
        raise BrokenPipeError


def test_what_is_said_is_on_the_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    say("hello")

    assert capsys.readouterr() == ("hello\n", "")
