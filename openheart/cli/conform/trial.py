"""One reaction before all cases: does the server count it, and does it show its counts?"""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from ...protocol.vectors import Request
from .checks import counts_in, shown
from .exchange import RateLimited, Response, Send
from .placing import PLAIN, Placing

__all__ = ["Trial", "find_server", "try_reaction"]

_TEXT = {"Content-Type": "text/plain;charset=UTF-8"}
HIDING = (403, 404)
"""What a server answers to GET that hides its counts (openheart.fyi)."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of one reaction.

    Attributes:
        fits: the server behaves as one of OpenHeart: it counted the reaction, or took it and hides its
            counts.
        hides: it hides its counts.
        refuses: it refuses the emoji, as a server may.
        doubt: why a case that passes proves nothing about this server; None where the reaction was counted.
    """

    fits: bool
    hides: bool
    refuses: bool
    doubt: str | None


def try_reaction(send: Send, placing: Placing, name: str) -> Trial:
    """React once and read the counts.

    Args:
        send: sends a request to the server.
        placing: how requests are written for it.
        name: the name of a target without reactions.

    Raises:
        ConfigError: nothing listens there.
    """
    names = {"target": name}
    emoji = placing.text("🥨")
    try:
        post = send(placing.request(Request("POST", "/{target}", _TEXT, "🥨".encode()), names))
        get = send(placing.request(Request("GET", "/{target}", {}, None), names))
    except RateLimited as error:
        return Trial(fits=True, hides=False, refuses=False, doubt=f"the server limits the rate: {error}")
    except (OSError, http.client.HTTPException) as error:
        return Trial(fits=True, hides=False, refuses=False, doubt=f"the server gave no answer ({error})")
    hides = get.status in HIDING
    is_counted = get.status == 200 and _is_in(emoji, get)
    if is_counted:
        return Trial(fits=True, hides=False, refuses=False, doubt=None)
    answered = f"POST was answered with {post.status} {shown(post.body)}"
    if post.status == 400:
        doubt = f"the server refuses {emoji}, as the protocol allows; --emoji names others ({answered})"
    elif post.status >= 400:
        doubt = f"the server takes no reaction ({answered})"
    elif not hides:
        doubt = f"a reaction with {emoji} is not in the counts afterwards ({get.status} {shown(get.body)})"
    elif post.status >= 300:
        doubt = f"a redirect ({post.status}) proves nothing, and GET is answered with {get.status}"
    else:
        doubt = f"the server hides its counts (GET is answered with {get.status})"
    is_taken = 200 <= post.status < 300
    return Trial(fits=hides and is_taken, hides=hides, refuses=post.status == 400, doubt=doubt)


def find_server(
    url: str, make_sender: Callable[[str], Send], placing: Placing, name: str
) -> tuple[str, Placing]:
    """Find the prefix of a server and the form of its targets, where those that were given do not fit.

    Args:
        url: the prefix as given.
        make_sender: makes a sender for a prefix.
        placing: how requests are written for the server; its form is not used.
        name: the name of a target without reactions.

    Returns:
        The prefix and the placing that fit, or those that were given.

    Raises:
        ConfigError: nothing listens there.
    """
    if try_reaction(make_sender(url), placing, name).fits:
        return url, placing
    for prefix, form in _usual(url):
        other = replace(placing, form=form)
        if try_reaction(make_sender(prefix), other, name).doubt is None:
            return prefix, other
    return url, placing


def _usual(url: str) -> Iterator[tuple[str, str]]:
    parts = urlsplit(url)
    given, root = url.rstrip("/"), f"{parts.scheme}://{parts.netloc}"
    # A page of a domain, a domain, and a page in the query, are what other servers have.
    yield given, f"example.com/{PLAIN}"
    yield given, f"{PLAIN}.example"
    yield given, f"?id={PLAIN}"
    for prefix in dict.fromkeys((f"{given}/openheart", f"{root}/openheart", root)):
        if prefix != given:
            yield prefix, PLAIN


def _is_in(emoji: str, response: Response) -> bool:
    count = (counts_in(response) or {}).get(emoji)
    return isinstance(count, int) and not isinstance(count, bool) and count > 0
