"""What must be done before a process ends, whichever server ends it."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["at_end"]


def at_end(function: Callable[[], object]) -> Callable[[], object]:
    """Have a function called when this process ends, while its threads still run; not in forked ones.

    Args:
        function: what to call.

    Returns:
        A function that takes it back.
    """
    # Imported when it is needed, and not atexit: that is not asked at the end of multiprocessing's
    # processes, in which granian works.
    from multiprocessing.util import Finalize

    return Finalize(None, function, exitpriority=10).cancel
