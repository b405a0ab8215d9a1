-- Where each listener of a service was found last, and who may look next. Shared between workers.
local clock = require("mercadito.clock")
local workers = require("mercadito.workers")
local states = require("mercadito.states")

local shared = ngx.shared.gateway_upstreams

local addresses = {}

--- Publish where a listener is (`orders`, `realtime_ws`, ...); everybody is told when that changed.
function addresses.publish(listener, host, port)
  if shared:get(listener .. ":host") ~= host or shared:get(listener .. ":port") ~= port then
    shared:set(listener .. ":host", host)
    shared:set(listener .. ":port", port)
    states.touch()
  end
end

--- Return host and port, or nil while it was never found.
function addresses.find(listener)
  return shared:get(listener .. ":host"), shared:get(listener .. ":port")
end

--- Take the right to probe for `lease_s` seconds; false while another living worker has it or none is due. nginx ends it by
-- the time of day: once that is set back, it is over when it should have been.
function addresses.may_probe(name, lease_s)
  local key, pid = name .. ":probe", ngx.worker.pid()
  if shared:add(key, pid, lease_s) then
    shared:set(name .. ":probe_ends", clock.now() + lease_s)
    return true
  end
  local holder = shared:get(key)
  local is_over = clock.now() >= (shared:get(name .. ":probe_ends") or math.huge)
  if is_over or holder and holder > 0 and not workers.is_alive(holder) then
    shared:delete(key)
  end
  return false
end

--- Give the right back; the next probe is due in `seconds`.
function addresses.probe_again_in(name, seconds)
  shared:set(name .. ":probe_ends", clock.now() + seconds)
  shared:set(name .. ":probe", 0, seconds)
end

--- Make the next probe due now, unless one is under way; once in `seconds` at most, however many would like to know.
function addresses.hurry(name, seconds)
  if shared:get(name .. ":probe") == 0 and clock.now() >= (shared:get(name .. ":hurried") or 0) then
    shared:set(name .. ":hurried", clock.now() + seconds)
    shared:delete(name .. ":probe")
  end
end

return addresses
