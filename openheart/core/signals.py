"""What openheart announces, as blinker signals. Mail, webhooks, live updates and metrics connect here."""

from __future__ import annotations

import logging
from copy import copy
from typing import Any

from blinker import NamedSignal, Namespace

__all__ = ["announce", "reaction_added"]

reaction_added: NamedSignal = Namespace().signal("reaction-added")
"""A reaction was stored. The sender is the Flask app; keyword arguments: ``target`` (str), ``emoji``
(str) and ``counts`` (dict of emoji -> count after it, the largest first, the listener's own copy)."""


def announce(signal: NamedSignal, sender: object, logger: logging.Logger, **data: Any) -> None:
    """Call every listener of a signal. One that raises is logged and does not stop the others.

    Args:
        signal: what to announce.
        sender: whose signal it is; the Flask app.
        logger: where a listener's failure goes.
        data: keyword arguments of the listeners; each gets its own copies.
    """
    for receiver in signal.receivers_for(sender):
        try:
            receiver(sender, **{name: copy(value) for name, value in data.items()})
        except Exception:
            logger.exception("A listener of %s failed; the reaction itself is stored", signal.name)
