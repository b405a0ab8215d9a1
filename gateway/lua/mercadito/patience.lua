-- How long to sleep: pure arithmetic, all bounds named.
local patience = {}

local QUICK_S, SLOW_S = 0.010, 0.050
local QUICK_FOR_S = 0.2
local FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2

--- Return the next slice of a wait that has lasted `waited_s`: short waits end promptly, long ones cost little.
function patience.slice(waited_s, jitter)
  local longest = waited_s < QUICK_FOR_S and QUICK_S or SLOW_S
  return longest * (0.5 + 0.5 * jitter)
end

--- Return how long to stay away before pass `entries` through the gateway. The second may go as soon as the service
-- is ready; a service that says it is ready and fails all the same is left alone ever longer.
function patience.before(entries)
  if entries <= 2 then
    return 0
  end
  return math.min(FIRST_PAUSE_S * 2 ^ (entries - 3), LONGEST_PAUSE_S)
end

--- Return seconds for Retry-After, spread so that the refused do not come back together.
function patience.retry_after(base_s, jitter)
  return math.floor(base_s * (1 + jitter) + 0.5)
end

return patience
