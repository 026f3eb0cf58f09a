"""Functions to call before a process exits, whichever server runs it."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["at_exit"]


def at_exit(function: Callable[[], object]) -> Callable[[], object]:
    """Call a function when this process exits, while its threads still run; not in forked processes.

    Args:
        function: what to call.

    Returns:
        A function that cancels the call.
    """
    # Imported when it is needed. Not atexit, because the processes of multiprocessing, in which granian
    # works, do not run its functions.
    from multiprocessing.util import Finalize

    return Finalize(None, function, exitpriority=10).cancel
