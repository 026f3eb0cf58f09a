"""What every test gets: an environment of its own, nothing left behind, and a summary of what was missing."""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from .requirements import MISSING, in_ci

pytest_plugins = ["tests.servers.shared"]

# The tests move to folders of their own, and servers that they start must still find the package.
if "PYTHONPATH" in os.environ:
    os.environ["PYTHONPATH"] = os.pathsep.join(
        os.path.abspath(entry) for entry in os.environ["PYTHONPATH"].split(os.pathsep)
    )

# deadline=None: this says what is right, and the benchmarks say what is fast.
settings.register_profile(
    "openheart",
    database=None,
    deadline=None,
    derandomize=in_ci(),
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("openheart")

OURS = re.compile(
    r"OPENHEART(?!_TEST_).*|(SERVER|FLASK|SMTP|AMAZON|PUSHER)(_.*)?"
    r"|NAME|INSTANCE|LEVEL|DEBUG|HOST|PORT|SECRET_KEY|MONGOHQ_URL|REDISTOGO_URL|CLOUDAMQP_URL"
)
GRACE = 5.0  # seconds that a thread has to end after its test


@pytest.fixture(autouse=True)
def _own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting and no file of the person who runs the tests reaches them."""
    for name in list(os.environ):
        if OURS.fullmatch(name):
            monkeypatch.delenv(name)
    # A pytest that a test starts needs none of our plugins, whose import takes seconds.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(autouse=True)
def _nothing_left_behind(_own_environment: None) -> Iterator[None]:
    """A test ends with no application loaded, and with no more threads and open databases than before."""
    threads = running_threads()
    databases = open_databases()
    yield
    unload()
    reset_logs()
    deadline = time.monotonic() + GRACE
    for thread in running_threads() - threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    left = sorted(thread.name for thread in running_threads() - threads)
    assert not left, f"threads left running: {', '.join(left)}; the test must stop what it starts"
    opened = sorted(open_databases() - databases)
    assert not opened, f"databases left open: {', '.join(opened)}; the test must disconnect its backends"


def running_threads() -> set[threading.Thread]:
    """The threads there are, but for those that end just now and have told the log about it meanwhile."""
    return {each for each in threading.enumerate() if not isinstance(each, threading._DummyThread)}


def unload() -> None:
    """Unload what the test loaded, without importing openheart for a test that did not."""
    if "openheart" in sys.modules:
        import openheart

        openheart.unload()


def reset_logs() -> None:
    """Take back what the test set up in the tree of loggers, by every load() of it."""
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "openheart"]
    for name in names:
        logger = logging.getLogger(name)
        logger.setLevel(logging.NOTSET)
        for handler in logger.handlers[:]:
            logger.removeHandler(handler)
            handler.close()


def open_databases() -> set[str]:
    """The SQLite files that this process has open, where the system tells (Linux); else nothing."""
    paths = set()
    try:
        descriptors = os.listdir("/proc/self/fd")
    except OSError:
        return set()
    for descriptor in descriptors:
        try:
            path = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:
            continue
        if re.search(r"\.(db|sqlite3?)(-wal|-shm)?$", path):
            paths.add(path)
    return paths


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List what was missing, each once, with how to get it."""
    lines = set()
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        if MISSING in reason:
            lines.add(reason.split(MISSING, 1)[1])
    if lines:
        terminalreporter.section("missing on this machine, so some tests were skipped")
        for line in sorted(lines):
            terminalreporter.write_line(f"- {line}")


LIMIT, LONG_LIMIT = 300, 3600  # seconds after which a test, and a long run, counts as one that hangs


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test a time in which it must end."""
    for item in items:
        item.add_marker(pytest.mark.timeout(LONG_LIMIT if "torture" in item.keywords else LIMIT))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> Generator[None, None, None]:
    """End a worker that was interrupted, whatever threads its test has left."""
    try:
        return (yield)
    finally:
        if hasattr(session.config, "workerinput") and exitstatus == pytest.ExitCode.INTERRUPTED:
            os._exit(exitstatus)
