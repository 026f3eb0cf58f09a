"""``python -m openheart`` is the command ``openheart``."""

from __future__ import annotations

from .cli import main

if __name__ == "__main__":
    main()
