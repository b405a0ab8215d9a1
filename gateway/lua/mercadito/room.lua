-- Room at a service: its concurrency, and the places to wait for it. Everything taken is noted in the visit, and
-- given back by `leave_*`, by log_by_lua at the latest.
local ledger = require("mercadito.ledger")
local settings = require("mercadito.settings")
local upstreams = require("mercadito.upstreams")

local room = {}

local function crowded(name, limit)
  return limit > 0 and ledger.sum(name .. ":in_flight") + ledger.sum(name .. ":waiting") >= limit
end

--- Try to go in; false means wait. A newcomer does not take a place that those already waiting could use.
function room.enter(visit)
  local name, limit = visit.name, settings.upstreams[visit.name].concurrency
  if upstreams.state(name) ~= "up" or (not visit.waiting and crowded(name, limit)) then
    return false
  end
  if visit.uncounted then
    return true
  end
  if not ledger.take(name .. ":in_flight", 1, limit) then
    return false
  end
  visit.inside = true
  -- Again, now that we are counted: whoever pauses sets the flag first and counts afterwards.
  if upstreams.state(name) ~= "up" then
    room.leave(visit)
    return false
  end
  return true
end

function room.leave(visit)
  if visit.inside then
    visit.inside = nil
    ledger.give(visit.name .. ":in_flight", 1)
  end
end

--- Take a place in the waiting room; false when it or its memory is full.
function room.queue(visit)
  local name = visit.name
  if not ledger.take(name .. ":waiting", 1, settings.hold_requests) then
    return false
  end
  if not ledger.take(name .. ":bytes", visit.body_bytes, settings.hold_bytes) then
    ledger.give(name .. ":waiting", 1)
    return false
  end
  visit.waiting = true
  return true
end

function room.leave_queue(visit)
  if visit.waiting then
    visit.waiting = nil
    ledger.give(visit.name .. ":waiting", 1)
    ledger.give(visit.name .. ":bytes", visit.body_bytes)
  end
end

return room
