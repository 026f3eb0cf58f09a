"""What is reacted to: one page is one target, however it was spelt."""

from __future__ import annotations

import re
from unicodedata import normalize
from urllib.parse import unquote_to_bytes

from ..errors import InvalidTarget
from ..system.hosts import DEFAULT_PORTS, ascii_host
from ..system.text import NOT_TEXT, escape_controls

__all__ = ["MAX_TARGET_BYTES", "canonical_target", "target_from_bytes", "target_from_url"]

MAX_TARGET_BYTES = 512
"""The longest canonical target, in bytes of UTF-8."""

# A canonical target in printable ASCII; a segment that starts with a dot is not decided here.
_is_plain = re.compile(r"(?!-(?:/|\Z))[ -\-0-~][ -.0-~]*(?:/[ -\-0-~][ -.0-~]*)*").fullmatch

_PORTS = {f"{scheme}://": {str(port)} for scheme, port in DEFAULT_PORTS.items()}
_PORTS["//"] = set().union(*_PORTS.values())

_TOO_LONG = f"The target is longer than {MAX_TARGET_BYTES} bytes of UTF-8: choose a shorter one for this page"

# NFC makes a text at most four times shorter; more than this can only be too long.
_MOST_CHARACTERS = 4 * MAX_TARGET_BYTES


def canonical_target(text: str) -> str:
    """Bring a target to its one spelling.

    A leading ``http://``, ``https://`` or ``//`` is removed, and only then is the host lower-cased and
    written in ASCII as browsers send it (``xn--``), and its default port removed. Empty segments are
    removed, and with them leading and trailing slashes. The result is in NFC. Applying it twice changes
    nothing more.

    Args:
        text: the target, decoded: a ``%`` in it is a per cent sign.

    Returns:
        The canonical target: ``"/"`` for the front page, otherwise segments joined by ``/``.

    Raises:
        InvalidTarget: a segment ``.`` or ``..``, a first segment ``-`` (openheart's own addresses), a
            control character, an unpaired surrogate, a user name or a character that no host has in the
            host, or more than MAX_TARGET_BYTES.
    """
    if len(text) <= MAX_TARGET_BYTES and _is_plain(text):
        return text
    host, path = _split(text)
    segments = [segment for segment in (host, *path.split("/")) if segment]
    target = "/".join(segments)
    if len(target) > _MOST_CHARACTERS:
        raise InvalidTarget(_TOO_LONG)
    found = NOT_TEXT.search(target)
    if found:
        code = f"U+{ord(found[0]):04X}"
        raise InvalidTarget(f"The target holds the character {code}: leave control characters out")
    target = normalize("NFC", target)
    if len(target.encode()) > MAX_TARGET_BYTES:
        raise InvalidTarget(_TOO_LONG)
    if "." in segments or ".." in segments:
        raise InvalidTarget("The target has a segment '.' or '..': write the path that it leads to")
    if segments[:1] == ["-"]:
        raise InvalidTarget("A first segment '-' is reserved for openheart's own addresses: choose another")
    return target or "/"


def target_from_bytes(raw: bytes) -> str:
    """Read the target from a request's path.

    Args:
        raw: the bytes of PATH_INFO after the prefix, decoded once by the server and never again.

    Returns:
        The canonical target.

    Raises:
        InvalidTarget: it is not UTF-8, or not a valid target.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise InvalidTarget("The target is not UTF-8: percent-encode the path's UTF-8 bytes") from None
    return canonical_target(text)


def target_from_url(text: str) -> str:
    """Read the target as it is written in a URL: in ``?target=``, in a form, or on the command line.

    Args:
        text: a URL or a path, percent-encoded or not; the query and the fragment are not part of
            the target.

    Returns:
        The canonical target.

    Raises:
        InvalidTarget: it is not UTF-8, or not a valid target.
    """
    text = text.partition("#")[0].partition("?")[0]
    if "%" not in text:
        return canonical_target(text)
    try:
        raw = unquote_to_bytes(text)
    except UnicodeEncodeError:
        return canonical_target(text)
    return target_from_bytes(raw)


def _split(text: str) -> tuple[str, str]:
    """The host, canonical and possibly empty, and what follows it."""
    path = text.lstrip("/")
    slashes = len(text) - len(path)
    scheme = path[: path.find("//", 0, 8) + 2].lower()
    if scheme in ("http://", "https://"):
        path = path[len(scheme) :]
    elif slashes == 2:
        scheme = "//"
    else:
        return "", path
    host, _, path = path.partition("/")
    if "@" in host:
        raise InvalidTarget("The target names a user before the host: leave out everything up to the '@'")
    if len(host) > _MOST_CHARACTERS:
        raise InvalidTarget(_TOO_LONG)
    name, colon, port = host.lower().rpartition(":")
    if not colon:
        name, port = port, ""
    try:
        name = ascii_host(name)
    except ValueError:
        # Control characters are named for the whole target.
        if not NOT_TEXT.search(name):
            raise InvalidTarget(f"There is no host {escape_controls(name)!r}: correct it") from None
    is_default = not port or port.lstrip("0") in _PORTS[scheme]
    return (name if is_default else f"{name}:{port}"), path
