"""The Lua scripts of live events: number, keep and publish an event; replay; notify.

For each space (an INSTANCE) there is one clock, ``openheart:{live:…}:clock``, a hash of an era and the number
given last, and for each channel with events a stream of the newest, ``openheart:{live:…}:c:<channel>``. A
number is the server's time in microseconds, or one more than the last: so numbers grow over restarts of
everything, and say when they were made. The era is new if the clock was lost, and the events with it.
Each entry of a stream names the one before it, so that a gap before the oldest entry is noticed.
"""

from __future__ import annotations

__all__ = ["NOTIFY", "PUBLISH", "REPLAY"]

_CLOCK = """
local era = redis.call('HGET', KEYS[1], 'era')
if not era then
  era = ARGV[1]
  redis.call('HSET', KEYS[1], 'era', era)
end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local last = tonumber(redis.call('HGET', KEYS[1], 'last') or '0')
"""

PUBLISH = (
    _CLOCK
    + """
local number = math.max(now, last + 1)
local text = string.format('%.0f', number)
redis.call('HSET', KEYS[1], 'last', text)
local newest = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
local before = newest and string.match(newest[1], '%d+') or string.format('%.0f', number - ARGV[3] * 1000)
local id = era .. '.' .. text
redis.call('XADD', KEYS[2], 'MAXLEN', ARGV[2], text .. '-0',
           'before', before, 'name', ARGV[5], 'data', ARGV[6])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
redis.call('PUBLISH', ARGV[4], id .. '\\n' .. ARGV[5] .. '\\n' .. ARGV[6])
return id
"""
)
"""Keys: the clock, the stream. Arguments: an era for a clock without one, how many events are kept and
for how many milliseconds, the topic, the event's name and data. Returns the event's id."""

REPLAY = (
    _CLOCK
    + """
local position = string.format('%.0f', math.max(now, last))
redis.call('HSET', KEYS[1], 'last', position)
local found = {era .. '.' .. position}
for number = 2, #KEYS do
  found[number] = {redis.call('XRANGE', KEYS[number], '-', '+', 'COUNT', 1),
                   redis.call('XRANGE', KEYS[number], ARGV[2] .. '-1', '+')}
end
return found
"""
)
"""Keys: the clock, streams. Arguments: an era for a clock without one, and the number of the last event
received. Returns the id of this moment and for each stream its oldest entry and those since."""

NOTIFY = """
for number = 2, #ARGV do redis.call('PUBLISH', ARGV[number], ARGV[1]) end
return redis.status_reply('OK')
"""
"""Key: the clock, only to choose the node. Arguments: a message, topics to publish it to."""
