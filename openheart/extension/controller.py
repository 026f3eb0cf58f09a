"""``app.openheart``: reactions of the app's routes by endpoint, with the names of flask-openheart."""

from __future__ import annotations

from typing import Any

from flask import Flask

from ..core.state import context_of, state_of
from ..errors import InvalidTarget, TargetNotFound
from ..storage import Counts
from .page import address_of, target_for

__all__ = ["OpenHeartController"]


class OpenHeartController:
    """The reactions of one app's routes, for apps that are ported from flask-openheart: ``app.openheart``.

    The calls name a page as ``flask.url_for()`` does: by its endpoint and the arguments of the route. They
    work outside a request and outside an app context too; addresses need SERVER_NAME there.

    Args:
        app: the application.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app

    def url_for(self, endpoint: str, _method: str | None = None, **values: Any) -> str | None:
        """The address of the reactions of a page, see ``openheart.url_for``; None if it has none.

        Args:
            endpoint: the endpoint of the page's route.
            _method: ``"POST"`` gives the address to react at, which OPENHEART_POST_URL_PREFIX may change.
            values: the arguments of the route, and those of ``flask.url_for()`` such as ``_external``.

        Raises:
            werkzeug.routing.BuildError: the arguments do not fit the endpoint.
        """
        if not self.is_enabled_for(endpoint, **_without_options(values)):
            return None
        state = state_of(self._app)
        is_post = (_method or "GET").upper() == "POST"
        with context_of(self._app):
            return address_of(endpoint, state.post_prefix if is_post else state.prefix, values)

    def post_url_for(self, endpoint: str, **values: Any) -> str | None:
        """The address to react to a page at: ``url_for`` with ``_method="POST"``."""
        return self.url_for(endpoint, _method="POST", **values)

    def slug_for(self, endpoint: str, **values: Any) -> str | None:
        """The target of a page, see ``openheart.target_for``; None if the page has no reactions.

        Raises:
            werkzeug.routing.BuildError: the arguments do not fit the endpoint.
        """
        if endpoint not in self._app.view_functions:
            return None
        try:
            with context_of(self._app):
                return target_for(endpoint, **values)
        except (InvalidTarget, TargetNotFound):
            return None

    def is_enabled_for(self, endpoint: str, **values: Any) -> bool:
        """Whether a page has reactions."""
        return self.slug_for(endpoint, **values) is not None

    def reactions_for(self, endpoint: str, **values: Any) -> Counts:
        """The counts of a page, emoji -> count, the largest first.

        Raises:
            TargetNotFound: the page has no reactions.
            BackendError: the storage failed.
        """
        return state_of(self._app).service.reactions(self._target(endpoint, values))

    def react_to(self, reaction: str, endpoint: str, **values: Any) -> Counts:
        """Add a reaction to a page.

        Args:
            reaction: text that starts with the emoji.
            endpoint: the endpoint of the page's route.
            values: the arguments of the route.

        Returns:
            The counts after it, the largest first.

        Raises:
            TargetNotFound: the page has no reactions.
            InvalidEmoji, EmojiNotAllowed: nothing was stored.
            BackendError: the storage failed; nothing was stored, unless it is OutcomeUnknown.
        """
        return state_of(self._app).service.react(self._target(endpoint, values), reaction)

    def _target(self, endpoint: str, values: dict[str, Any]) -> str:
        target = self.slug_for(endpoint, **values)
        if target is None:
            raise TargetNotFound(
                f"The endpoint {endpoint!r} has no page with reactions for these arguments: give its route "
                "openheart=True, and check the arguments"
            )
        return target


def _without_options(values: dict[str, Any]) -> dict[str, Any]:
    # Those of flask.url_for(), which are no arguments of the route.
    return {name: value for name, value in values.items() if not name.startswith("_")}
