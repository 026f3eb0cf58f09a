"""The keys of openheart in Valkey, and the script that adds reactions and counts each once."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import lru_cache

from ..backend import Counts

__all__ = ["ADD", "TARGET_FIELD", "Keys", "Script", "arguments_of", "read_counts", "read_row"]

TARGET_FIELD = b""
"""The field of a hash that holds the target itself; no emoji is empty."""


class Script:
    """A script that the server runs as one step.

    Args:
        text: in Lua.

    Attributes:
        text: the argument.
        sha: its name on a server that knows it.
    """

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.sha = hashlib.sha1(text, usedforsecurity=False).hexdigest().encode()


# KEYS: the target's counts, the nonce. ARGV: the nonce's life in ms, the server's time in ms after which this
# call is refused, the most emoji besides the free ones or 0, the free ones with a newline around each, the
# target, then emoji and number in turn. Both keys are in one hash slot.
ADD = Script(b"""\
local call = redis.call
local told = call('GET', KEYS[2])
if told then
  -- A write, so that a WAIT after it waits for the first call's write too.
  call('PEXPIRE', KEYS[2], ARGV[1])
  return cmsgpack.unpack(told)
end
local now = call('TIME')
if now[1] * 1000 + now[2] / 1000 > tonumber(ARGV[2]) then
  return redis.error_reply('LATE this call came after its nonce could have ended')
end
local most = tonumber(ARGV[3])
local function is_capped(emoji)
  return emoji ~= '' and not string.find(ARGV[4], '\\n' .. emoji .. '\\n', 1, true)
end
local function is_too_many(emoji)
  if most == 0 or not is_capped(emoji) then
    return false
  end
  local all, there = call('HGETALL', KEYS[1]), 0
  for i = 1, #all, 2 do
    if is_capped(all[i]) then
      there = there + 1
    end
  end
  return there > most
end
local is_new, added = false, {}
for i = 6, #ARGV, 2 do
  local done = redis.pcall('HINCRBY', KEYS[1], ARGV[i], ARGV[i + 1])
  if type(done) == 'table' then
    for _, j in ipairs(added) do
      if call('HINCRBY', KEYS[1], ARGV[j], '-' .. ARGV[j + 1]) == 0 then
        call('HDEL', KEYS[1], ARGV[j])
      end
    end
    return done
  end
  local is_first = done == tonumber(ARGV[i + 1])
  if is_first and is_too_many(ARGV[i]) then
    call('HDEL', KEYS[1], ARGV[i])
  else
    added[#added + 1] = i
    is_new = is_new or is_first
  end
end
if is_new then
  call('HSETNX', KEYS[1], '', ARGV[5])
end
local all, counts, size = call('HGETALL', KEYS[1]), {}, 0
for i = 1, #all, 2 do
  if all[i] ~= '' then
    counts[size + 1], counts[size + 2] = all[i], all[i + 1]
    size = size + 2
  end
end
call('SET', KEYS[2], cmsgpack.pack(counts), 'PX', ARGV[1])
return counts
""")

CACHED = 4096
"""Keys that are cached."""

_INSTANCE_SIZE = 6  # bytes of digest; operators choose instances, so collisions are not an attack
_TARGET_SIZE = 16  # bytes of digest; visitors choose targets


class Keys:
    """The keys of one instance.

    A key is ``openheart:{<digest of the instance>.<digest of the target>}``. The braces are a hash tag: in a
    cluster everything of one target is in one slot, and no target can choose it by text of its own.

    Args:
        instance: the instance; None is the unnamed one.

    Attributes:
        of: a function from a target to the key of its counts.
        pattern: the glob that matches the keys of counts, and no others.
        probe: makes a key of a number that is no target's, with ``%d``.
    """

    def __init__(self, instance: str | None) -> None:
        self._start = b"openheart:{" + _digest(instance or "", _INSTANCE_SIZE) + b"."
        # The keys of popular targets are not computed again.
        self.of = lru_cache(CACHED)(self._of)
        self.pattern = self._start + b"*}"
        self.probe = b"openheart:{" + _digest(instance or "", _INSTANCE_SIZE) + b"!%d}"

    def _of(self, target: str) -> bytes:
        return self._start + _digest(target, _TARGET_SIZE) + b"}"

    def nonce(self, key: bytes, nonce: bytes) -> bytes:
        """The key of a nonce beside a target's counts."""
        return key + b":" + nonce

    def moving(self, key: bytes, aim: bytes) -> bytes:
        """The key of counts that are being moved from one key to another."""
        return key + b">" + aim[len(self._start) : -1]

    def short(self, key: bytes) -> bytes:
        """The part of a key that differs from others: the digest of its target, in bytes."""
        return base64.urlsafe_b64decode(key[len(self._start) : -1] + b"==")

    def long(self, short: bytes) -> bytes:
        """The key of a digest."""
        return self._start + base64.urlsafe_b64encode(short).rstrip(b"=") + b"}"


def arguments_of(target: str, counts: Mapping[str, int] | Mapping[bytes, bytes]) -> list[str | bytes | int]:
    """What a script takes: the target, then emoji and number in turn."""
    return [target, *(part for pair in counts.items() for part in pair)]


def read_counts(reply: Sequence[bytes]) -> Counts:
    """The counts in a reply of HGETALL or of the script."""
    return {reply[i].decode(): int(reply[i + 1]) for i in range(0, len(reply), 2) if reply[i]}


def read_row(reply: Sequence[bytes]) -> tuple[str, Counts]:
    """The target and the counts in a reply of HGETALL; the target is ``""`` where the key is gone."""
    target = next((reply[i + 1] for i in range(0, len(reply), 2) if reply[i] == TARGET_FIELD), b"")
    return target.decode(), read_counts(reply)


def _digest(text: str, size: int) -> bytes:
    digest = hashlib.blake2b(text.encode(), digest_size=size).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=")
