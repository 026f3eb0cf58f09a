"""A checkout is served by uvx and by pipx, which make the environment for it themselves."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

import openheart

from .requirements import missing
from .waiting import PATIENCE

ROOT = Path(__file__).parents[1]
RUNNERS = [("uvx", "--from", "."), ("pipx", "run", "--no-cache", "--spec", ".")]
BUILT_FROM = ("openheart", "LICENSE", "README.md", "pyproject.toml", "setup.py")
PASSED_ON = (
    ("global.index-url", "PIP_INDEX_URL", "UV_DEFAULT_INDEX"),
    ("global.cert", "PIP_CERT", "SSL_CERT_FILE"),
)


def tool(name: str) -> str:
    """The program beside the Python that runs the tests, where requirements/test.txt puts it, or on PATH."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
    return shutil.which(name, path=path) or missing(name, "pip install -r requirements/test.txt")


def told_to_pip() -> dict[str, str]:
    """The package index and the certificates that pip is told to use; uv reads none of pip's settings."""
    told = {}
    for setting, of_pip, of_uv in PASSED_ON:
        asked = [sys.executable, "-m", "pip", "config", "get", setting]
        value = os.environ.get(of_pip) or subprocess.run(asked, capture_output=True, text=True).stdout.strip()
        if value:
            told[of_uv] = value
    return told


def environment(folder: Path) -> dict[str, str]:
    # PYTHONPATH may lead to the checkout, and what was built from it is to be found.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    tools = {
        "UV_CACHE_DIR": str(folder / "uv"),
        "UV_PYTHON": sys.executable,
        "UV_PYTHON_DOWNLOADS": "never",
        "PIPX_HOME": str(folder / "pipx"),
        "PIPX_DEFAULT_PYTHON": sys.executable,
    }
    return {**told_to_pip(), **kept, **tools}


def address(process: subprocess.Popen[str]) -> str:
    """Where the server listens, from what it logs."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        if found := re.search(r"Listening at (\S+)", line):
            return found[1]
        said.append(line)
    raise AssertionError(f"it does not listen: {''.join(said)}")


def end(process: subprocess.Popen[str]) -> None:
    """End it with what it started, where it did not end by itself."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(PATIENCE)
    assert process.stderr is not None
    process.stderr.close()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the package is built from: a build leaves its own files there."""
    copy = tmp_path / "checkout"
    copy.mkdir()
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, copy)
    return copy


@pytest.mark.slow
@pytest.mark.parametrize("runner", RUNNERS, ids=lambda runner: runner[0])
def test_a_checkout_is_served_with_no_environment_made_for_it_also_after_a_change(
    tmp_path: Path, checkout: Path, runner: tuple[str, ...]
) -> None:
    command = [tool(runner[0]), *runner[1:], "openheart"]
    variables = environment(tmp_path)

    asked = subprocess.run(
        [*command, "--version"], cwd=checkout, env=variables, capture_output=True, text=True
    )
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout.startswith(f"openheart {openheart.__version__}, ")
    # Both keep what they built; a checkout that was brought up to date is to be built anew.
    version = checkout / "openheart" / "version.py"
    version.write_text(version.read_text(encoding="utf-8").replace(openheart.__version__, "99.0"))

    process = subprocess.Popen(
        [*command, "run", "--port", "0"],
        cwd=checkout,
        env={**variables, "OPENHEART_URI": "memory:"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        prefix = f"{address(process)}/openheart"
        posted = httpx.post(f"{prefix}/hello", content="🥨", timeout=PATIENCE)
        counts = httpx.get(f"{prefix}/hello", timeout=PATIENCE)
        document = httpx.get(f"{prefix}/-/openapi.json", timeout=PATIENCE)
        process.send_signal(signal.SIGTERM)
        code = process.wait(PATIENCE)
    finally:
        end(process)
    assert posted.json() == counts.json() == {"🥨": 1}
    assert document.json()["info"]["version"] == "99.0"
    assert code == 0
