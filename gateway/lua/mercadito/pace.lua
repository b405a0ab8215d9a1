-- A limited rate for what is released from a lane, spaced evenly: long-lived connections do not give a place back, so
-- it is how fast they come that must be bounded. Only the worker whose turn it is asks, so that nobody comes between.
local shared = ngx.shared.gateway_upstreams

local pace = {}

--- Return whether the next of this lane may go now.
function pace.is_due(upstream)
  return (shared:get(upstream.pace_key) or 0) <= ngx.now()
end

--- Note that one goes now. A look that came a moment late does not slow the lane down; an idle time earns nothing.
function pace.mark(upstream)
  local now, step = ngx.now(), 1 / upstream.rate
  local due = shared:get(upstream.pace_key) or 0
  shared:set(upstream.pace_key, (due > now - step and due or now) + step)
end

return pace
