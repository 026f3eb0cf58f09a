"""The entries: read by everyone, written by members, changed by their author."""

from __future__ import annotations

import sqlite3

from flask import Blueprint, abort, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from . import db
from .auth import members_only

bp = Blueprint("blog", __name__)


def find(number: int) -> sqlite3.Row:
    entry: sqlite3.Row | None = db.get().execute("SELECT * FROM entry WHERE id = ?", (number,)).fetchone()
    return entry or abort(404, f"There is no entry {number}")


@bp.route("/")
def index() -> ResponseReturnValue:
    entries = db.get().execute("SELECT * FROM entry ORDER BY id DESC").fetchall()
    return render_template("index.html", entries=entries)


@bp.route("/entries/<int:number>")
def entry(number: int) -> ResponseReturnValue:
    return render_template("entry.html", entry=find(number))


@bp.route("/write", methods=("GET", "POST"))
@members_only
def write() -> ResponseReturnValue:
    if request.method == "GET":
        return render_template("form.html", fields=("title", "body"))
    if not request.form["title"]:
        abort(400, "A title is needed")
    with db.get() as connection:
        connection.execute(
            "INSERT INTO entry (author, title, body) VALUES (?, ?, ?)",
            (g.person["id"], request.form["title"], request.form["body"]),
        )
    return redirect(url_for("index"))


@bp.route("/entries/<int:number>/remove", methods=("POST",))
@members_only
def remove(number: int) -> ResponseReturnValue:
    if find(number)["author"] != g.person["id"]:
        abort(403)
    with db.get() as connection:
        connection.execute("DELETE FROM entry WHERE id = ?", (number,))
    return redirect(url_for("index"))
