"""A real Chromium, driven as a visitor would."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from typing import TypeVar

from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.support.ui import WebDriverWait

from .requirements import program
from .servers.ports import free_port
from .waiting import PATIENCE

__all__ = ["complaints", "eventually", "open_browser"]

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=900,1150",
)

Found = TypeVar("Found")


@contextlib.contextmanager
def open_browser(*, javascript: bool = True) -> Iterator[Chrome]:
    """Chromium with a profile of its own; missing programs end the test as ``missing`` says."""
    browser = program("CHROMIUM", "chromium", "chromium-browser", "google-chrome", package="chromium")
    driver = program("CHROMEDRIVER", "chromedriver", package="chromium-driver")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = ChromeOptions()
        options.binary_location = str(browser)
        for argument in (*ARGUMENTS, f"--user-data-dir={profile}"):
            options.add_argument(argument)
        if not javascript:
            options.add_experimental_option(
                "prefs", {"profile.managed_default_content_settings.javascript": 2}
            )
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        service = ChromeService(executable_path=str(driver), port=free_port())
        page = Chrome(options=options, service=service)
        try:
            yield page
        finally:
            page.quit()


def eventually(page: Chrome, find: Callable[[], Found]) -> Found:
    """What a function gives as soon as that is true.

    While another page comes, the elements of the one before go as they are looked at. The driver calls that
    a stale element or, at some moments, an unknown error.
    """
    wait = WebDriverWait(page, PATIENCE, poll_frequency=0.02, ignored_exceptions=[WebDriverException])
    return wait.until(lambda _: find())


def complaints(page: Chrome) -> list[str]:
    """What the browser's console says about the page, such as what its own policy blocked."""
    log: list[dict[str, str]] = page.get_log("browser")  # type: ignore[no-untyped-call]
    return [entry["message"] for entry in log]
