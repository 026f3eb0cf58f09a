"""Sessions in Valkey, on the base class of Flask-Session: read at first use, stored as Flask's own JSON.

Flask-Session's stores for Redis and for cachelib are not used: one needs another driver, and both read
pickle, so anyone who can write to the server could run code here.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from flask import Flask, Request, Response, has_request_context, request
from flask.json.tag import TaggedJSONSerializer
from flask.sessions import SessionMixin
from flask_session.base import ServerSideSessionInterface
from valkey.exceptions import ResponseError
from werkzeug.exceptions import ServiceUnavailable

from ...errors import BatteryError, BatteryUnavailable
from ...system.breaker import Breaker, Unavailable
from ...system.hosts import is_loopback
from ...system.logs import log_failure
from ..battery import battery_of
from ..valkey.battery import CLOSED, Valkey, failures

if TYPE_CHECKING:
    from valkey import Valkey as Client

__all__ = ["SessionsUnavailable", "StoredSession", "ValkeySessionInterface"]

# Headers of a response that is replaced.
_OF_THE_BODY = ("Content-Encoding", "Content-Range", "ETag", "Last-Modified", "Location")


class SessionsUnavailable(BatteryUnavailable, ServiceUnavailable):  # type: ignore[misc]
    """A session cannot be read or stored. If the app does not catch it, the visitor gets a 503.

    Args:
        detail: what happened, for the operator.
    """

    def __init__(self, detail: str) -> None:
        super().__init__("sessions", detail)
        self.retry_after = BatteryError.retry_after  # type: ignore[misc]
        self.description = f"{self.title}. Please try again in {self.retry_after} seconds."

    def get_headers(self, *args: Any, **kwargs: Any) -> list[tuple[str, str]]:
        """The headers of the answer."""
        return [*super().get_headers(*args, **kwargs), ("Cache-Control", "no-store")]

    def __str__(self) -> str:
        return f"{self.battery}: {self.detail}"


class StoredSession(SessionMixin):
    """The session of a request. It is read from the server at first use.

    Args:
        find: returns the data of a session by its id, or None if it does not exist.
        make_id: makes a new id.
        sid: the id in the visitor's cookie.

    Attributes:
        sid: its id.
        modified: whether it must be stored.
        accessed: whether it was used.
        is_stored: whether it existed before this request.
        is_lost: whether it could not be read; it looks empty then, and is not stored.
        is_over: whether it was ended elsewhere during this request; its cookie is not set again.
    """

    def __init__(
        self, find: Callable[[str], dict[str, Any] | None], make_id: Callable[[], str], sid: str | None
    ) -> None:
        self._find = find
        self._make_id = make_id
        self._data: dict[str, Any] | None = None
        self.sid = sid or ""
        self.modified = False
        self.accessed = False
        self.is_stored = False
        self.is_lost = False
        self.is_over = False

    @property
    def new(self) -> bool:  # type: ignore[override]
        """Whether it did not exist before this request."""
        self._read()
        return not self.is_stored

    def __getitem__(self, key: str) -> Any:
        return self._read()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._read()[key] = value
        self.modified = True

    def __delitem__(self, key: str) -> None:
        del self._read()[key]
        self.modified = True

    def __iter__(self) -> Iterator[str]:
        return iter(self._read())

    def __len__(self) -> int:
        return len(self._read())

    def __bool__(self) -> bool:
        return bool(self._read().keys() - {"_permanent"})

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {'unread' if self._data is None else self._data!r}>"

    def _read(self) -> dict[str, Any]:
        if self._data is None:
            self.accessed = True
            # After a failure it looks empty, because the app's error page may read it too.
            self._data = {}
            try:
                found = self._find(self.sid) if self.sid else None
            except BaseException:
                # After any error: the empty session must not overwrite the stored one.
                self.is_lost = True
                raise
            if found is None:
                # Never the id in the cookie: somebody else may have planted it.
                self.sid = self._make_id()
            else:
                self._data = found
                self.is_stored = True
        return self._data


class _WithSettings:
    """A response whose cookies have all of Flask's settings, which Flask-Session leaves out in part.

    A browser ignores a deletion whose settings are not those of the cookie.
    """

    def __init__(self, response: Response, settings: dict[str, Any]) -> None:
        self._settings = settings
        self._response = response
        self.vary = response.vary

    def set_cookie(self, **given: Any) -> None:
        self._response.set_cookie(**{**given, **self._settings})

    def delete_cookie(self, **given: Any) -> None:
        self._response.delete_cookie(**{**given, **self._settings})


class ValkeySessionInterface(ServerSideSessionInterface):  # type: ignore[misc]
    """The sessions of one application.

    Args:
        app: the application.
        prefix: the prefix of their keys.
        breaker: returns the breaker of this process.
        logger: where it logs.
    """

    session_class = StoredSession

    def __init__(
        self, app: Flask, prefix: str, breaker: Callable[[], Breaker], logger: logging.Logger
    ) -> None:
        super().__init__(app, key_prefix=prefix, permanent=False)
        self._app = app
        self._breaker = breaker
        self._logger = logger
        self._json = TaggedJSONSerializer()

    def open_session(self, app: Flask, request: Request) -> StoredSession:
        """The session of a request; reads nothing from the server yet."""
        sid = request.cookies.get(self.get_cookie_name(app))
        return StoredSession(self._find, lambda: str(self._generate_sid(self.sid_length)), sid)

    def save_session(self, app: Flask, session: StoredSession, response: Response) -> None:
        """Store a session that was changed; do nothing with one that was not used."""
        if not session.accessed:
            return
        if session.is_lost:
            response.vary.add("Cookie")
            return
        try:
            super().save_session(app, session, _WithSettings(response, self._cookie_settings(app)))
        except SessionsUnavailable as error:
            # Raised here it would always be a 500, because the view has answered already.
            _replace(response, _answer(app, error))

    def regenerate(self, session: StoredSession) -> None:
        """Give a session another id, even an empty one: it may be filled afterwards."""
        session.get("")
        if session.is_lost:
            return
        if session.is_stored:
            self._delete_session(self._get_store_id(session.sid))
        session.sid = str(self._generate_sid(self.sid_length))
        session.is_stored = False
        session.modified = True

    def should_set_cookie(self, app: Flask, session: StoredSession) -> bool:
        """As in Flask, but not for a session that was ended: the browser may have a newer cookie."""
        return not session.is_over and bool(super().should_set_cookie(app, session))

    def get_cookie_samesite(self, app: Flask) -> str:
        """SESSION_COOKIE_SAMESITE, by default ``Lax``."""
        return super().get_cookie_samesite(app) or "Lax"

    def get_cookie_secure(self, app: Flask) -> bool:
        """SESSION_COOKIE_SECURE; if it is None, True except for plain HTTP on this machine."""
        configured = app.config["SESSION_COOKIE_SECURE"]
        if configured is not None:
            return bool(configured)
        return not has_request_context() or request.is_secure or not is_loopback(_without_port(request.host))

    def _cookie_settings(self, app: Flask) -> dict[str, Any]:
        found = {
            "secure": self.get_cookie_secure(app),
            "httponly": self.get_cookie_httponly(app),
            "samesite": self.get_cookie_samesite(app),
        }
        # Flask has this setting since 3.1.
        name = "SESSION_COOKIE_PARTITIONED"
        return {**found, "partitioned": app.config[name]} if name in Flask.default_config else found

    def _get_store_id(self, sid: str) -> str:
        # A digest, so that the keys on the server do not reveal session ids, and any cookie can be looked up.
        return f"{self.key_prefix}{hashlib.sha256(sid.encode('utf-8', 'surrogatepass')).hexdigest()}"

    def _find(self, sid: str) -> dict[str, Any] | None:
        return self._retrieve_session_data(self._get_store_id(sid))

    def _retrieve_session_data(self, store_id: str) -> dict[str, Any] | None:
        with self._asking() as client:
            stored: Any
            if self._app.config["SESSION_REFRESH_EACH_REQUEST"]:
                stored = client.getex(store_id, ex=_seconds(self._app.permanent_session_lifetime))
            else:
                stored = client.get(store_id)
        if stored is None:
            return None
        with suppress(ValueError, TypeError, KeyError, AttributeError, RecursionError):
            data = self._json.loads(stored.decode())
            if isinstance(data, dict):
                return data
        self._logger.warning("A session in Valkey cannot be decoded and is ignored: %s", store_id)
        return None

    def _delete_session(self, store_id: str) -> None:
        with self._asking() as client:
            client.delete(store_id)

    def _upsert_session(self, session_lifetime: timedelta, session: StoredSession, store_id: str) -> None:
        # Reading it has already extended its lifetime.
        if session.modified:
            data = self._json.dumps(dict(session)).encode()
            with self._asking() as client:
                # A session that was ended during this request, as by a logout in another one, stays ended.
                done = client.set(store_id, data, ex=_seconds(session_lifetime), xx=session.is_stored)
            session.is_over = done is None

    @contextmanager
    def _asking(self) -> Iterator[Client]:
        breaker = self._breaker()
        failed: tuple[type[Exception], ...] = (*failures(), *CLOSED, Unavailable, BatteryError)
        try:
            breaker.admit()
            yield battery_of(Valkey, self._app).resource
        except failed as error:
            if isinstance(error, ResponseError):
                breaker.worked()
            elif not isinstance(error, Unavailable):
                breaker.failed(str(error))
            refusal = SessionsUnavailable(f"the Valkey of REDISTOGO_URL failed: {error}")
            log_failure(self._logger, refusal)
            raise refusal from error
        breaker.worked()


def _answer(app: Flask, error: SessionsUnavailable) -> Response:
    try:
        # The app may have its own error page.
        return app.make_response(app.handle_user_exception(error))
    except Exception:
        return app.make_response(error.get_response())


def _replace(response: Response, by: Response) -> None:
    response.close()
    response.direct_passthrough = False
    for name in _OF_THE_BODY:
        response.headers.pop(name, None)
    for name in dict.fromkeys(by.headers.keys()):
        response.headers.setlist(name, by.headers.getlist(name))
    response.status = by.status
    response.set_data(by.get_data())


def _seconds(lifetime: timedelta) -> int:
    return max(1, int(lifetime.total_seconds()))


def _without_port(host: str) -> str:
    name, _, port = host.rpartition(":")
    return name if port.isdecimal() else host
