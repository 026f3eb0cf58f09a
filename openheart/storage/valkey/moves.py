"""Raises, deletes and renames counts in Valkey, across the shards of a cluster; each step can be repeated."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ...errors import OutcomeUnknown
from ..backend import Counts
from .calls import Call, Scripted, Write, read
from .dispatcher import Dispatcher
from .script import TARGET_FIELD, Keys, Script, arguments_of, read_counts

__all__ = ["delete", "raise_counts", "rename"]

NAME = b">"
"""The field of counts on their way that holds the name of the move; it is not an emoji."""

FOR_GOOD = 10 * 365 * 86400.0  # seconds; the mark of a move stays until the move is done

# KEYS: the target's counts. ARGV: the target, then emoji and the least that each shall have in turn.
RAISE = Script(b"""\
for i = 2, #ARGV, 2 do
  local there = redis.call('HGET', KEYS[1], ARGV[i])
  if not there or tonumber(there) < tonumber(ARGV[i + 1]) then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  end
end
return redis.call('HSET', KEYS[1], '', ARGV[1])
""")

# KEYS: the counts, the counts on their way. ARGV: the name of the move. An unfinished move is continued.
TAKE = Script(b"""\
if redis.call('EXISTS', KEYS[2]) == 0 then
  if redis.call('EXISTS', KEYS[1]) == 0 then
    return {}
  end
  redis.call('RENAME', KEYS[1], KEYS[2])
  redis.call('HSET', KEYS[2], '>', ARGV[1])
end
return redis.call('HGETALL', KEYS[2])
""")

# KEYS: the counts on their way. ARGV: the name of the move.
DROP = Script(b"""\
if redis.call('HGET', KEYS[1], '>') == ARGV[1] then
  return redis.call('DEL', KEYS[1])
end
return 0
""")


def raise_counts(dispatcher: Dispatcher, keys: Keys, rows: Sequence[tuple[str, Counts]]) -> None:
    """See ``Movable.at_least``."""
    calls = [
        Scripted(RAISE, (keys.of(target),), arguments_of(target, counts)) for target, counts in rows if counts
    ]
    with _repeatable():
        dispatcher.run(calls)


def delete(dispatcher: Dispatcher, keys: Keys, targets: Sequence[str]) -> None:
    """See ``Movable.delete``."""
    with _repeatable():
        dispatcher.run([Call(key, b"DEL", key, writes=True) for key in map(keys.of, dict.fromkeys(targets))])


def rename(dispatcher: Dispatcher, keys: Keys, old: str, new: str, life: float) -> Counts:
    """See ``Movable.rename``; ``life`` is the seconds that a nonce lives.

    The two may be on two servers. So the counts are set aside beside the old ones under the name of this
    move; added to the new ones with that name as their nonce, which is kept; and removed. A call that
    finds counts set aside continues that move under its name. The nonce outlives every call that may
    still use it.
    """
    source, aim = keys.of(old), keys.of(new)
    aside = keys.moving(source, aim)
    with _repeatable():
        while True:
            own = dispatcher.nonce()
            # Before the counts are read, so that they cannot be added after the nonce has expired.
            begun = time.monotonic()
            take = Scripted(TAKE, (source, aside), (own,))
            dispatcher.run([take])
            counts = dict(zip(take.reply[::2], take.reply[1::2], strict=True))
            name = counts.pop(NAME, None)
            if name is None:
                there = read(aim)
                dispatcher.run([there])
                return read_counts(there.reply)
            counts.pop(TARGET_FIELD, None)
            nonce = keys.nonce(aim, name)
            add = Write(aim, nonce, life, arguments_of(new, counts), kept=FOR_GOOD, begun=begun)
            drop = Scripted(DROP, (aside,), (name,))
            expire = Call(aim, b"PEXPIRE", nonce, int(life * 1000), writes=True)
            for call in (add, drop, expire):
                dispatcher.run([call])
            if name == own:
                return read_counts(add.reply)


@contextmanager
def _repeatable() -> Iterator[None]:
    try:
        yield
    except OutcomeUnknown as error:
        raise OutcomeUnknown(
            f"{error.__cause__}; it may be incomplete. Run it again: nothing is counted twice"
        ) from error
