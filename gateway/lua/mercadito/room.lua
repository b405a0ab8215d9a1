-- The waiting room of a service: bounded in requests and bytes. When it is full, the newest of whoever holds more than
-- its share of it goes, so that nobody can fill it for the others.
local eviction = require("mercadito.eviction")
local ledger = require("mercadito.ledger").of("gateway_ledger")
local settings = require("mercadito.settings")
local shares = require("mercadito.shares")
local states = require("mercadito.states")
local turn = require("mercadito.turn")
local visits = require("mercadito.visits")

local MAX_EVICTIONS = 64 -- for one newcomer, which may bring a large body where small ones wait

local room = {}

local function take_a_seat(upstream, visit)
  if not ledger:take(upstream.waiting_account, 1, upstream.seats) then
    return false
  end
  if not ledger:take(upstream.bytes_account, visit.body_bytes, settings.hold_bytes) then
    ledger:give(upstream.waiting_account, 1)
    return false
  end
  return true
end

-- Beyond the bounds, for the moment until another worker has given the seat that it was asked for.
local function take_an_extra_seat(upstream, visit)
  ledger:take(upstream.waiting_account, 1)
  ledger:take(upstream.bytes_account, visit.body_bytes)
  return true
end

--- Send away the newest greedy one that waits in this worker; false when there is none.
local function evict_one(upstream)
  local greedy = eviction.newest_greedy(upstream)
  if greedy then
    greedy.evicted = true
    room.leave(upstream, greedy)
    greedy.semaphore:post(1)
  end
  return greedy ~= nil
end

--- Give the seats that other workers asked for.
function room.give_seats(upstream)
  for _ = 1, eviction.asked(upstream) do
    if not evict_one(upstream) then
      return
    end
  end
end

-- Take the seat of a greedy one, before that one leaves: were the room less full in between, another worker could let
-- somebody in there, and somebody more would have to go. More go if the newcomer brings more than that one did.
local function take_anothers_seat(upstream, visit)
  ledger:take(upstream.waiting_account, 1)
  for _ = 1, MAX_EVICTIONS do
    if not evict_one(upstream) then
      break
    elseif ledger:take(upstream.bytes_account, visit.body_bytes, settings.hold_bytes) then
      return true
    end
  end
  ledger:give(upstream.waiting_account, 1)
  return false
end

-- A lane is as slow as it is long: whoever comes with many may fill half of it, and the next waits half the time at most.
local function is_crowded(upstream)
  return upstream.rate and ledger:sum(upstream.waiting_account) >= upstream.seats / 2
end

local function find_a_seat(upstream, visit)
  if is_crowded(upstream) and shares.is_greedy(upstream, visit, true) then
    return false
  elseif take_a_seat(upstream, visit) then
    return true
  elseif shares.is_greedy(upstream, visit, true) then
    return false
  end
  return take_anothers_seat(upstream, visit) or eviction.ask_another(upstream) and take_an_extra_seat(upstream, visit)
end

-- While a service is up, the first to wait closes the straight way in all workers, and the last to leave opens it.
local function tell_others(upstream)
  if states.phase(upstream.name) == "up" and not upstream.rate then
    states.touch()
  end
end

--- Let a visit in; false when there is no room for it.
function room.enter(upstream, visit)
  if not visit.client then
    shares.identify(visit)
  end
  local seated = find_a_seat(upstream, visit)
  if seated then
    shares.enter(upstream, visit)
    upstream.open = false
    visit.queued = visits.add(visit.queued, turn.join(upstream, visit))
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

--- Say anew who waits in this worker, after its accounts were dropped.
function room.declare(upstream)
  local bytes = 0
  upstream.queue:newest(function(visit)
    bytes = bytes + visit.body_bytes
    return false
  end)
  ledger:put(upstream.waiting_account, upstream.queue.size)
  ledger:put(upstream.bytes_account, bytes)
  turn.show(upstream)
end

return room
