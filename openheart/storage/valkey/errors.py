"""What went wrong with a command, whether to try again, and what an operator should do."""

from __future__ import annotations

import re
from enum import Enum

from valkey.exceptions import BusyLoadingError, NoScriptError, ReadOnlyError

from ...system.breaker import Unavailable

__all__ = ["Lost", "Verdict", "fix_for", "judge"]


class Lost(Exception):
    """The command was sent, but its answer was lost."""


class Verdict(Enum):
    """What a failure means for the command, and what to do.

    Attributes:
        AGAIN: it was not executed, now or on this server; try again.
        LOST: it may have been executed; try again with the same nonce.
        NOT_READY: the server refuses everything for now; try again.
        READ_ONLY: the server refuses writes for now; try again.
        ASK: another node serves this key, for this once.
        NO_SCRIPT: the server does not know the script yet.
        UNUSABLE: the server refused it, and will refuse it again.
    """

    AGAIN = "again"
    LOST = "lost"
    NOT_READY = "not ready"
    READ_ONLY = "read-only"
    ASK = "ask"
    NO_SCRIPT = "no script"
    UNUSABLE = "unusable"


_CLASSES: tuple[tuple[type[Exception], Verdict], ...] = (
    (Unavailable, Verdict.AGAIN),
    (Lost, Verdict.LOST),
    (BusyLoadingError, Verdict.NOT_READY),
    (ReadOnlyError, Verdict.READ_ONLY),
    (NoScriptError, Verdict.NO_SCRIPT),
)
# The first words of an answer; inside a script an older server puts other words before them.
_WORDS = (
    (re.compile(r"ASK \d+ \S+"), Verdict.ASK),
    (re.compile(r"(.*\b)?(LOADING|CLUSTERDOWN|MASTERDOWN|BUSY)\b"), Verdict.NOT_READY),
    (re.compile(r"(.*\b)?(READONLY|NOREPLICAS)\b"), Verdict.READ_ONLY),
    (re.compile(r"MOVED \d+ \S+|(.*\b)?(TRYAGAIN|UNBLOCKED|LATE)\b"), Verdict.AGAIN),
)
# Names of valkey-py's classes, because it takes the first word out of some texts, and words of the texts.
_FIXES = (
    (
        r"OutOfMemoryError|OOM|used memory >",
        "its memory is full: raise maxmemory, and keep maxmemory-policy at noeviction to lose no count",
    ),
    (
        r"NoPermissionError|NOPERM|no permissions|can't run this command|can't access",
        "its ACL does not allow this user to do that: add the rules on the documentation's page on Valkey",
    ),
    (
        r"AuthenticationError|NOAUTH|WRONGPASS|[Aa]uthentication|invalid password|without any password",
        "it does not accept this user and password: correct them in OPENHEART_URI",
    ),
    (r"WRONGTYPE", "another program wrote to a key of openheart's: give openheart its own database"),
    (r"MISCONF", "it cannot write its data to disk, so it accepts no writes: check its disk and its log"),
    (r"DB index|SELECT is not allowed", "it has no database of this number: correct it in OPENHEART_URI"),
    (r"cluster support disabled", "it is not a cluster: use a valkey:// URI"),
    (r"it is a node of a cluster", "use a valkey+cluster:// URI"),
    (
        r"it is a sentinel",
        "use valkey+sentinel://host:26379/service, with the name of the server that it watches",
    ),
    (r"it is not a sentinel", "use the port of a sentinel, usually 26379, or a valkey:// URI"),
    (r"unknown command", "it lacks a command that openheart needs: use Valkey 7.2 or Redis 6.2, or newer"),
    (r"overflow|not an integer", "this count would grow too large, or is not a number: nothing was added"),
)


def judge(error: Exception) -> Verdict:
    """Say what a failure means for its command."""
    for kind, verdict in _CLASSES:
        if isinstance(error, kind):
            return verdict
    return next((verdict for words, verdict in _WORDS if words.match(str(error))), Verdict.UNUSABLE)


def fix_for(error: Exception) -> str:
    """What an operator should do about a refusal, after a colon."""
    text = f"{type(error).__name__}: {error}"
    return next((fix for words, fix in _FIXES if re.search(words, text)), "check its log")
