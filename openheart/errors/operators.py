"""The root of all errors, and those of the operator and the developer."""

from __future__ import annotations

__all__ = [
    "BlueprintImportError",
    "CapabilityMissing",
    "ConfigError",
    "InvalidMail",
    "MissingDependency",
    "OpenHeartError",
    "SchemeError",
    "TenantError",
    "TransferError",
]


class OpenHeartError(Exception):
    """The root of every error that openheart raises on purpose."""


class ConfigError(OpenHeartError):
    """A setting cannot be used; raised at start-up, before anything is served.

    Args:
        key: the setting's name, such as ``PORT``.
        value: the value as given; the caller masks a secret first.
        source: where the value came from, such as ``the environment``.
        expected: what would be right, in words. All four are attributes too.
    """

    def __init__(self, key: str, value: object, source: str, expected: str) -> None:
        self.key = key
        self.value = value
        self.source = source
        self.expected = expected
        super().__init__(f"{key}={value!r} (from {source}) cannot be used: expected {expected}")


class SchemeError(ConfigError, RuntimeError):
    """No backend has the scheme of this URI; a RuntimeError too, as ``get_backend`` promises."""


class MissingDependency(ConfigError):
    """A feature was switched on whose library is not installed; the text names the extra."""


class InvalidMail(OpenHeartError, ValueError):
    """A mail cannot be made from the arguments: a bad address, a line break in a header, no text."""


class CapabilityMissing(OpenHeartError):
    """The storage lacks a capability, such as listing its targets; the text says what is unavailable."""


class TenantError(OpenHeartError):
    """It is not known whose targets are meant: nobody is logged in, or a tenant has no usable id."""


class BlueprintImportError(OpenHeartError, ImportError):
    """A module with blueprints cannot be imported; its cause is chained to it.

    Args:
        module: the dotted name of the module; also the attribute ``name``.
        cause: what its import raised.
    """

    def __init__(self, module: str, cause: Exception) -> None:
        super().__init__(
            f"The module {module!r} cannot be imported, so its blueprints are not registered: "
            f"{type(cause).__name__}: {cause}"
        )
        self.name = module


class TransferError(OpenHeartError):
    """A file of counts cannot be written, or a file to import is not valid; names the place."""
