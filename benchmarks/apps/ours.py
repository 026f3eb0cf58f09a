"""openheart in an application of its own; its settings come from the environment (OPENHEART_*)."""

from __future__ import annotations

from flask import Response, jsonify

import openheart

from .bare import COUNTS

__all__ = ["application"]

application = openheart.load(name=__name__)


@application.route("/host/<path:page>", methods=["GET", "POST"])
def host(page: str) -> Response:
    """A route of the host application, the same as the bare one, to show whether openheart slows it down."""
    return jsonify(COUNTS)
