"""Accounts: join, log in, log out."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable
from typing import ParamSpec

from flask import Blueprint, abort, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from werkzeug.security import check_password_hash, generate_password_hash

from . import db

P = ParamSpec("P")
bp = Blueprint("auth", __name__, url_prefix="/auth")


@bp.before_app_request
def find_person() -> None:
    number = session.get("person")
    g.person = number and db.get().execute("SELECT * FROM person WHERE id = ?", (number,)).fetchone()


def members_only(view: Callable[P, ResponseReturnValue]) -> Callable[P, ResponseReturnValue]:
    @functools.wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        return view(*args, **kwargs) if g.person else redirect(url_for("auth.login"))

    return guarded


@bp.route("/join", methods=("GET", "POST"))
def join() -> ResponseReturnValue:
    if request.method == "GET":
        return render_template("form.html", fields=("name", "password"))
    name, password = request.form.get("name"), request.form.get("password")
    if not name or not password:
        abort(400, "A name and a password are needed")
    hashed = generate_password_hash(password, method="pbkdf2:sha256:1000")
    try:
        with db.get() as connection:
            connection.execute("INSERT INTO person (name, password) VALUES (?, ?)", (name, hashed))
    except sqlite3.IntegrityError:
        abort(409, f"{name} is here already")
    return redirect(url_for("auth.login"))


@bp.route("/login", methods=("GET", "POST"))
def login() -> ResponseReturnValue:
    if request.method == "GET":
        return render_template("form.html", fields=("name", "password"))
    found = db.get().execute("SELECT * FROM person WHERE name = ?", (request.form["name"],)).fetchone()
    if found is None or not check_password_hash(found["password"], request.form["password"]):
        abort(403, "That is not right")
    session.clear()
    session["person"] = found["id"]
    return redirect(url_for("index"))


@bp.route("/logout")
def logout() -> ResponseReturnValue:
    session.clear()
    return redirect(url_for("index"))
