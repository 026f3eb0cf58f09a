"""Channels as a page hands them to a browser: signed, so that it hears those and no other."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from flask import Flask
from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer

from ...errors import ConfigError, InvalidSignature
from ...settings.config import INSTANCE, SECRET_KEY, Config
from .row import OPENHEART_LIVE_LIFE

__all__ = ["Tokens"]


class Tokens:
    """The tokens of one application; those of another are none of its own, even with the same key.

    Args:
        app: the application, whose ``secret_key`` signs. Keys in SECRET_KEY_FALLBACKS are still read.
        config: its settings.
    """

    def __init__(self, app: Flask, config: Config) -> None:
        self._app = app
        self._config = config

    def require_key(self) -> None:
        """See that there is a key to sign with.

        Raises:
            ConfigError: there is none.
        """
        if not self._app.secret_key:
            raise ConfigError(
                SECRET_KEY.name,
                None,
                self._config.source(SECRET_KEY),
                "a long random text that all processes share, because OPENHEART_LIVE is on and signs what "
                "browsers may hear; python -c 'import secrets; print(secrets.token_hex())' makes one",
            )

    def sign(self, channel: str) -> str:
        """The token of a channel."""
        token: str = self._serializer().dumps(channel)
        return token

    def read(self, token: str) -> tuple[str, float]:
        """The channel of a token, and the time when it ends, in seconds since 1970.

        Raises:
            InvalidSignature: it is too old, or not one of ours.
        """
        life = self._config[OPENHEART_LIVE_LIFE]
        try:
            channel, made = self._serializer().loads(token, max_age=int(life), return_timestamp=True)
        except SignatureExpired:
            raise InvalidSignature("This address is too old to listen with; load the page again") from None
        except BadData:
            raise InvalidSignature(
                "Each channel= is what live_url() gave to a page of this site; one of these is not"
            ) from None
        assert isinstance(made, datetime)
        return str(channel), made.astimezone(UTC).timestamp() + life

    def _serializer(self) -> URLSafeTimedSerializer:
        self.require_key()
        keys = [*(self._app.config.get("SECRET_KEY_FALLBACKS") or ()), self._app.secret_key]
        salt = f"openheart.live:{self._app.name}:{self._config[INSTANCE] or ''}"
        return URLSafeTimedSerializer(
            keys, salt=salt, signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha256}
        )
