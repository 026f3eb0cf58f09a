"""A server in a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

__all__ = ["ServerProcess", "frozen"]


class ServerProcess:
    """What tests do to a server from outside. Who derives from it starts ``_process``."""

    _process: subprocess.Popen[Any] | None = None

    def kill(self) -> None:
        """End it as a loss of power does."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            # Its output is read to the end too, so that nothing of it stays open.
            self._process.communicate()

    def freeze(self) -> None:
        """Let it keep its connections and answer nothing, until ``thaw()``."""
        self._signal(signal.SIGSTOP)
        if self._process is not None:
            # The signal takes a moment, in which it would still answer.
            os.waitpid(self._process.pid, os.WUNTRACED)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def close(self) -> None:
        """Stop it for good."""
        self.thaw()
        self.kill()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)


@contextlib.contextmanager
def frozen(server: ServerProcess) -> Iterator[None]:
    """A server that answers nothing in the block."""
    server.freeze()
    try:
        yield
    finally:
        server.thaw()
