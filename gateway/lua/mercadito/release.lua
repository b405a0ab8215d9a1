-- Lets those who wait for a service go, in order of arrival over all workers, as far as it has room or its lane is due.
local gate = require("mercadito.gate")
local pace = require("mercadito.pace")
local places = require("mercadito.places")
local room = require("mercadito.room")
local states = require("mercadito.states")
local turn = require("mercadito.turn")
local view = require("mercadito.view")
local visits = require("mercadito.visits")

local release = {}

-- By this worker's view, whose address is the one it will be sent to, and by the truth, which may have changed since.
local function may_go(upstream, visit)
  return upstream.phase ~= "suspect" and upstream.phase ~= "down" and states.is_sending(upstream.name)
    and turn.is_ours(upstream, visit.arrival)
end

local function take(upstream)
  if upstream.rate then
    return pace.is_due(upstream)
  end
  if not places.take(upstream) then
    return false
  end
  places.tell(upstream) -- a worker that leaves has no beat any more that would say so
  return true
end

local function give_back(upstream)
  if not upstream.rate then
    places.leave(upstream)
  end
end

--- Release this worker's first, if it is the first of all; return whether it went.
local function release_first(upstream, visit)
  if not may_go(upstream, visit) or not take(upstream) then
    return false
  end
  local number = turn.number()
  if not may_go(upstream, visit) then
    give_back(upstream)
    return false
  end
  if upstream.rate then
    pace.mark(upstream)
  end
  gate.admit(upstream, visit.id)
  visit.released_now = true
  visit.released = visits.add(visit.released, number)
  room.leave(upstream, visit)
  if visit.semaphore then
    visit.semaphore:post(1)
  end
  return true
end

--- Release as many as may go now.
function release.round(upstream)
  local first = upstream.queue:first()
  if first then
    view.refresh()
  end
  while first and release_first(upstream, first) do
    first = upstream.queue:first()
  end
end

return release
