"""Reactions on the app's own routes: marks them, and finds the target of the page at an address."""

from __future__ import annotations

import contextlib
import difflib
import functools
import logging
import numbers
import uuid
import weakref
from collections.abc import Callable, Collection, Mapping
from typing import Any, ClassVar, TypeVar, cast
from urllib.parse import unquote

from flask import Flask, Request
from werkzeug.exceptions import Gone, NotFound
from werkzeug.routing import (
    BaseConverter,
    FloatConverter,
    IntegerConverter,
    Map,
    MapAdapter,
    Rule,
    UUIDConverter,
)

from ..errors import ConfigError, TargetNotFound
from ..protocol import canonical_target, split_query
from .arguments import accepted, preprocessed
from .callbacks import call
from .places import match, may_name_host, places

__all__ = ["PageRule", "Pages", "Slug", "Slugs", "mark_routes"]

F = TypeVar("F", bound=Callable[..., Any])

Slug = Callable[..., Any]
"""Called with the arguments of a page's view; returns its target, as text, a number or a UUID, or None if
there is no such page. It may be a coroutine function, as the views of the app may be."""

# These read several spellings as one value: 007 is 7.
_REWRITING = (IntegerConverter, FloatConverter, UUIDConverter)


class Slugs(dict[str, Slug]):
    """The slug functions of one extension, by endpoint.

    Attributes:
        users: the pages of each of its applications, as long as these exist.
    """

    __slots__ = ("users",)

    def __init__(self) -> None:
        super().__init__()
        self.users: list[weakref.ref[Pages]] = []

    def unused(self) -> list[str]:
        """The endpoints that no application of the extension has."""
        views = [pages.app.view_functions for user in tuple(self.users) if (pages := user()) is not None]
        return [name for name in self if not any(name in each for each in views)]


class Pages:
    """Which routes of one application have reactions, and the target of each page.

    Args:
        app: the application.
        slugs: the slug functions of its extension, which may add some later.
        open_targets: whether addresses that match no marked route are targets too; None is True until
            a route is marked.
        query: the names of the query parameters that tell pages apart; also an attribute.
        logger: logs the slug functions that no application uses.

    Attributes:
        app: the argument.
        is_marked: whether a route of it has ``openheart=``.
    """

    __slots__ = (
        "__weakref__",
        "_checked_slugs",
        "_logger",
        "_of_views",
        "_open_targets",
        "_slugs",
        "app",
        "is_marked",
        "query",
    )

    def __init__(
        self,
        app: Flask,
        slugs: Slugs,
        open_targets: bool | None,
        query: Collection[str],
        logger: logging.Logger,
    ) -> None:
        self.app = app
        self.query = query
        self.is_marked = False
        self._slugs = slugs
        self._of_views: dict[str, Slug] = {}
        self._open_targets = open_targets
        self._logger = logger
        self._checked_slugs = 0
        slugs.users.append(weakref.ref(self, slugs.users.remove))

    @property
    def are_open(self) -> bool:
        """Whether an address that matches no marked route is a target."""
        if self._open_targets is not None:
            return self._open_targets
        # The slugs of one extension may be meant for another of its apps.
        return not self.is_marked and not any(name in self.app.view_functions for name in self._slugs)

    def slug_of_view(self, endpoint: str, function: F) -> F:
        """Set the slug function of one endpoint, as the decorator ``view.slug`` does.

        Args:
            endpoint: the endpoint, whose route has ``openheart=True``.
            function: gets the arguments of the route. What it returns, as text and after the endpoint and a
                dot, is the target; None means that there is no such page.
        """

        @functools.wraps(function)
        def target(**arguments: Any) -> str | None:
            found = call(self.app, function, **arguments)
            return None if found is None else f"{endpoint}.{found}"

        self._of_views[endpoint] = target
        return function

    def canonical(self, target: str) -> str:
        """The one spelling of a target, decoded; see ``canonical_target``.

        Raises:
            InvalidTarget: it is not valid.
        """
        return canonical_target(target, self.query)

    def adapter(self, request: Request | None) -> MapAdapter:
        """The URL map, bound to the host of a request, or without one to that of SERVER_NAME."""
        adapter = self.app.create_url_adapter(request)
        return adapter or self.app.url_map.bind("localhost", script_name=self.app.config["APPLICATION_ROOT"])

    def resolve(self, request: Request | None, address: str, canonical: str) -> str:
        """The target that is stored for an address.

        Args:
            request: the request that asks, for the host that it came to.
            address: the decoded path or full address of a page, as it was requested.
            canonical: the same as a canonical target.

        Returns:
            The canonical target of the page. If no marked route matches and targets are open, that of the
            address; where it names this app's own host, of its path below the mount point.

        Raises:
            TargetNotFound: there is no page with reactions.
            HTTPException: the slug function aborted with something other than 404 and 410.
        """
        is_free = not self.is_marked and not self._slugs and self._open_targets is not False
        if is_free and not may_name_host(request, canonical):
            return canonical
        if len(self._slugs) != self._checked_slugs:
            self._check_slugs()
        adapter = self.adapter(request)
        is_refused = False
        own: str | None = None
        tried = set()
        address, _ = split_query(address, self.query)
        page, kept = split_query(canonical, self.query)
        for place, path, is_host_named in places(self.app, adapter, address, page.rstrip("/")):
            if (place.server_name, place.subdomain, path) in tried:
                continue
            tried.add((place.server_name, place.subdomain, path))
            found = match(place, path)
            if found is None:
                continue
            rule, arguments, path = found
            mark = getattr(rule, "openheart", False)
            slug = mark if callable(mark) else self._slug_for(rule.endpoint)
            if slug is not None:
                target = _call(self.app, rule, slug, arguments)
                if target is not None:
                    return self.canonical(target)
                is_refused = True
            elif mark:
                return self._with_query(_own_target(place, rule, arguments, path), kept)
            elif is_host_named and own is None and not str(rule.endpoint).startswith("openheart."):
                own = page if _has_domain(place, rule) else canonical_target(f"/{path.lstrip('/')}")
        if is_refused or not self.are_open:
            raise TargetNotFound(f"There is no page with reactions at {canonical!r}; check the address")
        return canonical if own is None else self._with_query(own, kept)

    def _with_query(self, target: str, kept: str) -> str:
        return self.canonical(f"{target}?{kept}") if kept else target

    def _slug_for(self, endpoint: str) -> Slug | None:
        return self._of_views.get(endpoint) or self._slugs.get(endpoint)

    def _check_slugs(self) -> None:
        # Not before the first look-up, when the applications have all their routes. Not an error, because
        # an application may not register a blueprint that has slug functions.
        self._checked_slugs = len(self._slugs)
        endpoints = [name for name in self.app.view_functions if not name.startswith("openheart.")]
        # Without their blueprints, because a wrong or missing one is a likely mistake.
        bare = {name.rpartition(".")[2]: name for name in endpoints}
        for name in self._slugs.unused():
            near = difflib.get_close_matches(name.rpartition(".")[2], bare, n=1)
            self._logger.warning(
                "@oh.slug(%r) is not used, because no app of this extension has that endpoint; %s",
                name,
                f"the nearest is {bare[near[0]]!r}" if near else "`flask routes` lists the endpoints",
            )


class PageRule(Rule):
    """A rule that also accepts ``openheart=``: True, or a function that gives the target of each page.

    Its subclass for one application is made by ``mark_routes``.
    """

    openheart_pages: ClassVar[Pages]

    def __init__(self, string: str, *args: Any, openheart: bool | Slug | None = None, **options: Any) -> None:
        if openheart is not None and not isinstance(openheart, bool) and not callable(openheart):
            expected = "True, False, or a function that takes the route's arguments and returns the target"
            if isinstance(openheart, Mapping):
                expected += "; settings are those of the app, for OpenHeart() or init_app()"
            raise ConfigError("openheart", openheart, f"the route {string}", expected)
        super().__init__(string, *args, **options)
        self.openheart = openheart or False
        self.openheart_converters: set[type[BaseConverter]] = set()

    def get_empty_kwargs(self) -> Mapping[str, Any]:
        """The arguments of a copy of this rule."""
        return {**super().get_empty_kwargs(), "openheart": self.openheart}

    def bind(self, map: Map, rebind: bool = False) -> None:
        """Make the rule part of a map; from now on the application has a marked route."""
        super().bind(map, rebind)
        if self.openheart:
            self.openheart_pages.is_marked = True

    def get_converter(
        self, variable_name: str, converter_name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> BaseConverter:
        """The converter of one variable."""
        converter = super().get_converter(variable_name, converter_name, args, kwargs)
        self.openheart_converters.add(type(converter))
        return converter


def mark_routes(app: Flask, pages: Pages) -> None:
    """Make the routes that are added to an application from now on accept ``openheart=``.

    The view of a route with ``openheart=True`` gets the decorator ``view.slug``, see ``Pages.slug_of_view``.

    Args:
        app: the application; it may have a rule class of its own.
        pages: records the marked routes.

    Raises:
        ConfigError: its ``url_rule_class`` cannot be extended.
    """
    original = app.url_rule_class
    try:
        extended = type("OpenHeartRule", (PageRule, original), {"openheart_pages": pages})
    except TypeError as error:
        expected = f"a subclass of werkzeug.routing.Rule, which openheart= on routes extends ({error})"
        raise ConfigError("url_rule_class", original, f"the app {app.name!r}", expected) from None
    app.url_rule_class = cast(type[Rule], extended)
    add = app.add_url_rule

    @functools.wraps(add)
    def add_url_rule(
        rule: str,
        endpoint: str | None = None,
        view_func: Callable[..., Any] | None = None,
        *args: Any,
        **options: Any,
    ) -> None:
        add(rule, endpoint, view_func, *args, **options)
        if view_func is not None and options.get("openheart") is True:
            # The decorator @view.slug. Views that take no attribute, such as methods, are left without it.
            with contextlib.suppress(AttributeError):
                name = endpoint or view_func.__name__
                view_func.slug = functools.partial(pages.slug_of_view, name)  # type: ignore[attr-defined]

    app.add_url_rule = add_url_rule  # type: ignore[method-assign]


def _call(app: Flask, rule: Rule, slug: Slug, arguments: Mapping[str, Any]) -> str | None:
    view = app.view_functions.get(rule.endpoint)
    try:
        with preprocessed(app, str(rule.endpoint), arguments) as changed:
            target = call(app, slug, **accepted(slug, view, arguments, changed))
    except (NotFound, Gone):
        return None
    if target is None or isinstance(target, str):
        return target
    if isinstance(target, (numbers.Number, uuid.UUID)) and not isinstance(target, bool):
        return str(target)
    raise TypeError(
        f"The slug function of the endpoint {rule.endpoint!r} returned {target!r}: "
        "return the target as text, a number or a UUID, or None if there is no such page"
    )


def _own_target(adapter: MapAdapter, rule: Rule, arguments: Mapping[str, Any], path: str) -> str:
    """The page's own path, in the one spelling that the app itself would give it."""
    kinds: set[type[BaseConverter]] = getattr(rule, "openheart_converters", set())
    # A converter of the app may not be able to turn its value back into the path.
    if any(issubclass(kind, _REWRITING) for kind in kinds) and all(
        kind.__module__ == BaseConverter.__module__ for kind in kinds
    ):
        built = rule.build(arguments, append_unknown=False)
        path = unquote(built[1]) if built else path
    host = f"/{adapter.get_host(None)}/" if _has_domain(adapter, rule) else ""
    return canonical_target(f"/{host}{path.lstrip('/')}")


def _has_domain(adapter: MapAdapter, rule: Rule) -> bool:
    """Whether a rule is of a subdomain or of one host, which is then part of the targets of its pages."""
    domain = rule.host if adapter.map.host_matching else rule.subdomain
    return bool(domain) and domain != adapter.map.default_subdomain
