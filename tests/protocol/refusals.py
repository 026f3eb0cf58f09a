"""What every refusal must be, whatever was refused."""

from __future__ import annotations

from openheart.errors import VisitorError

__all__ = ["assert_readable"]


def assert_readable(error: VisitorError) -> None:
    """Its text can be shown and sent: no control characters, no unpaired surrogates, not too much of it."""
    assert error.detail.isprintable()
    assert error.detail.encode()
    assert len(error.detail) < 500
