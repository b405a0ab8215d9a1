-- Counters that only grow, kept in shared memory for /metrics. A key is the metric's name with its labels.
local shared = ngx.shared.gateway_counters

local counters = {}

--- Add to a counter; `labels` is the text between the braces, e.g. `upstream="orders"`.
function counters.add(name, labels, amount)
  shared:incr(name .. "{" .. labels .. "}", amount or 1, 0)
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
