"""An application in a process of its own, and a visitor with cookies."""

from __future__ import annotations

import http.cookiejar
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from .servers.ports import free_port
from .waiting import PATIENCE, until

__all__ = ["Site", "Visitor"]

ROOT = Path(__file__).parents[1]


class Visitor:
    """Somebody with a browser and cookies.

    Args:
        url: where the site is.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))

    def ask(
        self,
        path: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> bytes:
        """The body of the answer."""
        request = urllib.request.Request(
            self._url + path, data=body, method=method, headers={**(headers or {})}
        )
        try:
            with self._opener.open(request, timeout=PATIENCE) as answer:
                read: bytes = answer.read()
        except urllib.error.HTTPError as error:
            # Its body is an open file, and from Python 3.14 on it warns when nobody closes it.
            error.close()
            raise
        return read


class Site:
    """``python app.py`` on a free port, until it is closed.

    Args:
        folder: where app.py is.
        variables: more of the environment.

    Attributes:
        url: where it listens.
        process: its process.
    """

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        environment = {**os.environ, **variables, "PORT": str(port), "PYTHONPATH": path}
        self.process = subprocess.Popen([sys.executable, "app.py"], cwd=folder, env=environment)
        try:
            until(lambda: self.process.poll() is not None or Visitor(self.url).ask("/"))
            assert self.process.returncode is None, f"it ended at once with {self.process.returncode}"
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Tell it to stop, and wait for that."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE)
