"""The virtual environment of flask-openheart, made once under the cache folder, and the machine in words."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import venv
from pathlib import Path

from .load import tool_name

__all__ = ["CACHE", "PEER_VERSION", "load_note", "machine", "peer_python"]

CACHE = Path(__file__).resolve().parent / ".cache"
"""Where environments and data go; on the disk of the checkout, so that fsync costs what it costs there."""

PEER_VERSION = "0.0.1"

# Both sides run on the same versions of what they share.
SHARED = (
    "flask",
    "werkzeug",
    "gunicorn",
    "jinja2",
    "markupsafe",
    "itsdangerous",
    "click",
    "blinker",
    "emoji",
)


def peer_python() -> Path:
    """Return the interpreter of an environment with flask-openheart, which is made where it is missing.

    Raises:
        RuntimeError: it could not be installed; the text holds what pip wrote last.
    """
    folder = CACHE / f"flask-openheart-{PEER_VERSION}-py{sys.version_info.major}{sys.version_info.minor}"
    python = folder / "bin" / "python"
    stamp = folder / "installed"
    wanted = [f"flask-openheart=={PEER_VERSION}", *_shared_versions()]
    if stamp.exists() and stamp.read_text().split() == wanted:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True, symlinks=True)
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
    outcome = subprocess.run(command, capture_output=True, text=True, check=False)
    if outcome.returncode != 0:
        last = " ".join(outcome.stderr.split()[-40:])
        raise RuntimeError(
            f"flask-openheart {PEER_VERSION} could not be installed, so it is not measured; pip: {last}"
        )
    stamp.write_text("\n".join(wanted))
    return python


def load_note() -> str | None:
    """Say that other work runs on the machine, which widens every spread; None on a quiet machine."""
    if not hasattr(os, "getloadavg"):
        return None
    load = os.getloadavg()[0]
    if load < 0.5:
        return None
    return (
        f"Other work ran on the machine when the run began (load average {load:.1f}), which widens spreads; "
        "repeat it on a quiet machine before trusting a verdict that is near its number."
    )


def machine(server: str) -> str:
    """Describe the machine and the versions in a few lines, without names or paths of it."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    packages = ", ".join(f"{name} {version}" for name, version in _versions("flask", "werkzeug", server))
    return "\n".join(
        (
            f"- CPUs usable: {usable}, {platform.machine()}; {platform.system()}",
            f"- {platform.python_implementation()} {platform.python_version()}; SQLite "
            f"{sqlite3.sqlite_version}",
            f"- {packages}; load by {tool_name()}, on the same machine as the server",
        )
    )


def _shared_versions() -> list[str]:
    return [f"{name}=={version}" for name, version in _versions(*SHARED)]


def _versions(*names: str) -> list[tuple[str, str]]:
    found = []
    for name in names:
        try:
            found.append((name, importlib.metadata.version(name)))
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
