-- What people are told of a service's state.
local states = require("mercadito.states")

local shared = ngx.shared.gateway_upstreams

local standing = {}

local function name_of(phase)
  return (phase == "up" or phase == "ramp") and "up" or "held"
end

--- Return what /status shows of a service, without the counts.
function standing.of(name)
  local phase, paused_until = states.phase(name), states.paused_until(name)
  return {
    state = paused_until and "paused" or name_of(phase),
    phase = phase,
    since = paused_until and shared:get(name .. ":paused_since") or math.floor(shared:get(name .. ":since")),
    last_error = shared:get(name .. ":error"),
    last_error_at = shared:get(name .. ":error_at"),
    paused_until = paused_until,
  }
end

return standing
