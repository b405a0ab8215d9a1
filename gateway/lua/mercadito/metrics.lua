-- Prometheus text of what the gateway knows.
local counters = require("mercadito.counters")
local ledger = require("mercadito.ledger")
local upstreams = require("mercadito.upstreams")

local STATES = { "up", "held", "paused" }
local GAUGES = { waiting = "gateway_waiting", in_flight = "gateway_in_flight", bytes = "gateway_held_bytes" }

local metrics = {}

local function add_states(lines)
  lines[#lines + 1] = "# TYPE gateway_upstream_state gauge"
  for _, name in ipairs(upstreams.names) do
    local now = upstreams.state(name)
    for _, state in ipairs(STATES) do
      lines[#lines + 1] = string.format('gateway_upstream_state{upstream="%s",state="%s"} %d', name, state, state == now and 1 or 0)
    end
  end
end

local function add_gauges(lines)
  for account, metric in pairs(GAUGES) do
    lines[#lines + 1] = "# TYPE " .. metric .. " gauge"
    for _, name in ipairs(upstreams.names) do
      lines[#lines + 1] = string.format('%s{upstream="%s"} %d', metric, name, ledger.sum(name .. ":" .. account))
    end
  end
end

local function add_counters(lines)
  local last
  for _, row in ipairs(counters.all()) do
    local metric = row.key:match("^[^{]+")
    if metric ~= last then
      lines[#lines + 1] = "# TYPE " .. metric .. " counter"
      last = metric
    end
    lines[#lines + 1] = row.key .. " " .. row.value
  end
end

--- Return the exposition.
function metrics.text()
  local lines = {}
  add_states(lines)
  add_gauges(lines)
  add_counters(lines)
  return table.concat(lines, "\n") .. "\n"
end

return metrics
