"""``load(redis_session=True)``: sessions in the application's Valkey instead of the cookie."""

from __future__ import annotations

from flask import session

from ...core.state import app_of
from ...errors import BatteryUnavailable
from ...settings.config import INSTANCE, SECRET_KEY
from ...storage.valkey.row import OPENHEART_VALKEY_TIMEOUT
from ...system.breaker import Breaker
from ..battery import Battery, battery_of
from ..valkey.battery import Valkey, failures
from .row import ROW

__all__ = ["Sessions", "renew_session"]


def renew_session() -> None:
    """Give the session of the current request another id: call it where a visitor logs in or gets rights.

    An id that somebody else knew, or planted in the visitor's browser, is then useless. The data of the
    session stays. If sessions have no id on the server, like Flask's own, this does nothing.
    """
    renew = getattr(app_of().session_interface, "regenerate", None)
    if renew is not None:
        renew(session)


class Sessions(Battery[Breaker]):
    """The sessions of an application. Its resource remembers whether the server is unavailable."""

    row = ROW
    vital = True

    @property
    def prefix(self) -> str:
        """The prefix of the keys of these sessions."""
        return f"openheart-session:{self.app.name}:{self.config[INSTANCE] or ''}:"

    def install(self) -> None:
        self.require()
        # Imported here, because it imports the library.
        from .interface import ValkeySessionInterface

        if not self.app.config["SESSION_COOKIE_SECURE"]:
            # False is Flask's default. From here on, False is the app's choice, and None leaves it to us.
            self.app.config["SESSION_COOKIE_SECURE"] = None
        self.app.session_interface = ValkeySessionInterface(
            self.app, self.prefix, lambda: self.resource, self.logger
        )

    def require(self) -> None:
        super().require()
        battery_of(Valkey, self.app).require()

    def prove(self) -> None:
        if not self.app.secret_key:
            raise self.config.refusal(
                SECRET_KEY,
                "a secret that all processes of the app share, because sessions are on; make one with "
                "python -c 'import secrets; print(secrets.token_hex())'",
            )
        self.check()

    def open(self) -> Breaker:
        # Connecting is tried twice.
        return Breaker(2 * self.config[OPENHEART_VALKEY_TIMEOUT])

    def check(self) -> None:
        try:
            battery_of(Valkey, self.app).resource.set(f"{self.prefix}probe", b"", ex=10)
        except failures() as error:
            raise BatteryUnavailable(
                self.name, f"the Valkey of REDISTOGO_URL does not store sessions: {error}"
            ) from error
