"""Runs the command in this process."""

from __future__ import annotations

import pytest
from flask import Flask
from flask.cli import ScriptInfo

from openheart.cli import openheart_group

from .ended import Ended, Run


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """The command, of an app where one is given."""

    def run(*arguments: str, app: Flask | None = None) -> Ended:
        info = None if app is None else ScriptInfo(create_app=lambda: app)
        with pytest.raises(SystemExit) as ended:
            openheart_group.main(list(arguments), prog_name="openheart", obj=info)
        return Ended(ended.value.code, *capsys.readouterr())

    return run
