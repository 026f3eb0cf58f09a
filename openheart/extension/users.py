"""The users of the application: ``get_user()``, and ``scoped()``, the targets of one tenant only."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Literal, TypeVar
from unicodedata import normalize

from flask import g, has_app_context
from werkzeug.exceptions import Unauthorized

from ..core.callbacks import call
from ..core.service import Service, counts_of_each, ordered
from ..core.state import app_of, state_of
from ..errors import CapabilityMissing, OpenHeartError, TenantError
from ..protocol import scope_of, scoped_target
from ..storage import Counts, Listing
from ..storage.capabilities import listed
from ..system.text import NOT_TEXT
from ..web.results import ApiException

__all__ = ["Scoped", "get_user", "scoped", "set_user", "tenant_loader", "user_loader"]

F = TypeVar("F", bound=Callable[..., Any])

_USER = "user"
"""Where the user is kept in ``flask.g``: many apps keep it there themselves."""

_LOADING = "_openheart_loading_user"
_MISSING = object()


class NotLoggedIn(TenantError, Unauthorized):
    """Nobody is logged in; in a view it is a 401.

    Args:
        detail: what needs a user, for the developer; the visitor gets the text of every 401.
    """

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__()

    def __str__(self) -> str:
        return self.detail


def user_loader(function: F) -> F:
    """Set the function that finds the user of the current request, for the app of the last ``load()``.

    It takes no arguments, and returns the user, which may be any object, or None if nobody is logged
    in. It may be a coroutine function. With ``OpenHeart`` use ``@oh.user_loader``::

        @openheart.user_loader
        def find_user() -> User | None:
            return User.find(session.get("user_id"))

    Args:
        function: the function.

    Raises:
        OpenHeartError: there is no application.
    """
    state_of().users["user"] = function
    return function


def tenant_loader(function: F) -> F:
    """Set the function that finds the tenant of a user, for the app of the last ``load()``.

    It takes the user, which is not None, and returns the tenant's id: text, a whole number or a UUID. By
    default the tenant is the user's ``tenant``, or without such an attribute the user's ``id``. With
    ``OpenHeart`` use ``@oh.tenant_loader``.

    Args:
        function: the function.

    Raises:
        OpenHeartError: there is no application.
    """
    state_of().users["tenant"] = function
    return function


def get_user() -> Any:
    """The user of the current request: ``flask.g.user``, else what the app's user loader returns.

    The loader is called once in each request, or other app context, and its result is kept in ``g.user``.
    None means that nobody is logged in.

    Raises:
        OpenHeartError: there is neither ``g.user`` nor a user loader, or there is no current app.
    """
    if not has_app_context():
        raise OpenHeartError("get_user() needs a request, and there is none: use it in a view")
    if _USER not in g:
        setattr(g, _USER, _load_user())
    return getattr(g, _USER)


def set_user(user: Any) -> None:
    """Set the user for the rest of the request: at login, at logout (None), and in the background.

    It is the same as setting ``flask.g.user``. The next request calls the user loader again.

    Args:
        user: the user, as the user loader would return it.

    Raises:
        OpenHeartError: there is no current app.
    """
    if not has_app_context():
        raise OpenHeartError("set_user() needs an app context, and there is none: enter app.app_context()")
    setattr(g, _USER, user)


def scoped(tenant: str | int | uuid.UUID | None = None) -> Scoped:
    """The reactions to the targets of one tenant only.

    Args:
        tenant: the tenant's id, which must not come unchecked from the visitor; by default that of the
            current user, see ``tenant_loader``.

    Raises:
        TenantError: nobody is logged in, the user has no tenant, or its id is not text, a whole number or a
            UUID. If nobody is logged in, it is also a 401, which ``@app.errorhandler(401)`` can handle.
        OpenHeartError: as ``get_user``.
    """
    scope = _scope(*_tenant_of(get_user())) if tenant is None else _scope("tenant", tenant)
    state = state_of()
    return Scoped(state.service, scope, state.pages.query)


class Scoped:
    """The reactions to the targets of one tenant; ``openheart.scoped()`` returns it.

    A target is canonical within the tenant: neither ``..`` nor ``//`` nor a full address leads out of it.
    Neither visitors on openheart's routes, nor views with ``openheart.react()`` and related functions,
    can reach these targets.

    Args:
        service: the reactions of the app.
        prefix: what the tenant's targets start with in the storage; also an attribute.
        query: the names of the query parameters that tell pages apart.
    """

    __slots__ = ("_query", "_service", "prefix")

    def __init__(self, service: Service, prefix: str, query: Collection[str] = ()) -> None:
        self._service = service
        self._query = query
        self.prefix = prefix

    def react(self, target: str, emoji: str) -> Counts:
        """Add a reaction to a target of the tenant.

        Args:
            target: the target in its decoded form.
            emoji: text that starts with the emoji.

        Returns:
            The counts after it, the largest first.

        Raises:
            InvalidTarget, InvalidEmoji, EmojiNotAllowed: nothing was stored.
            BackendError: the storage failed; nothing was stored, unless it is OutcomeUnknown.
        """
        return self._service.react(self._stored(target), emoji)

    def reactions(self, target: str) -> Counts:
        """The counts of a target of the tenant, emoji -> count, the largest first.

        Raises:
            InvalidTarget: the target is not valid.
            BackendError: the storage failed.
        """
        return self._service.reactions(self._stored(target))

    def reactions_of(self, targets: Iterable[str]) -> dict[str, Counts]:
        """The counts of several targets of the tenant, in one storage call.

        Returns:
            Each target as it was given -> its counts; ``{}`` for a target without counts.

        Raises:
            InvalidTarget: one of the targets is not valid.
            BackendError: the storage failed.
        """
        return counts_of_each(targets, self._stored, self._service.reactions_of)

    def list(self, prefix: str = "", cursor: str | None = None, limit: int = 100) -> Listing:
        """One page of the tenant's targets that have counts.

        Args:
            prefix: only targets that start with it, as the tenant spells them; a leading slash is ignored.
            cursor: where to continue, from the previous page; None starts.
            limit: the maximum number of targets, 1 to 1000.

        Raises:
            InvalidRequest: the cursor is not from such a list.
            ValueError: the limit is out of range.
            ApiException: 501, the storage cannot list its targets.
            BackendError: the storage failed.
        """
        if not 1 <= limit <= 1000:
            raise ValueError(f"limit={limit} is not valid: expected 1 to 1000")
        start = normalize("NFC", prefix).lstrip("/")
        if NOT_TEXT.search(start):
            # No target has such a character, and not every storage accepts it in a query.
            return Listing([], None)
        try:
            backend = listed(self._service.backend)
        except CapabilityMissing as error:
            raise ApiException(str(error), 501) from error
        page = backend.list(self.prefix + start, cursor, limit)
        # Whatever another tenant's cursor does in a backend, only this tenant's targets are returned.
        own = [row for row in page.targets if row[0].startswith(self.prefix)]
        rows = [(target[len(self.prefix) :] or "/", ordered(counts)) for target, counts in own]
        return Listing(rows, page.cursor)

    def _stored(self, target: str) -> str:
        return scoped_target(self.prefix, target, self._query)

    def __repr__(self) -> str:
        return f"<Scoped {self.prefix}>"


def _load_user() -> Any:
    loader = state_of().users.get("user")
    if loader is None:
        raise OpenHeartError(
            "This app has no user loader: set one with @openheart.user_loader, or with @oh.user_loader if oh "
            "is an OpenHeart; or set flask.g.user"
        )
    if _LOADING in g:
        raise OpenHeartError("The user loader calls get_user(), which calls the user loader")
    setattr(g, _LOADING, True)
    try:
        return call(app_of(), loader)
    finally:
        g.pop(_LOADING)


def _tenant_of(user: Any) -> tuple[Literal["tenant", "user"], Any]:
    # Flask-Login has an object for anonymous users, and returns a proxy, which is never None itself.
    if user is None or getattr(user, "is_authenticated", True) is False:
        raise NotLoggedIn("nobody is logged in, so there is no tenant: require a login, or pass a tenant")
    loader = state_of().users.get("tenant")
    if loader is not None:
        found = call(app_of(), loader, user)
        if found is None:
            raise TenantError("the tenant loader returned None for this user: every target needs a tenant")
        return "tenant", found
    if isinstance(user, str | int | uuid.UUID):
        return "user", user
    kinds: tuple[tuple[Literal["tenant", "user"], str], ...] = (("tenant", "tenant"), ("user", "id"))
    for kind, name in kinds:
        found = user.get(name, _MISSING) if isinstance(user, Mapping) else getattr(user, name, _MISSING)
        if found is None:
            raise TenantError(f"the user's {name} is None: every target needs a tenant")
        if found is not _MISSING:
            return kind, found
    raise TenantError("the user has neither a tenant nor an id: set a function with @openheart.tenant_loader")


def _scope(kind: Literal["tenant", "user"], value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | uuid.UUID):
        raise TenantError(
            f"a {kind} cannot be a {type(value).__name__}: expected text, a whole number or a UUID, such as "
            "its id from @openheart.tenant_loader"
        )
    # The value of an enumeration, not its name.
    text = (
        str.__str__(value) if isinstance(value, str) else str(int(value) if isinstance(value, int) else value)
    )
    try:
        return scope_of(kind, text)
    except ValueError as error:
        raise TenantError(f"the {kind} is not valid: {error}") from None
