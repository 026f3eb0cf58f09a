from __future__ import annotations

import logging
import logging.config
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openheart.settings.config import load_config
from openheart.system import logs
from openheart.system.text import escape_controls

TREE = logging.getLogger("openheart")


def settings(**keywords: object) -> logs.LogSettings:
    return load_config(keywords=keywords, env=False).logs


@pytest.fixture
def bare_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """A root logger without handlers; pytest adds its own to the real one."""
    monkeypatch.setattr(TREE, "parent", logging.RootLogger(logging.WARNING))


@pytest.fixture(autouse=True)
def _tree_as_before() -> Iterator[None]:
    handlers, level = list(TREE.handlers), TREE.level
    yield
    TREE.handlers[:] = handlers
    TREE.setLevel(level)


@pytest.mark.parametrize(
    ("keywords", "name"),
    [
        ({}, "openheart"),
        ({"name": "blog"}, "openheart.blog"),
        ({"name": "blog", "instance": "eu"}, "openheart.blog.eu"),
        ({"instance": "eu"}, "openheart.eu"),
        ({"name": "blog.example.org"}, "openheart.blog_example_org"),
    ],
)
def test_the_logger_of_an_app_is_named_after_name_and_instance(keywords: dict[str, str], name: str) -> None:
    assert logs.get_logger(settings(**keywords)).name == name


def test_asking_for_a_logger_configures_nothing() -> None:
    logs.get_logger(settings(level="DEBUG"))

    assert (TREE.handlers, TREE.level) == ([], logging.NOTSET)


def test_a_line_has_level_name_instance_and_logger(
    bare_root: None, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = logs.configure(settings(name="blog", instance="eu"))

    logger.warning("slow: %d", 5)
    logging.getLogger("openheart.storage.sqlite").error("full")

    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith(" WARNING [blog/eu] openheart.blog.eu: slow: 5")
    assert lines[1].endswith(" ERROR [blog/eu] openheart.storage.sqlite: full")


@pytest.mark.parametrize(
    ("level", "expected"), [("INFO", ["info", "error"]), ("ERROR", ["error"]), ("15", ["info", "error"])]
)
def test_level_is_the_least_severe_that_is_logged(
    level: str, expected: list[str], bare_root: None, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = logs.configure(settings(level=level))

    logger.debug("debug")
    logger.info("info")
    logger.error("error")

    assert [line.rpartition(" ")[2] for line in capsys.readouterr().err.splitlines()] == expected


def test_configuring_again_or_for_a_second_app_writes_each_line_once(
    bare_root: None, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = settings(name="first"), settings(name="second", level="ERROR")
    for config in (first, first, second):
        logs.configure(config)

    logs.get_logger(first).info("one")
    logs.get_logger(second).info("not logged")
    logging.getLogger("openheart.storage").info("two")

    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" ", 3)[3] for line in lines] == ["openheart.first: one", "openheart.storage: two"]
    assert len(TREE.handlers) == 1


def test_nothing_is_written_where_the_root_logger_has_handlers(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(settings()).error("for the others")

    assert capsys.readouterr().err == ""


def test_what_was_configured_can_be_undone(bare_root: None) -> None:
    first, second = settings(name="first", level="DEBUG"), settings(name="second", level="ERROR")
    logs.configure(first)
    logs.configure(second)

    logs.restore(first)
    assert (len(TREE.handlers), TREE.level) == (1, logging.ERROR)
    assert logging.getLogger("openheart.first").level == logging.NOTSET

    logs.restore(second)
    logs.restore(second)
    assert (TREE.handlers, TREE.level) == ([], logging.NOTSET)


def test_a_visitor_cannot_forge_a_line(bare_root: None, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(settings()).warning("target %s", "/a\n2026-01-01 ERROR openheart: gone\x1b[2J\u202egnp")

    written = capsys.readouterr().err
    assert len(written.splitlines()) == 1
    assert r"/a\n2026-01-01 ERROR openheart: gone\x1b[2J\u202egnp" in written


def test_a_traceback_is_indented_so_that_its_message_cannot_forge_a_line(
    bare_root: None, capsys: pytest.CaptureFixture[str]
) -> None:
    logger = logs.configure(settings())
    try:
        raise ValueError("bad\n2026-01-01 ERROR openheart: gone")
    except ValueError:
        logger.exception("failed", stack_info=True)

    first, *further = capsys.readouterr().err.splitlines()
    assert first.endswith("ERROR openheart: failed")
    assert "    ValueError: bad" in further
    assert all(line.startswith("    ") for line in further)


@given(st.text())
def test_escaped_text_stays_on_one_line_and_keeps_emoji(text: str) -> None:
    escaped = escape_controls(f"👨\u200d👩\u200d👧{text}")

    assert len(escaped.splitlines()) == 1
    assert escaped.startswith("👨\u200d👩\u200d👧")


def test_a_closed_stderr_does_not_stop_the_app(bare_root: None, monkeypatch: pytest.MonkeyPatch) -> None:
    logger = logs.configure(settings())
    monkeypatch.setattr("sys.stderr", None)

    logger.error("nobody reads this")


LOADED = """
import logging, sys, flask, openheart
app = flask.Flask("host")
before = (logging.getLogger().level, logging.getLogger().handlers, app.logger.level)
if sys.argv[1] == "own":
    logging.basicConfig(format="own: %(message)s", level="ERROR")
elif sys.argv[1] == "handler":
    app.logger.addHandler(logging.StreamHandler())
{add}
logging.getLogger("openheart.anything").info("hello")
if sys.argv[1] == "none":
    assert (logging.getLogger().level, logging.getLogger().handlers, app.logger.level) == before
openheart.unload()
"""


@pytest.mark.parametrize(
    ("add", "logging_of_its_own", "lines"),
    [
        ("openheart.load(app)", "none", 1),
        ("openheart.load(app)", "own", 0),
        ("openheart.load(app)", "handler", 0),
        ("openheart.OpenHeart(app)", "none", 0),
    ],
)
def test_load_sets_up_openhearts_logs_unless_the_app_has_logging_of_its_own(
    add: str, logging_of_its_own: str, lines: int
) -> None:
    code = LOADED.format(add=add)
    done = subprocess.run(
        [sys.executable, "-c", code, logging_of_its_own],
        env={**os.environ, "OPENHEART_URI": "memory:"},
        check=True,
        capture_output=True,
        text=True,
    )

    assert [line.rpartition(" ")[2] for line in done.stderr.splitlines()] == ["hello"] * lines


class TestALoggingConfigurationOfTheAppAfterwards:
    @pytest.mark.parametrize("keywords", [{}, {"name": "blog"}, {"name": "blog", "instance": "eu"}])
    def test_it_does_not_silence_what_it_does_not_name(
        self, keywords: dict[str, str], capsys: pytest.CaptureFixture[str], own_logging: None
    ) -> None:
        logger = logs.configure(settings(**keywords))
        child = logger.getChild("webhook")

        logging.config.dictConfig(OF_AN_APP)
        logger.warning("from openheart")
        child.warning("from a part of it")

        assert capsys.readouterr().err.splitlines() == ["app: from openheart", "app: from a part of it"]

    def test_its_level_for_openheart_counts(
        self, capsys: pytest.CaptureFixture[str], own_logging: None
    ) -> None:
        logger = logs.configure(settings())

        logging.config.dictConfig({**OF_AN_APP, "loggers": {"openheart": {"level": "ERROR"}}})
        logger.warning("a warning")
        logger.error("an error")

        assert capsys.readouterr().err.splitlines() == ["app: an error"]

    def test_a_class_of_loggers_that_the_app_chose_is_extended(self) -> None:
        class Own(logging.Logger):
            def notice(self) -> str:
                return "noticed"

        name = "openheart.of_a_class_of_its_own"
        logging.setLoggerClass(Own)
        try:
            logging.getLogger(name)
        finally:
            logging.setLoggerClass(logging.Logger)

        logger = logs.get_logger(settings(name=name.partition(".")[2]))
        logger.disabled = True

        assert isinstance(logger, Own)
        assert (logger.notice(), logger.isEnabledFor(logging.WARNING)) == ("noticed", True)
        assert logger is logs.get_logger(settings(name=name.partition(".")[2]))


OF_AN_APP: dict[str, Any] = {
    "version": 1,
    "formatters": {"app": {"format": "app: %(message)s"}},
    "handlers": {"app": {"class": "logging.StreamHandler", "formatter": "app"}},
    "root": {"level": "INFO", "handlers": ["app"]},
}


@pytest.fixture
def own_logging() -> Iterator[None]:
    """The app's own configuration, and all other loggers as they were, at the end."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    others = [each for each in logging.root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    disabled = [each.disabled for each in others]
    yield
    root.setLevel(level)
    root.handlers[:] = handlers
    for each, value in zip(others, disabled, strict=True):
        each.disabled = value
