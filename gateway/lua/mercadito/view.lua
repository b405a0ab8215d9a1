-- Keeps this worker's copy of the truth fresh: read whole whenever anything changed, at every beat of the heart.
local addresses = require("mercadito.addresses")
local clock = require("mercadito.clock")
local ledger = require("mercadito.ledger").of("gateway_ledger")
local places = require("mercadito.places")
local states = require("mercadito.states")
local turn = require("mercadito.turn")
local upstreams = require("mercadito.upstreams")

local FRESH_S = 0.02 -- how late a worker that lets requests in learns what another one changed

local view = {}
local seen, pause_ends
local looked_at, closed = 0, false
local AFTER_ALL = 2 ^ 53 -- a version that will never be reached

--- Whether a request may go straight through. Whatever is not needed for that is given back.
local function settle(upstream)
  upstream.open = not closed and upstream.phase == "up" and not upstream.paused and not upstream.rate
    and upstream.queue.size == 0 and not turn.others_wait(upstream)
  if not upstream.open then
    places.give_back_spare(upstream)
  end
end

local function copy(upstream)
  local pause_left, opening = states.pause_left(upstream.name), states.opening(upstream.name)
  upstream.is_proven = upstream.is_proven and opening == upstream.opening
  upstream.opening = opening
  upstream.phase = states.phase(upstream.name)
  upstream.paused = pause_left ~= nil
  pause_ends = pause_left and math.min(clock.now() + pause_left, pause_ends or math.huge) or pause_ends
  for listener in pairs(upstream.listeners) do
    local host, port = addresses.find(listener)
    upstream.addresses[listener] = host and { host = host, port = port }
  end
  settle(upstream)
end

--- Tell the others how far this worker has come: from here on it lets nothing in that the truth of `version` forbids.
local function acknowledge(version)
  for _, upstream in ipairs(upstreams.all()) do
    places.tell(upstream)
  end
  ledger:put("seen", closed and AFTER_ALL or version)
end

--- Copy what changed.
function view.refresh()
  looked_at = clock.now()
  local version = states.version()
  if version == seen and not (pause_ends and clock.now() >= pause_ends) then
    return
  end
  pause_ends = nil
  for _, upstream in ipairs(upstreams.all()) do
    copy(upstream)
  end
  seen = version
  acknowledge(version)
end

--- Whether the copy is old enough to look again before it is relied upon.
function view.is_stale()
  return clock.now() >= looked_at + FRESH_S
end

--- Close the straight way for good, in a worker whose heart stops: each request looks at the truth itself from here on,
-- so nobody has to wait for this worker to see it.
function view.close()
  closed = true
  for _, upstream in ipairs(upstreams.all()) do
    settle(upstream)
  end
  acknowledge(seen)
end

--- Return whether every worker has seen a version of the truth.
function view.is_seen_by_all(version)
  local least = ledger:least_of_all("seen")
  return least ~= nil and least >= version
end

return view
