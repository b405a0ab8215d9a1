-- What is known of each service: up, held or paused, since when, why, and at which addresses.
-- Shared memory is the only truth; it outlives workers and reloads.
local counters = require("mercadito.counters")
local journal = require("mercadito.journal")

local shared = ngx.shared.gateway_upstreams

local upstreams = { names = { "orders", "realtime", "usda", "notify" } }

local function changed(name, state, reason)
  shared:set(name .. ":since", ngx.time())
  counters.add("gateway_transitions_total", string.format('upstream="%s",to="%s"', name, state))
  journal.write("warning", "upstream_" .. state, { upstream = name, reason = reason })
end

--- Hold everything for services never seen yet: the first probe, a moment later, opens them.
function upstreams.begin()
  for _, name in ipairs(upstreams.names) do
    if shared:add(name .. ":up", false) then
      shared:set(name .. ":since", ngx.time())
    end
  end
end

--- Return "up", "held" or "paused". A pause ends by itself: its key expires.
function upstreams.state(name)
  if shared:get(name .. ":paused") then
    return "paused"
  end
  return shared:get(name .. ":up") and "up" or "held"
end

function upstreams.is_up(name)
  return shared:get(name .. ":up")
end

--- Return the number of failures so far: a probe opens a service only if none came while it asked.
function upstreams.failures(name)
  return shared:get(name .. ":failures") or 0
end

--- Stop sending to a service; the prober asks again at once.
function upstreams.hold(name, reason)
  shared:incr(name .. ":failures", 1, 0)
  local was_up = shared:get(name .. ":up")
  shared:set(name .. ":up", false)
  shared:set(name .. ":error", reason)
  shared:set(name .. ":error_at", ngx.time())
  if was_up then
    shared:delete(name .. ":probe")
    changed(name, "held", reason)
  end
end

--- Send again, unless something failed since `failures` was read.
function upstreams.open(name, failures)
  if upstreams.failures(name) ~= failures then
    return
  end
  if not shared:get(name .. ":up") then
    shared:set(name .. ":up", true)
    changed(name, "up", "ready")
  end
end

function upstreams.publish(listener, host, port)
  shared:set(listener .. ":host", host)
  shared:set(listener .. ":port", port)
end

--- Return the address last probed of a listener (`orders`, `realtime_ws`, ...), or nil.
function upstreams.address(listener)
  return shared:get(listener .. ":host"), shared:get(listener .. ":port")
end

--- Take the right to probe for `lease_s` seconds; false while another worker has it or the next probe is not due.
function upstreams.may_probe(name, lease_s)
  return shared:add(name .. ":probe", true, lease_s)
end

function upstreams.probe_again_in(name, seconds)
  shared:set(name .. ":probe", true, seconds)
end

function upstreams.pause(name, seconds)
  if not shared:get(name .. ":paused") then
    shared:set(name .. ":paused_since", ngx.time())
  end
  shared:set(name .. ":paused", ngx.now() + seconds, seconds)
end

function upstreams.resume(name)
  shared:delete(name .. ":paused")
end

--- Return what /status shows of a service, without the counts.
function upstreams.describe(name)
  local state = upstreams.state(name)
  return {
    state = state,
    since = shared:get(name .. (state == "paused" and ":paused_since" or ":since")),
    last_error = shared:get(name .. ":error"),
    last_error_at = shared:get(name .. ":error_at"),
    paused_until = shared:get(name .. ":paused"),
  }
end

return upstreams
