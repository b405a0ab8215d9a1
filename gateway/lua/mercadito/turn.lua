-- Whose turn it is, across workers. Every arrival, wait and release takes a number from one shared counter, and each
-- worker shows the lowest arrival number that waits in it (0: nobody). A worker lets its first go only when no
-- other worker shows a lower one.
--
-- Nothing here is atomic over two workers; it is the order of the steps that makes it exact. Who joins shows a lower
-- bound first and takes its number afterwards; who releases looks, takes its number, and looks again. So when a
-- release number is valid, whoever has a lower arrival number joined later than that release.
local clock = require("mercadito.clock")
local ledger = require("mercadito.ledger").of("gateway_ledger")

local shared = ngx.shared.gateway_ledger

local BLOCK = 64 -- numbers that a worker takes at a time for those that need not wait
local BLOCK_LASTS_S = 0.02 -- so much out of step they may be between workers

local turn = {}
local next_in_block, end_of_block, block_ends_at = 0, 0, 0

--- Return the next number.
function turn.number()
  return shared:incr("numbers", 1, 0)
end

--- Return the arrival number of a request that goes straight through; it counts if the request has to come back.
-- Numbers are taken in blocks, so that shared memory is touched 50 times a second and not with every request.
function turn.arrival()
  local now = clock.now()
  if next_in_block >= end_of_block or now >= block_ends_at then
    end_of_block = shared:incr("numbers", BLOCK, 0)
    next_in_block, block_ends_at = end_of_block - BLOCK, now + BLOCK_LASTS_S
  end
  next_in_block = next_in_block + 1
  return next_in_block
end

--- Show the lowest arrival number that waits here.
function turn.show(upstream)
  local first = upstream.queue:first()
  ledger:put(upstream.head_account, first and first.arrival or 0)
end

--- Put a visit into its queue; one that comes back keeps its arrival number.
function turn.join(upstream, visit)
  local first = upstream.queue:first()
  local lowest = visit.arrival or shared:get("numbers") or 0
  if not first or lowest < first.arrival then
    -- A lower bound, never 0: that would read as nobody.
    ledger:put(upstream.head_account, math.max(lowest, 1))
  end
  local number = turn.number()
  visit.arrival = visit.arrival or number
  upstream.queue:insert(visit)
  turn.show(upstream)
  return number
end

--- Take a visit out of its queue; false when it was not in.
function turn.leave(upstream, visit)
  local was_in = upstream.queue:remove(visit)
  if was_in then
    turn.show(upstream)
  end
  return was_in
end

--- Return whether no other worker has somebody who came earlier.
function turn.is_ours(upstream, arrival)
  local least = ledger:least_of_others(upstream.head_account)
  return not least or least >= arrival
end

--- Return whether anybody waits in another worker.
function turn.others_wait(upstream)
  return ledger:least_of_others(upstream.head_account) ~= nil
end

return turn
