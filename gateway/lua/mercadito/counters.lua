-- Counters that only grow, for /metrics. A worker adds them up by itself and hands them over with every beat of its
-- heart; one that is killed takes what it had not handed over with it. A key is the metric's name with its labels.
local shared = ngx.shared.gateway_counters

local counters = {}
local pending = {}

--- Add to a counter; `labels` is the text between the braces, e.g. `upstream="orders"`.
function counters.add(name, labels, amount)
  local key = name .. "{" .. labels .. "}"
  pending[key] = (pending[key] or 0) + (amount or 1)
end

--- Hand over what was added.
function counters.flush()
  for key, amount in pairs(pending) do
    shared:incr(key, amount, 0)
    pending[key] = nil
  end
end

--- Return every counter as {key, value}, in order of its key.
function counters.all()
  local keys = shared:get_keys(0)
  table.sort(keys)
  local rows = {}
  for index, key in ipairs(keys) do
    rows[index] = { key = key, value = shared:get(key) }
  end
  return rows
end

return counters
