-- Making room in a full waiting room: the newest of whoever holds more than a share goes. Connections fall to the workers
-- by chance, so the greedy may wait in another worker than the one that needs the seat; that one is asked for it then,
-- and the newcomer need not wait until it is done.
local settings = require("mercadito.settings")
local shares = require("mercadito.shares")
local workers = require("mercadito.workers")
local ledger = require("mercadito.ledger").of("gateway_ledger")

local shared = ngx.shared.gateway_ledger

local MAX_ASKED = 64 -- seats asked of another worker and not yet given: so far the bounds may be passed for a moment

local eviction = {}

local function greedy_account(upstream)
  return upstream.name .. ":greedy"
end

local function asked_key(upstream, pid)
  return upstream.name .. ":evict:" .. pid
end

--- Return the newest greedy visit of this worker, or nil.
function eviction.newest_greedy(upstream)
  -- Looking at holders first: in a room full of the modest, one look at each visit would cost milliseconds.
  return shares.has_greedy_here(upstream) and upstream.queue:newest(function(visit)
    return shares.is_greedy(upstream, visit)
  end) or nil
end

--- Ask another worker that has a greedy one for its seat; false when none has.
function eviction.ask_another(upstream)
  local own = tostring(ngx.worker.pid())
  for _, pid in ipairs(workers.pids()) do
    local has_greedy = pid ~= own and shared:get(greedy_account(upstream) .. ":" .. pid) == 1
    if has_greedy and shared:incr(asked_key(upstream, pid), 1, 0) <= MAX_ASKED then
      return true
    end
  end
  return false
end

local function is_nearly_full(upstream)
  return ledger:sum(upstream.waiting_account) >= upstream.seats * 0.9
    or ledger:sum(upstream.bytes_account) >= settings.hold_bytes * 0.9
end

--- Let others know whether a greedy one waits here.
function eviction.show(upstream)
  local has_greedy = upstream.queue.size > 0 and is_nearly_full(upstream) and shares.has_greedy_here(upstream)
  if has_greedy ~= upstream.shows_greedy then
    upstream.shows_greedy = has_greedy
    ledger:put(greedy_account(upstream), has_greedy and 1 or 0)
  end
end

--- Return how many seats others have asked for since the last time.
function eviction.asked(upstream)
  local key = asked_key(upstream, ngx.worker.pid())
  local number = shared:get(key) or 0
  if number > 0 then
    shared:incr(key, -number)
  end
  return math.min(number, MAX_ASKED)
end

return eviction
