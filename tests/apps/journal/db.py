"""One connection for each application context."""

from __future__ import annotations

import sqlite3

from flask import Flask, current_app, g

SCHEMA = """
CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT UNIQUE NOT NULL, password TEXT NOT NULL);
CREATE TABLE entry (
    id INTEGER PRIMARY KEY,
    author INTEGER NOT NULL REFERENCES person (id),
    title TEXT NOT NULL,
    body TEXT NOT NULL
);
"""


def get() -> sqlite3.Connection:
    if "journal_db" not in g:
        g.journal_db = sqlite3.connect(current_app.config["DATABASE"])
        g.journal_db.row_factory = sqlite3.Row
    connection: sqlite3.Connection = g.journal_db
    return connection


def create() -> None:
    get().executescript(SCHEMA)


def close(error: BaseException | None = None) -> None:
    connection = g.pop("journal_db", None)
    if connection is not None:
        connection.close()


def init_app(app: Flask) -> None:
    app.teardown_appcontext(close)
    app.cli.command("create-db")(create)
