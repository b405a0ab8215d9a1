-- A limited rate for what is released from a lane, spaced evenly: long-lived connections do not give a place back, so
-- it is how fast they come that must be bounded. Only the worker whose turn it is asks, so that nobody comes between.
local clock = require("mercadito.clock")

local shared = ngx.shared.gateway_upstreams

local pace = {}

--- Return whether the next of this lane may go now.
function pace.is_due(upstream)
  return (shared:get(upstream.pace_key) or 0) <= clock.now()
end

--- Note that one goes now: the next one may when a whole interval has passed, however late this one was.
function pace.mark(upstream)
  shared:set(upstream.pace_key, clock.now() + 1 / upstream.rate)
end

return pace
