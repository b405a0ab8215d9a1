-- The balancer phase: the address that the prober published last.
local balancer = require("ngx.balancer")
local journal = require("mercadito.journal")
local upstreams = require("mercadito.upstreams")

local peer = {}

--- Point this attempt at a listener (`orders`, `realtime_ws`, ...).
function peer.choose(listener)
  local host, port = upstreams.address(listener)
  if not host then
    return ngx.exit(502)
  end
  local fine, problem = balancer.set_current_peer(host, port)
  if not fine then
    journal.write("error", "no_peer", { listener = listener, reason = problem })
    return ngx.exit(502)
  end
end

return peer
