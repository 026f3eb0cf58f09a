"""Runs a piece of Python in a process of its own, for what a test cannot do to itself."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import openheart

__all__ = ["run_child"]

ROOT = Path(openheart.__file__).parents[1]


def run_child(code: str, *arguments: object) -> str:
    """Run code with arguments in ``sys.argv[1:]`` and return what it prints; it must end well."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
