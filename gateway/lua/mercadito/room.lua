-- The waiting room of a service: bounded in requests and bytes. When it is full, the newest of whoever holds more than
-- its share of it goes, so that nobody can fill it for the others.
local ledger = require("mercadito.ledger").of("gateway_ledger")
local settings = require("mercadito.settings")
local shares = require("mercadito.shares")
local states = require("mercadito.states")
local turn = require("mercadito.turn")

local MAX_EVICTIONS = 64 -- for one newcomer, which may bring a large body where small ones wait

local room = {}

local function take_a_seat(upstream, visit)
  if not ledger:take(upstream.waiting_account, 1, settings.hold_requests) then
    return false
  end
  if not ledger:take(upstream.bytes_account, visit.body_bytes, settings.hold_bytes) then
    ledger:give(upstream.waiting_account, 1)
    return false
  end
  return true
end

-- Send away the newest greedy one that waits in this worker. Connections are spread over the workers evenly, so
-- whoever fills the room sits in each of them.
local function evict_one(upstream)
  local greedy = upstream.queue:newest(function(visit)
    return shares.is_greedy(upstream, visit)
  end)
  if greedy then
    greedy.evicted = true
    room.leave(upstream, greedy)
    greedy.semaphore:post(1)
  end
  return greedy ~= nil
end

-- While a service is up, the first to wait closes the straight way in all workers, and the last to leave opens it.
local function tell_others(upstream)
  if states.phase(upstream.name) == "up" and not upstream.rate then
    states.touch()
  end
end

--- Let a visit in; false when there is no room for it.
function room.enter(upstream, visit)
  visit.who = visit.who or shares.identify()
  local seated, evictions = take_a_seat(upstream, visit), 0
  while not seated and evictions < MAX_EVICTIONS and not shares.is_greedy(upstream, visit, true) and evict_one(upstream) do
    evictions = evictions + 1
    seated = take_a_seat(upstream, visit)
  end
  if seated then
    shares.enter(upstream, visit)
    upstream.open = false
    visit.queued[#visit.queued + 1] = turn.join(upstream, visit)
    if upstream.queue.size == 1 then
      tell_others(upstream)
    end
  end
  return seated
end

--- Let a visit out, whether it was released, sent away, or has left; once is enough.
function room.leave(upstream, visit)
  if turn.leave(upstream, visit) then
    ledger:give(upstream.waiting_account, 1)
    ledger:give(upstream.bytes_account, visit.body_bytes)
    shares.leave(upstream, visit)
    if upstream.queue.size == 0 then
      tell_others(upstream)
    end
  end
end

return room
