"""Opens the start page in a browser once the server answers; does nothing without a terminal and a display.

Usage: python tools/open_browser.py URL
"""

from __future__ import annotations

import os
import sys
import time
import urllib.error
import urllib.request
import webbrowser

WAIT = 30.0  # seconds for the server to start


def wanted() -> bool:
    display = sys.platform in {"darwin", "win32"} or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))
    return sys.stdout.isatty() and display and not os.environ.get("CI")


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def main(url: str) -> None:
    if not wanted():
        return
    deadline = time.monotonic() + WAIT
    while time.monotonic() < deadline:
        if answers(url):
            webbrowser.open(url)
            return
        time.sleep(0.2)


if __name__ == "__main__":
    main(sys.argv[1])
