-- The load of one slice for wrk: arguments are the method, the number of pages (1 is the hot page), a seed and
-- what the paths start with.
-- Every request is formatted before the slice starts, so that making requests costs the same for every server.

local EMOJI = { "❤️", "🥨", "👍", "🎉", "😂", "🔥" }

local requests = {}
local position = 0

function init(arguments)
  local method, pages, seed = arguments[1], tonumber(arguments[2]), tonumber(arguments[3])
  local headers = { ["Content-Type"] = "text/plain; charset=utf-8" }
  for number = 1, math.max(pages, #EMOJI) do
    local path = arguments[4] .. "page-" .. (number - 1) % pages
    if method == "POST" then
      requests[number] = wrk.format("POST", path, headers, EMOJI[(number - 1) % #EMOJI + 1])
    else
      requests[number] = wrk.format("GET", path)
    end
  end
  position = seed % #requests
end

function request()
  position = position % #requests + 1
  return requests[position]
end

function done(summary, latency, _)
  io.write(string.format(
    "RESULT %d %d %d %d %d %d\n",
    summary.requests, summary.duration, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)
  ))
end
