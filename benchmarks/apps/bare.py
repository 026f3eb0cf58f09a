"""The yardstick: a bare Flask route that returns a constant JSON object and reads no body."""

from __future__ import annotations

from flask import Flask, Response, jsonify

__all__ = ["application"]

# What a page with six different reactions answers, so that every application sends about as many bytes.
COUNTS = {"❤️": 1234, "🥨": 567, "👍": 456, "🎉": 345, "😂": 234, "🔥": 123}

application = Flask(__name__)


@application.route("/openheart/<path:page>", methods=["GET", "POST"])
def constant(page: str) -> Response:
    """Answer the same counts for every page; the variable rule lets it serve the run over many pages too."""
    return jsonify(COUNTS)


@application.route("/fixed/page-0", methods=["GET", "POST"])
def fixed() -> Response:
    """The same answer on a rule without a variable, to show what the variable costs."""
    return jsonify(COUNTS)
