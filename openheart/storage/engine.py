"""What openheart's own backends have in common: how they take their place and their options."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from .capabilities import Capped, Listed, Movable

__all__ = ["IN_URI", "Engine"]

IN_URI = "part of the URI"
"""The value in ``Engine.fixed`` of an option that cannot be given, because the URI has it."""


class Engine(Capped, Listed, Movable):
    """A backend with every capability, which takes its URI and options from the constructor or ``connect``.

    Options that are not its own go to its driver.
    """

    separates_instances = True
    exactly_once = True
    errors = ()

    driver: ClassVar[str] = ""
    """What takes the options that are not ours, for people to read."""

    positions: ClassVar[tuple[str, ...]] = ()
    """The driver's names of positional arguments after the place."""

    synonyms: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Options of the driver that are one of ours under another name: its name -> ours."""

    fixed: ClassVar[Mapping[str, object]] = MappingProxyType({})
    """Options of the driver on which a promise of ours depends: its name -> the only value that can be given,
    or IN_URI."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self._args:
            self._configure(*self._args, **self._kwargs)

    def connect(self, uri: str | None = None, *args: Any, **kwargs: Any) -> None:
        """Open the storage, and create it if it does not exist. Calling it twice does nothing.

        Args:
            uri: where it is; what the constructor was given by default. Where another place or other options
                are given, what is open is closed first.
            args: the driver's positional arguments after the place.
            kwargs: the options of this class, and those of the driver.

        Raises:
            ConfigError: the URI is not valid for this kind of backend.
            TypeError: there is no URI, or an option that cannot be used.
            BackendError: it cannot be opened; the text says what to do.
        """
        uri = uri or self.uri
        if not uri:
            raise TypeError(f"{type(self).__name__} has no URI: give it to connect() or to the constructor")
        given = (uri, *args)
        if (args or kwargs or uri != self.uri) and (given, kwargs) != (self._args, self._kwargs):
            self.disconnect()
            self._configure(uri, *args, **kwargs)
            self.uri, self._args, self._kwargs = uri, given, kwargs
        self._connect()

    @abc.abstractmethod
    def _use(self, uri: str, driver: dict[str, Any], *_: Any, **options: Any) -> None:
        """Take the place and the options, without opening anything.

        Args:
            uri: where the storage is.
            driver: the options of the driver.
            options: those of ``settings``.

        Raises:
            ConfigError: the URI is not valid.
        """

    def _try(self, uri: str, driver: dict[str, Any]) -> None:
        """Let the driver see its options, without opening anything; it raises a TypeError or ValueError."""
        raise TypeError("there is no such option")

    @abc.abstractmethod
    def _connect(self) -> None:
        """Open the storage."""

    def _configure(self, uri: str, *args: Any, **kwargs: Any) -> None:
        name = type(self).__name__
        if len(args) > len(self.positions):
            raise TypeError(
                f"{name} was given {1 + len(args)} arguments by position and takes at most "
                f"{1 + len(self.positions)}, the URI first: give the others by name"
            )
        own: dict[str, Any] = {}
        driver: dict[str, Any] = {}
        for option, value in {**dict(zip(self.positions, args, strict=False)), **kwargs}.items():
            keyword = self.synonyms.get(option, option)
            if keyword in self.settings:
                own[keyword] = value
            elif option not in self.fixed:
                driver[option] = value
            elif self.fixed[option] == IN_URI:
                raise TypeError(f"{name} does not take {option}: it is {IN_URI}")
            elif value != self.fixed[option]:
                raise TypeError(
                    f"{name} does not take {option}={value!r}: here it is always {self.fixed[option]!r}"
                )
        if driver:
            try:
                self._try(uri, driver)
            except (TypeError, ValueError) as error:
                others = f", and those of {self.driver}" if self.driver else ""
                raise TypeError(
                    f"{name} cannot use {', '.join(driver)}: {error}. Its options are "
                    f"{', '.join(self.settings) or 'none'}{others}"
                ) from error
        self._use(uri, driver, **own)
