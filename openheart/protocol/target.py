"""What is reacted to: one page is one target, however it was spelt."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from operator import itemgetter
from unicodedata import normalize
from urllib.parse import quote, unquote, unquote_to_bytes

from ..errors import InvalidTarget
from ..system.hosts import DEFAULT_PORTS, ascii_host
from ..system.text import NOT_TEXT, escape_controls

__all__ = [
    "MAX_TARGET_BYTES",
    "canonical_target",
    "kept_query",
    "split_query",
    "target_from_bytes",
    "target_from_url",
]

MAX_TARGET_BYTES = 512
"""The longest canonical target, in bytes of UTF-8."""

# A canonical target in printable ASCII; a segment that starts with a dot is not decided here.
_is_plain = re.compile(r"(?!-(?:/|\Z))[ -\-0-~][ -.0-~]*(?:/[ -\-0-~][ -.0-~]*)*").fullmatch

_PORTS = {f"{scheme}://": {str(port)} for scheme, port in DEFAULT_PORTS.items()}
_PORTS["//"] = set().union(*_PORTS.values())

_TOO_LONG = f"The target is longer than {MAX_TARGET_BYTES} bytes of UTF-8: choose a shorter one for this page"

# NFC makes a text at most four times shorter; more than this can only be too long.
_MOST_CHARACTERS = 4 * MAX_TARGET_BYTES

# What stays percent-encoded in a kept query: what would end a value, begin a query, or make another segment,
# and the character that NFC would join to the "=" before it.
_IN_VALUES = str.maketrans({char: quote(char, safe="") for char in "%&+#/?\u0338"})


def canonical_target(text: str, query: Collection[str] = (), *, strict: bool = False) -> str:
    """Bring a target to its one spelling.

    A leading ``http://``, ``https://`` or ``//`` is removed, and only then is the host lower-cased and
    written in ASCII as browsers send it (``xn--``), and its default port removed. Empty segments are
    removed, and with them leading and trailing slashes. The result is in NFC. Applying it twice changes
    nothing more.

    A ``?`` is a character as any other, unless a parameter after the last one is in ``query``: then these
    parameters end the target, sorted by name, and the others are removed.

    Args:
        text: the target, decoded: a ``%`` in it is a per cent sign.
        query: the names of the parameters that tell pages apart (OPENHEART_QUERY).
        strict: refuse to remove a parameter.

    Returns:
        The canonical target: ``"/"`` for the front page, otherwise segments joined by ``/``; with a kept
        query ``example.com/?p=12`` or ``example.com/post?p=12``.

    Raises:
        InvalidTarget: a segment ``.`` or ``..``, a first segment ``-`` (openheart's own addresses), a
            control character, an unpaired surrogate, a user name or a character that no host has in the
            host, or more than MAX_TARGET_BYTES; or, with ``strict``, a parameter that is not kept.
    """
    if query and "?" in text:
        address, kept = split_query(text, query)
        if kept:
            if strict:
                _require_kept(text, text.rpartition("?")[2], query)
            return _with_query(canonical_target(address), kept)
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


def kept_query(raw: str, query: Collection[str]) -> str:
    """The parameters of a query that are kept, in the one spelling in which they are stored.

    Args:
        raw: the query of a URL, percent-encoded, without the ``?``.
        query: the names of the parameters that tell pages apart.

    Returns:
        Such as ``p=12``, sorted by name; ``""`` if there are none.

    Raises:
        InvalidTarget: a parameter that is kept is not UTF-8.
    """
    if not query:
        return ""
    kept = []
    for name, value in _parameters(raw):
        if name in query:
            try:
                text = normalize("NFC", unquote_to_bytes(value).decode())
            except UnicodeError:
                raise InvalidTarget(
                    f"The parameter {name!r} is not UTF-8: percent-encode its UTF-8 bytes"
                ) from None
            kept.append((name, text.translate(_IN_VALUES)))
    # Parameters of one name stay in their order, which may mean something.
    return "&".join(f"{name}={value}" for name, value in sorted(kept, key=itemgetter(0)))


def split_query(text: str, query: Collection[str]) -> tuple[str, str]:
    """Separate the parameters that are kept from the address of a page.

    Args:
        text: the target, decoded.
        query: the names of the parameters that tell pages apart.

    Returns:
        The text before the last ``?``, and the kept parameters as they are stored; the whole text and ``""``
        if there are none.

    Raises:
        InvalidTarget: a parameter that is kept is not UTF-8.
    """
    address, mark, raw = text.rpartition("?")
    kept = kept_query(raw, query) if mark else ""
    return (address, kept) if kept else (text, "")


def target_from_bytes(raw: bytes, query: Collection[str] = ()) -> str:
    """Read the target from a request's path.

    Args:
        raw: the bytes of PATH_INFO after the prefix, decoded once by the server and never again.
        query: as in ``canonical_target``.

    Returns:
        The canonical target.

    Raises:
        InvalidTarget: it is not UTF-8, or not a valid target.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise InvalidTarget("The target is not UTF-8: percent-encode the path's UTF-8 bytes") from None
    return canonical_target(text, query)


def target_from_url(text: str, query: Collection[str] = (), *, strict: bool = False) -> str:
    """Read the target as it is written in a URL: in ``?target=``, in a form, or on the command line.

    Args:
        text: a URL or a path, percent-encoded or not; the fragment is not part of the target.
        query: the names of the parameters that tell pages apart (OPENHEART_QUERY); the others are not part
            of the target. A ``?`` that is written ``%3F`` begins no query.
        strict: refuse a parameter that is not part of the target.

    Returns:
        The canonical target.

    Raises:
        InvalidTarget: it is not UTF-8, or not a valid target; or, with ``strict``, it has other parameters.
    """
    address, _, raw = text.partition("#")[0].partition("?")
    if strict and raw:
        _require_kept(text, raw, query)
    kept = kept_query(raw, query)
    if "%" in address:
        try:
            target = target_from_bytes(unquote_to_bytes(address))
        except UnicodeEncodeError:
            target = canonical_target(address)
    else:
        target = canonical_target(address)
    return _with_query(target, kept) if kept else target


def _parameters(raw: str) -> Iterator[tuple[str, str]]:
    for part in raw.replace("+", " ").split("&"):
        name, _, value = part.partition("=")
        if part:
            yield unquote(name), value


def _require_kept(text: str, raw: str, query: Collection[str]) -> None:
    cut = [*dict.fromkeys(name for name, _ in _parameters(raw) if name not in query)]
    if cut:
        raise InvalidTarget(
            f"The target {text!r} would lose {', '.join(map(repr, cut))} of its query: leave it out, or set "
            f"OPENHEART_QUERY={','.join([*query, *cut])} if it tells pages apart; a '?' in a path is %3F"
        )


def _with_query(target: str, kept: str) -> str:
    # A slash after a host alone, as browsers write it.
    slash = "" if "/" in target else "/"
    return canonical_target(f"{target}{slash}?{kept}")


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
