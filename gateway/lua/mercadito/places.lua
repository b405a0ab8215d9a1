-- Places at a service: how many requests it may have at once, over all workers. A worker leases places and keeps its
-- fair part of them between requests, so that in normal running letting one in is a comparison of two numbers.
local ledger = require("mercadito.ledger").of("gateway_ledger")
local states = require("mercadito.states")

local RAMP_TARGET = 64 -- where a service without a bound counts as grown

local places = {}

local function target(upstream)
  return upstream.cap > 0 and upstream.cap or RAMP_TARGET
end

--- Return how many requests all workers together may have there now, or nil for no bound.
local function limit(upstream)
  if states.phase(upstream.name) == "ramp" then
    return math.min(states.window(upstream.name), target(upstream))
  end
  return upstream.cap > 0 and upstream.cap or nil
end

--- Take a place; false when there is none.
function places.take(upstream)
  if upstream.inside >= upstream.leased then
    if not ledger:take_of_moving(upstream.lease_account, 1, limit(upstream)) then
      return false
    end
    upstream.leased = upstream.leased + 1
  end
  upstream.inside = upstream.inside + 1
  if upstream.inside > upstream.peak then
    upstream.peak = upstream.inside
  end
  return true
end

local function give_back(upstream, number)
  if number > 0 then
    upstream.leased = upstream.leased - number
    ledger:give(upstream.lease_account, number)
  end
end

--- Tell the others how many requests of this worker are there, those that have lost their places included.
function places.tell(upstream)
  upstream.told_inside = upstream.inside + upstream.displaced
  ledger:put(upstream.inside_account, upstream.told_inside)
end

--- Say anew what this worker holds, after its accounts were dropped.
function places.declare(upstream)
  ledger:put(upstream.lease_account, upstream.leased)
  places.tell(upstream)
end

--- Leave a place. It is kept for the next request while nobody waits for it.
function places.leave(upstream)
  upstream.inside = upstream.inside - 1
  if not upstream.open then
    places.give_back_spare(upstream)
    places.tell(upstream)
  elseif upstream.leased > upstream.fair then
    give_back(upstream, 1)
  end
end

--- Take the place of a request that is still under way.
function places.displace(upstream)
  upstream.displaced = upstream.displaced + 1
  places.leave(upstream)
end

--- A request that had lost its place is through.
function places.leave_displaced(upstream)
  upstream.displaced = upstream.displaced - 1
  places.tell(upstream)
end

--- A request that had a place was answered.
function places.answered(upstream)
  if not upstream.is_proven then
    upstream.is_proven = true
    states.prove(upstream.name)
  end
  if upstream.phase == "ramp" then
    states.answered_in_ramp(upstream.name, target(upstream))
  end
end

--- Give back every place that nobody is in.
function places.give_back_spare(upstream)
  give_back(upstream, upstream.leased - upstream.inside)
end

--- Give back what was not needed since the last time.
function places.give_back_unused(upstream)
  give_back(upstream, upstream.leased - math.max(upstream.peak, upstream.inside))
  upstream.peak = upstream.inside
end

return places
