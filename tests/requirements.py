"""Finds the real programs and files that some tests need: from the environment, on the machine, or installed.

A test that cannot have its part is skipped on a laptop and listed at the end; with CI=true it fails.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

import pytest

__all__ = [
    "CACHE",
    "MISSING",
    "debian_file",
    "draft_of",
    "in_ci",
    "missing",
    "npm_file",
    "program",
    "unpack",
]

MISSING = "missing here: "
"""What the reason of such a skip starts with; the summary looks for it."""

CACHE = Path(__file__).parents[1] / ".cache" / "tests"


def in_ci() -> bool:
    """Whether nothing may be missing (CI=true)."""
    return os.environ.get("CI", "").lower() in {"1", "true", "yes"}


def missing(what: str, how: str) -> NoReturn:
    """End a test whose part is not here: skipped on a laptop, failed with CI=true.

    Args:
        what: what is missing, such as ``Chromium``.
        how: how to get it, such as ``apt-get install chromium, or name it in CHROMIUM``.
    """
    reason = f"{MISSING}{what}: {how}"
    if in_ci():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def program(variable: str, *names: str, package: str) -> Path:
    """Find a program: the path in an environment variable, then the first of the names on PATH.

    Args:
        variable: the environment variable that may hold its path.
        names: what it may be called.
        package: the system package that brings it; part of the advice when it is missing.
    """
    given = os.environ.get(variable)
    if given:
        if not os.access(given, os.X_OK):
            pytest.fail(f"{variable}={given} is no program; name one, or unset it", pytrace=False)
        return Path(given)
    for name in names:
        found = shutil.which(name)
        if found:
            return Path(found)
    missing(names[0], f"install it (Debian: apt-get install {package}), or put its path into {variable}")


def debian_file(variable: str, path: str, package: str) -> Path:
    """Find a data file: from an environment variable, where it is installed, or taken out of its package.

    The package is unpacked into the checkout's cache, so that neither root nor an installation is needed.

    Args:
        variable: the environment variable that may hold its path.
        path: where the Debian package puts it, absolute.
        package: the Debian package.
    """
    given = os.environ.get(variable)
    if given:
        if not os.path.isfile(given):
            pytest.fail(f"{variable}={given} is no file; name one, or unset it", pytrace=False)
        return Path(given)
    unpacked = CACHE / package
    for place in (Path(path), unpacked / path.lstrip("/")):
        if place.is_file():
            return place
    if unpack(unpacked, package) and (unpacked / path.lstrip("/")).is_file():
        return unpacked / path.lstrip("/")
    missing(path, f"install it (Debian: apt-get install {package}), or put its path into {variable}")


def npm_file(variable: str, package: str, version: str, path: str) -> Path:
    """Find a file of an npm package: from an environment variable, or installed into the checkout's cache.

    Args:
        variable: the environment variable that may hold its path.
        package: the package on npm.
        version: the version of it.
        path: where the package has the file.
    """
    given = os.environ.get(variable)
    if given:
        if not os.path.isfile(given):
            pytest.fail(f"{variable}={given} is no file; name one, or unset it", pytrace=False)
        return Path(given)
    folder = CACHE / f"{package}-{version}"
    found = folder / "node_modules" / package / path
    if not found.is_file() and shutil.which("npm"):
        options = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--prefix", ".")
        with contextlib.suppress(OSError, subprocess.SubprocessError), draft_of(folder) as draft:
            run("npm", "install", *options, f"{package}@{version}", cwd=str(draft))
    if found.is_file():
        return found
    missing(f"{package} {version}", f"install npm, or put the path of its {path} into {variable}")


def unpack(folder: Path, *packages: str, finish: Callable[[Path], None] = lambda draft: None) -> bool:
    """Download Debian packages and unpack them into one folder; False where that cannot be done.

    Args:
        folder: where they go.
        packages: their names.
        finish: called with the folder before it is in its place.
    """
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return False
    try:
        with tempfile.TemporaryDirectory() as place, draft_of(folder) as draft:
            run("apt-get", "download", *packages, cwd=place)
            for archive in Path(place).glob("*.deb"):
                run("dpkg-deb", "-x", str(archive), str(draft), cwd=place)
            finish(draft)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


@contextlib.contextmanager
def draft_of(folder: Path) -> Iterator[Path]:
    """A folder that takes the place of another when the block ends well.

    So nothing that broke off is taken for whole, and of several processes that make the same one is first.
    """
    draft = folder.with_name(f"{folder.name}.{os.getpid()}")
    draft.mkdir(parents=True)
    try:
        yield draft
        if not folder.exists():
            draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def run(*command: str, cwd: str) -> None:
    subprocess.run(command, cwd=cwd, check=True, capture_output=True, timeout=120)
