"""Names of variables: which are settings, which may have been meant, and which hold secrets."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

from ..system.masks import mask_uris
from .table import option_named

__all__ = [
    "PREFIX",
    "expected_name",
    "is_server_option",
    "mask_value",
    "nearest_name",
]

PREFIX = "OPENHEART_"
"""What the names of most settings start with."""

# Web servers export these (RFC 3875); Flask has a SERVER_NAME of its own.
CGI_VARIABLES = frozenset({"SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "SERVER_SOFTWARE"})
LOOKS_SECRET = re.compile(r"PASS|PWD|SECRET|TOKEN|KEY|AUTH|CRED", re.IGNORECASE)


def is_server_option(name: str) -> bool:
    """Whether a variable is an option of the server that SERVER names."""
    return name.startswith("SERVER_") and option_named(name) is None and name not in CGI_VARIABLES


def nearest_name(name: str, names: Iterable[str]) -> str | None:
    """The setting that may have been meant by an unknown name, or None.

    Args:
        name: the unknown name.
        names: those that are known.
    """
    # Without the prefix first: with it all names look alike.
    bare = {known.removeprefix(PREFIX): known for known in names}
    # Many people write OPEN_HEART, and OPEN is the start of another setting.
    written = name.upper().replace("OPEN_HEART_", PREFIX).removeprefix(PREFIX)
    near: list[str] = difflib.get_close_matches(written, list(bare), n=1)
    if near:
        return bare[near[0]]
    whole: list[str] = difflib.get_close_matches(name.upper(), list(bare.values()), n=1, cutoff=0.85)
    return whole[0] if whole else None


def expected_name(nearest: str | None, *, takes_flasks: bool = False) -> str:
    """What an error says it expected in place of an unknown name.

    Args:
        nearest: the setting that may have been meant.
        takes_flasks: whether Flask's own settings were accepted too.
    """
    kind = "a setting of openheart or Flask" if takes_flasks else "a setting"
    other = "set those of other extensions in app.config" if takes_flasks else "`openheart config` lists them"
    return f"the name of {kind}; {f'the nearest is {nearest}' if nearest else other}"


def mask_value(name: str, value: object) -> object:
    """The value of any variable, setting or not, as far as it may be shown."""
    if option := option_named(name):
        return option.show_refused(value)
    return "***" if LOOKS_SECRET.search(name) else mask_uris(value)
