-- Shared counts that cannot leak: each worker adds to its own key, the sum is taken over living workers only.
-- A worker killed in the middle of anything takes its share with it.
local workers = require("mercadito.workers")

local shared = ngx.shared.gateway_ledger

local ledger = {}
local own_suffix

local function own_key(account)
  own_suffix = own_suffix or ":" .. ngx.worker.pid()
  return account .. own_suffix
end

--- Return what all living workers hold of an account.
function ledger.sum(account)
  local total = 0
  for _, pid in ipairs(workers.pids()) do
    total = total + (shared:get(account .. ":" .. pid) or 0)
  end
  return total
end

--- Add to an account unless the sum would pass `bound` (0: no bound). Two takers at the edge may both be refused,
-- never both admitted.
function ledger.take(account, amount, bound)
  local key = own_key(account)
  shared:incr(key, amount, 0)
  if bound > 0 and ledger.sum(account) > bound then
    shared:incr(key, -amount, 0)
    return false
  end
  return true
end

--- Give back what was taken.
function ledger.give(account, amount)
  shared:incr(own_key(account), -amount, 0)
end

--- Drop the keys of a worker that is gone, or of an earlier one that had this pid.
function ledger.forget(pid)
  local suffix = ":" .. pid
  for _, key in ipairs(shared:get_keys(0)) do
    if key:sub(-#suffix) == suffix then
      shared:delete(key)
    end
  end
end

return ledger
