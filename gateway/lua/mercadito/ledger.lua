-- Shared accounts that cannot leak: each worker adds to its own key, the sum is taken over living workers only.
-- A worker killed in the middle of anything takes its share with it.
local pulse = require("mercadito.pulse")
local workers = require("mercadito.workers")

local ledger = {}
ledger.__index = ledger

--- Return the accounts kept in a shared dictionary.
function ledger.of(dictionary)
  return setmetatable({ shared = ngx.shared[dictionary], own_keys = {} }, ledger)
end

function ledger:own_key(account)
  local key = self.own_keys[account]
  if not key then
    key = account .. ":" .. ngx.worker.pid()
    self.own_keys[account] = key
  end
  return key
end

--- Return what all living workers hold of an account.
function ledger:sum(account)
  local total = 0
  for _, pid in ipairs(workers.pids()) do
    total = total + (self.shared:get(account .. ":" .. pid) or 0)
  end
  return total
end

--- Return what this worker and all that do not stand still hold of an account.
function ledger:moving_sum(account)
  local own, total = self:own_key(account), 0
  for _, pid in ipairs(workers.pids()) do
    local key = account .. ":" .. pid
    local value = self.shared:get(key) or 0
    if value ~= 0 and (key == own or not pulse.is_still(pid)) then
      total = total + value
    end
  end
  return total
end

--- Return the smallest value other than 0 that another worker holds of an account, unless it stands still, or nil.
function ledger:least_of_others(account)
  local own, least = self:own_key(account), nil
  for _, pid in ipairs(workers.pids()) do
    local key = account .. ":" .. pid
    local value = key ~= own and self.shared:get(key) or 0
    if value ~= 0 and (not least or value < least) and not pulse.is_still(pid) then
      least = value
    end
  end
  return least
end

--- Return the smallest value of all living workers, or nil when one of them has none.
function ledger:least_of_all(account)
  local least
  for _, pid in ipairs(workers.pids()) do
    local value = self.shared:get(account .. ":" .. pid)
    if not value then
      return nil
    end
    least = math.min(value, least or value)
  end
  return least
end

--- Set this worker's value.
function ledger:put(account, value)
  self.shared:set(self:own_key(account), value)
end

--- Add to an account unless the sum would pass `bound` (nil: no bound). Two takers at the edge may both be refused,
-- never both admitted.
function ledger:take(account, amount, bound)
  local key = self:own_key(account)
  self.shared:incr(key, amount, 0)
  if bound and self:sum(account) > bound then
    self.shared:incr(key, -amount, 0)
    return false
  end
  return true
end

--- Add to this worker's part of an account that may come and go; one that is back at 0 leaves nothing behind, and nor
-- does one that was forgotten in between, for want of memory.
function ledger:add(account, amount)
  local key = account .. ":" .. ngx.worker.pid()
  if (self.shared:incr(key, amount, 0) or 0) <= 0 then
    self.shared:delete(key)
  end
end

--- The same with a bound on what workers hold that do not stand still.
function ledger:take_of_moving(account, amount, bound)
  self:take(account, amount)
  if bound and self:moving_sum(account) > bound then
    self:give(account, amount)
    return false
  end
  return true
end

--- Give back what was taken.
function ledger:give(account, amount)
  self.shared:incr(self:own_key(account), -amount, 0)
end

--- Drop the keys of a worker that is gone, or of an earlier one that had this pid.
function ledger:forget(pid)
  local suffix = ":" .. pid
  for _, key in ipairs(self.shared:get_keys(0)) do
    if key:sub(-#suffix) == suffix then
      self.shared:delete(key)
    end
  end
end

return ledger
