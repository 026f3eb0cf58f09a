"""Reactions inside requests and templates: the current page, and the addresses of other pages."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, cast
from urllib.parse import quote, unquote, urlsplit

import flask
from flask import Flask, Request, current_app, has_request_context, request
from jinja2 import Environment
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.local import LocalProxy

from ..core.pages import Pages
from ..core.service import counts_of_each
from ..core.state import app_of, context_of, state_of
from ..errors import BackendError, InvalidTarget, OpenHeartError, TargetNotFound
from ..protocol import kept_query
from ..storage import Counts
from ..system.logs import log_failure
from ..web.routes import add_host

__all__ = [
    "Page",
    "add_template_names",
    "address_of",
    "extend_requests",
    "extend_templates",
    "page",
    "reactions_of",
    "target_for",
    "url_for",
]


class Page:
    """The page of the current request: ``request.openheart``, or with types ``openheart.page``.

    It is false where the page has no reactions, such as on a route that is not marked or on an error page.
    Neither the storage nor the app's slug function is called before an attribute is used.

    Args:
        app: the application.
        request: the request.
    """

    def __init__(self, app: Flask, request: Request) -> None:
        self._app = app
        self._request = request
        self._counts: Counts | None = None

    def __bool__(self) -> bool:
        """Whether this page has reactions."""
        return self.target is not None

    @functools.cached_property
    def target(self) -> str | None:
        """The target under which this page is stored; None if it has no reactions, such as an error page."""
        rule = self._request.url_rule
        if rule is None or str(rule.endpoint).startswith("openheart."):
            return None
        pages = state_of(self._app).pages
        try:
            path = self._path
            return pages.resolve(self._request, path, pages.canonical(f"/{path.lstrip('/')}"))
        except (InvalidTarget, TargetNotFound):
            return None

    @property
    def url(self) -> str | None:
        """The address of this page's reactions, for POST and GET; None if the page has no reactions."""
        if self.target is None:
            return None
        return self._address(state_of(self._app).prefix)

    @property
    def get_url(self) -> str | None:
        """flask-openheart's name for ``url``."""
        return self.url

    @property
    def get_url_external(self) -> str | None:
        """``url`` with the scheme and the host of this request."""
        return self._external(self.url)

    @property
    def post_url(self) -> str | None:
        """The address to react at: ``url``, unless OPENHEART_POST_URL_PREFIX makes it another."""
        return None if self.target is None else self._address(state_of(self._app).post_prefix)

    @property
    def post_url_external(self) -> str | None:
        """``post_url`` with the scheme and the host of this request."""
        return self._external(self.post_url)

    def _address(self, prefix: str) -> str:
        return quote(f"{self._request.script_root}{prefix}/{self._path.lstrip('/')}", safe=_SAFE)

    @property
    def _path(self) -> str:
        query = self._request.query_string.decode(errors="surrogateescape")
        return _with_kept(state_of(self._app).pages, self._request.path, query)

    def _external(self, address: str | None) -> str | None:
        return None if address is None else f"{self._request.host_url.rstrip('/')}{address}"

    @property
    def reactions(self) -> Counts:
        """The counts of this page, emoji -> count, the largest first; ``{}`` if it has no reactions.

        A page should not fail because of its counts: while the storage is unavailable this is ``{}`` too,
        and the failure is logged. ``openheart.reactions()`` raises the error instead.
        """
        if self._counts is None:
            self._counts = {} if self.target is None else _read((self.target,))[0]
        return self._counts

    def react(self, emoji: str) -> Counts:
        """Add a reaction to this page.

        Args:
            emoji: text that starts with the emoji.

        Returns:
            The counts after it, the largest first.

        Raises:
            TargetNotFound: this page has no reactions.
            InvalidEmoji, EmojiNotAllowed: nothing was stored.
            BackendError: the storage failed; nothing was stored, unless it is OutcomeUnknown.
        """
        if self.target is None:
            raise TargetNotFound(
                "This page has no reactions: give its route openheart=True, or a function for its target"
            )
        self._counts = state_of(self._app).service.react(self.target, emoji)
        return self._counts


class OpenHeartRequest(Request):
    """A request that knows the reactions of its page, and that finds openheart's views by every method.

    They answer a wrong method themselves; Flask would leave that to the app's error handlers.
    """

    _routing_exception: HTTPException | None = None

    @property
    def routing_exception(self) -> HTTPException | None:
        """What the URL map raised."""
        return self._routing_exception

    @routing_exception.setter
    def routing_exception(self, error: HTTPException | None) -> None:
        if isinstance(error, MethodNotAllowed):
            adapter = app_of().create_url_adapter(self)
            found = adapter and adapter.match(method="GET", return_rule=True)
            if found and str(found[0].endpoint).startswith("openheart."):
                self.url_rule, self.view_args = found[0], dict(found[1])
                return
        self._routing_exception = error

    @functools.cached_property
    def openheart(self) -> Page:
        """The page of this request."""
        return Page(app_of(), self)


class OutsideRequest(OpenHeartError, RuntimeError, AttributeError):
    """``openheart.page`` was used outside a request.

    Also a RuntimeError, by which a LocalProxy knows that there is nothing behind it: isinstance(), bool() and
    repr() work on it then. And an AttributeError, because it has no attributes then: hasattr(), help() and
    autospec ask for some.
    """


def _current_page() -> Page:
    if not has_request_context():
        raise OutsideRequest("openheart.page needs a request, and there is none: use it in a view")
    # openheart.page and request.openheart are the same object, whichever is used first.
    known = request.__dict__
    if "openheart" not in known:
        known["openheart"] = Page(app_of(), request._get_current_object())  # type: ignore[attr-defined]
    return cast(Page, known["openheart"])


page: Page = cast(Page, LocalProxy(_current_page))
"""The page of the current request, the same object as ``request.openheart``, with types."""


def reactions_of(targets: Iterable[str]) -> dict[str, Counts]:
    """The counts of several targets in one storage call, such as for a page that lists posts.

    Args:
        targets: the targets in their decoded form.

    Returns:
        Each target as it was given -> its counts, the largest first; ``{}`` for a target without counts.

    Raises:
        InvalidTarget: one of the targets is not valid.
        BackendError: the storage failed.
    """
    state = state_of()
    return counts_of_each(targets, state.pages.canonical, state.service.reactions_of)


def target_for(endpoint: str, /, **values: Any) -> str:
    """The target of a page of this app; ``url_for`` gives its address.

    Args:
        endpoint: the endpoint of the page's route; a leading dot means the current blueprint.
        values: the arguments of the route.

    Raises:
        TargetNotFound: that page has no reactions.
        werkzeug.routing.BuildError: the app has no such route.
    """
    app = app_of()
    if endpoint.startswith("."):
        blueprint = request.blueprint if has_request_context() else None
        endpoint = f"{blueprint}{endpoint}" if blueprint else endpoint[1:]
    pages = state_of(app).pages
    is_served = has_request_context() and current_app == app
    current = request._get_current_object() if is_served else None  # type: ignore[attr-defined]
    # The functions of the app that are called here may use flask.g.
    with context_of(app):
        app.inject_url_defaults(endpoint, values)
        adapter = pages.adapter(current)
        address = urlsplit(adapter.build(endpoint, values, method="GET"))
        path = unquote(address.path)
        if address.netloc:
            path = f"//{address.netloc}{path}"
        else:
            path = f"/{path.removeprefix(adapter.script_name).lstrip('/')}"
        path = _with_kept(pages, path, address.query)
        return pages.resolve(current, path, pages.canonical(path))


def url_for(endpoint_or_target: str | None = None, /, *, _back: bool = False, **values: Any) -> str:
    """The address of the reactions of a page, for POST and GET; in templates ``openheart_url``.

    Args:
        endpoint_or_target: an endpoint of the app, or a target; None means the page of the current
            request.
        _back: whether it is for a form, which leads back to the page of the current request.
        values: the arguments of the endpoint's route; ``_external=True`` gives a full URL.

    Raises:
        InvalidTarget: it is neither an endpoint nor a valid target.
        TargetNotFound: the current page has no reactions.
        werkzeug.routing.BuildError: the arguments do not fit the endpoint.
    """
    if endpoint_or_target is None:
        own = page.url
        if own is None:
            raise TargetNotFound("This page has no reactions; name an endpoint or a target")
        address = own
    elif endpoint_or_target in app_of().view_functions or endpoint_or_target.startswith("."):
        address = address_of(endpoint_or_target, state_of().prefix, values)
    else:
        target = state_of().pages.canonical(endpoint_or_target).lstrip("/")
        address = _address_of_target(target, values)
    return f"{address}{'&' if '?' in address else '?'}back={_this_page()}" if _back else address


def _this_page() -> str:
    """The path and the query of the current page, percent-encoded as the value of a parameter."""
    path = quote(request.script_root + request.path, safe=_SAFE)
    query = request.query_string.decode("latin-1")
    return quote(f"{path}?{query}" if query else path, safe="/")


def _address_of_target(target: str, values: dict[str, Any]) -> str:
    if not has_request_context():
        return flask.url_for("openheart.reactions", target=target, **values)
    # Extensions that freeze an app visit each address that url_for() makes.
    external, scheme = values.pop("_external", False), values.pop("_scheme", None)
    adapter = state_of().pages.adapter(request._get_current_object())  # type: ignore[attr-defined]
    add_host("openheart.reactions", values)
    return adapter.build(
        "openheart.reactions", {"target": target, **values}, force_external=external, url_scheme=scheme
    )


def address_of(endpoint: str, prefix: str, values: Mapping[str, Any]) -> str:
    """The address of the reactions of an endpoint's page, below a prefix; see ``url_for``."""
    address = urlsplit(flask.url_for(endpoint, **values))
    root = request.script_root if has_request_context() else app_of().config["APPLICATION_ROOT"].rstrip("/")
    root = quote(root, safe=_SAFE)
    kept = quote(_with_kept(state_of().pages, "", address.query), safe=_SAFE)
    path = root + quote(prefix, safe=_SAFE) + address.path.removeprefix(root) + kept
    return f"{address.scheme}://{address.netloc}{path}" if address.netloc else path


def extend_requests(app: Flask) -> None:
    """Give the requests of an application the attribute ``openheart``."""
    app.request_class = type("OpenHeartRequest", (OpenHeartRequest, app.request_class), {})


def extend_templates(app: Flask) -> None:
    """Give the templates of an application ``reactions``, ``openheart_url`` and ``openheart_target``.

    See ``add_template_names``.
    """
    add_template_names(
        app, {"openheart_target": target_for, "openheart_url": url_for, "reactions": _shown_reactions}
    )


def add_template_names(app: Flask, names: Mapping[str, Callable[..., Any]]) -> None:
    """Give the templates of an application functions.

    A name that the app already has is not replaced. The environment is not created before the app needs
    it, because its options can no longer be changed after that.

    Args:
        app: the application.
        names: name -> function.
    """
    if "jinja_env" in app.__dict__:
        _add_names(app.jinja_env, names)
        return
    make = app.create_jinja_environment

    def create_jinja_environment() -> Any:
        environment = make()
        _add_names(environment, names)
        return environment

    app.create_jinja_environment = create_jinja_environment  # type: ignore[method-assign]


def _add_names(environment: Environment, names: Mapping[str, Callable[..., Any]]) -> None:
    for name, function in names.items():
        environment.globals.setdefault(name, function)


def _shown_reactions(targets: str | Iterable[str]) -> Counts | dict[str, Counts]:
    """The counts for templates: as ``Page.reactions``, ``{}`` while the storage is unavailable."""
    if isinstance(targets, str):
        return _read((state_of().pages.canonical(targets),))[0]
    return counts_of_each(targets, state_of().pages.canonical, _read)


def _with_kept(pages: Pages, path: str, query: str) -> str:
    """A decoded path, with the parameters of a query that tell pages apart."""
    kept = kept_query(query, pages.query)
    return f"{path}?{kept}" if kept else path


def _read(targets: Sequence[str]) -> list[Counts]:
    service = state_of().service
    try:
        return service.read(targets)[0]
    except BackendError as error:
        log_failure(service.logger, error)
        return [{} for _ in targets]


# Characters that a path may contain unescaped (URL standard, path percent-encode set).
_SAFE = "!$&'()*+,/:;=@"
