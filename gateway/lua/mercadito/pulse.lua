-- Which workers stand still: stopped, or stuck in a write. They live, so they are not struck off, but nobody waits for them.
local clock = require("mercadito.clock")

local shared = ngx.shared.gateway_ledger

local STILL_AFTER_S = 3 -- without a beat; longer than a busy worker, or a probe in one that leaves, takes between two

local pulse = {}

--- Say that this worker's heart beats.
function pulse.beat()
  shared:set("beat:" .. ngx.worker.pid(), clock.now())
end

--- Return whether a worker has stood still for long; one that never said anything has not.
function pulse.is_still(pid)
  local beat = shared:get("beat:" .. pid)
  return beat ~= nil and clock.now() >= beat + STILL_AFTER_S
end

return pulse
