"""Signed tokens of channels, which a page gives to a browser, so that it can listen to these only."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

from flask import Flask
from itsdangerous import BadData, SignatureExpired, URLSafeTimedSerializer

from ...errors import InvalidSignature
from ...settings.config import INSTANCE, SECRET_KEY, Config
from .row import OPENHEART_LIVE_LIFE

__all__ = ["Tokens"]


class Tokens:
    """The tokens of one application; tokens of another are not valid here, even with the same key.

    Args:
        app: the application, whose ``secret_key`` signs. Keys in SECRET_KEY_FALLBACKS are still read.
        config: its settings.
    """

    def __init__(self, app: Flask, config: Config) -> None:
        self._app = app
        self._config = config

    def require_key(self) -> None:
        """Check that there is a key to sign with.

        Raises:
            ConfigError: there is no key.
        """
        if not self._app.secret_key:
            raise self._config.refusal(
                SECRET_KEY,
                "a long random text that all processes share, because OPENHEART_LIVE is on and signs URLs; "
                "python -c 'import secrets; print(secrets.token_hex())' makes one",
            )

    def sign(self, channel: str) -> str:
        """The token of a channel."""
        return str(self._serializer().dumps(channel))

    def read(self, token: str) -> tuple[str, float]:
        """The channel of a token, and the time when it expires, in seconds since 1970.

        Raises:
            InvalidSignature: it has expired, or was not made by this application.
        """
        life = self._config[OPENHEART_LIVE_LIFE]
        try:
            channel, made = self._serializer().loads(token, max_age=int(life), return_timestamp=True)
        except SignatureExpired:
            raise InvalidSignature("This URL has expired; load the page again") from None
        except BadData:
            raise InvalidSignature(
                "Each channel= must come from live_url() of this site; at least one does not"
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
