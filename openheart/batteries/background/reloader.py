"""Tells the two processes of ``flask run --debug`` apart: one serves, the other restarts it."""

from __future__ import annotations

import click
from flask.helpers import get_debug_flag
from werkzeug.serving import is_running_from_reloader

__all__ = ["is_reloader"]


def is_reloader() -> bool:
    """Whether this process does not serve the app that it loads, but only starts the process that does."""
    if is_running_from_reloader():
        return False
    # The reloader starts only after the app is loaded; so far only the command line announces it.
    command = click.get_current_context(silent=True)
    if command is None or command.info_name != "run" or "reload" not in command.params:
        return False
    reload: bool | None = command.params["reload"]
    return get_debug_flag() if reload is None else reload
