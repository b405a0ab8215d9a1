-- Prometheus text of what the gateway knows.
local boots = require("mercadito.boots")
local counters = require("mercadito.counters")
local ledger = require("mercadito.ledger").of("gateway_ledger")
local levels = require("mercadito.levels")
local standing = require("mercadito.standing")
local states = require("mercadito.states")
local upstreams = require("mercadito.upstreams")

local STATES, PHASES = { "up", "held", "paused" }, { "up", "suspect", "down", "ramp" }
local GAUGES = { waiting = "gateway_waiting", in_flight = "gateway_in_flight", bytes = "gateway_held_bytes" }

local metrics = {}

local function add(lines, metric, kind, values)
  lines[#lines + 1] = "# TYPE " .. metric .. " " .. kind
  for _, upstream in ipairs(upstreams.all()) do
    for labels, value in pairs(values(upstream)) do
      lines[#lines + 1] = string.format('%s{upstream="%s"%s} %.15g', metric, upstream.name, labels, value)
    end
  end
end

local function one_of(names, label, current)
  local values = {}
  for _, name in ipairs(names) do
    values[string.format(',%s="%s"', label, name)] = name == current and 1 or 0
  end
  return values
end

local function add_gauges(lines)
  add(lines, "gateway_upstream_state", "gauge", function(upstream)
    return one_of(STATES, "state", standing.of(upstream.name).state)
  end)
  add(lines, "gateway_upstream_phase", "gauge", function(upstream)
    return one_of(PHASES, "phase", states.phase(upstream.name))
  end)
  add(lines, "gateway_outage_estimate_seconds", "gauge", function(upstream)
    return { [""] = boots.estimate(upstream.name) }
  end)
  for account, metric in pairs(GAUGES) do
    add(lines, metric, "gauge", function(upstream)
      return { [""] = ledger:sum(upstream.name .. ":" .. account) }
    end)
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
  add_gauges(lines)
  levels.add(lines)
  add_counters(lines)
  return table.concat(lines, "\n") .. "\n"
end

return metrics
