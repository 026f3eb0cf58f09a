"""Flask-SQLAlchemy and Flask-Migrate: the app's database beside ours, which migrations never see."""

from __future__ import annotations

import logging
import logging.config
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import flask_migrate
import pytest
from flask import Flask
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import Column, Integer, String, inspect

from openheart import OpenHeart
from openheart.core.state import state_of
from openheart.errors import ConfigError

from .host import add_pages, assert_all_works, react

# What Flask-Migrate's env.py calls.
pytestmark = pytest.mark.filterwarnings("ignore:'get_engine' is deprecated:DeprecationWarning")


def site(folder: Path, *, first: str = "openheart", uri: str | None = None) -> tuple[Flask, SQLAlchemy]:
    app = Flask("site", instance_path=str(folder / "instance"))
    app.config.update(SECRET_KEY="for the test", TESTING=True, SQLALCHEMY_DATABASE_URI="sqlite:///site.db")
    db = SQLAlchemy()
    Migrate(app, db)
    if first != "openheart":
        db.init_app(app)
    OpenHeart(app, env=False, **({} if uri is None else {"uri": uri}))
    if first == "openheart":
        db.init_app(app)

    class Post(db.Model):  # type: ignore[name-defined]
        id = Column(Integer, primary_key=True)
        slug = Column(String(50))

    add_pages(app)
    app.add_url_rule("/posts", "posts", lambda: [post.slug for post in db.session.query(Post)])

    @app.post("/posts")
    def add_post() -> str:
        db.session.add(Post(slug="rye"))
        db.session.commit()
        return "added"

    return app, db


@pytest.fixture
def made() -> Iterator[list[tuple[Flask, SQLAlchemy]]]:
    """The apps of the test, whose databases are closed at its end."""
    made: list[tuple[Flask, SQLAlchemy]] = []
    yield made
    for app, db in made:
        state_of(app).close()
        with app.app_context():
            db.engine.dispose()


Made = list[tuple[Flask, SQLAlchemy]]


@pytest.mark.parametrize("first", ["openheart", "sqlalchemy"])
def test_both_databases_work_side_by_side(first: str, tmp_path: Path, made: Made) -> None:
    app, db = site(tmp_path, first=first)
    made.append((app, db))
    with app.app_context():
        db.create_all()
    assert_all_works(app)
    client = app.test_client()
    client.post("/posts")
    assert client.get("/posts").json == ["rye"]
    with app.app_context():
        assert inspect(db.engine).get_table_names() == ["post"]
    assert sorted(path.name for path in (tmp_path / "instance").glob("*.db")) == ["openheart.db", "site.db"]


@pytest.mark.parametrize("first", ["openheart", "sqlalchemy"])
def test_one_file_for_both_is_refused(first: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="SQLALCHEMY_DATABASE_URI of this app names"):
        site(tmp_path, first=first, uri="sqlite:///site.db")


@pytest.fixture
def same_loggers() -> Iterator[None]:
    """The loggers as they were: a migration configures them."""
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    known = [each for each in root.manager.loggerDict.values() if isinstance(each, logging.Logger)]
    before = [(each, each.disabled, each.level, each.handlers[:]) for each in known]
    yield
    root.setLevel(level)
    root.handlers[:] = handlers
    for each, disabled, level, own in before:
        each.disabled = disabled
        each.setLevel(level)
        each.handlers[:] = own


def test_migrations_find_no_table_of_ours_and_the_counts_stay(
    tmp_path: Path, made: Made, same_loggers: None, capsys: pytest.CaptureFixture[str]
) -> None:
    app, db = site(tmp_path)
    made.append((app, db))
    client = app.test_client()
    assert react(client).json == {"🥨": 1}
    folder = str(tmp_path / "migrations")
    with app.app_context():
        flask_migrate.init(directory=folder)
        flask_migrate.migrate(directory=folder)
        flask_migrate.upgrade(directory=folder)
        flask_migrate.migrate(directory=folder, message="nothing more")
    first, *others = sorted(Path(folder, "versions").glob("*.py"), key=lambda path: path.stat().st_mtime)
    assert others == []
    text = first.read_text()
    assert re.findall(r"(create|drop)_table\('(\w+)'", text) == [("create", "post"), ("drop", "post")]
    assert react(client).json == {"🥨": 2}
    with closing(sqlite3.connect(tmp_path / "instance" / "site.db")) as file:
        tables = {name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    assert tables == {"post", "alembic_version"}


def test_our_warnings_still_appear_after_a_migration(
    tmp_path: Path, made: Made, same_loggers: None, capsys: pytest.CaptureFixture[str]
) -> None:
    app, db = site(tmp_path)
    made.append((app, db))
    folder = str(tmp_path / "migrations")
    with app.app_context():
        flask_migrate.init(directory=folder)
        flask_migrate.upgrade(directory=folder)
    capsys.readouterr()
    (tmp_path / "instance" / "openheart.db").mkdir(parents=True)
    assert react(app.test_client()).status_code == 503
    assert "openheart.db" in capsys.readouterr().err
