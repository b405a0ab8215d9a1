-- How long a service is left alone that says it is ready and then answers nothing: longer with each such opening.
local clock = require("mercadito.clock")
local patience = require("mercadito.patience")

local shared = ngx.shared.gateway_upstreams

local rests = {}

--- Begin a rest. Return the number of openings in a row after which nothing was answered; `has_served` ends the row.
function rests.begin(name, has_served)
  if has_served then
    shared:set(name .. ":flaps", 0)
  end
  local flaps = shared:incr(name .. ":flaps", 1, 0)
  shared:set(name .. ":rests_until", clock.now() + patience.rest(flaps))
  return flaps
end

function rests.is_over(name)
  return clock.now() >= (shared:get(name .. ":rests_until") or 0)
end

return rests
