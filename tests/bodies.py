"""Every form of body that a reaction is sent in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote

__all__ = ["BOUNDARY", "MULTIPART", "Form", "body_forms", "multipart"]

BOUNDARY = "0b1t"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"


class Form(NamedTuple):
    """A body, its type, and what sends it so."""

    name: str
    body: bytes
    content_type: str | None


def body_forms(text: str) -> Iterator[Form]:
    """The forms in which a text that starts with an emoji is sent."""
    raw = text.encode()
    escaped = quote(text).encode()
    form = "application/x-www-form-urlencoded"
    yield Form("raw", raw, None)
    yield Form("fetch", raw, "text/plain;charset=UTF-8")
    yield Form("octets", raw, "application/octet-stream")
    yield Form("plain form", raw + b"=\r\n", "text/plain")
    yield Form("percent-encoded", escaped, None)
    yield Form("curl -d", raw, form)
    yield Form("raw key", raw + b"=", form)
    yield Form("key", escaped + b"=", form)
    yield Form("field", b"emoji=" + escaped, form)
    yield Form("raw field", b"emoji=" + raw, form)
    yield Form("multipart", multipart(("emoji", text)), MULTIPART)
    yield Form("JSON", json.dumps({"emoji": text}, ensure_ascii=False).encode(), "application/json")
    yield Form("ASCII JSON", json.dumps({"emoji": text}).encode(), "application/json")


def multipart(*fields: tuple[str, str]) -> bytes:
    """A multipart form with these fields, as browsers write it."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields
    ]
    return f"{''.join(parts)}--{BOUNDARY}--\r\n".encode()
