-- How long to stay away: pure arithmetic, all bounds named.
local patience = {}

local FIRST_REST_S, LONGEST_REST_S = 0.1, 2
local LONGEST_RETRY_S = 120

--- Return how long a service is left alone after its `flaps`th opening in a row that came to nothing.
function patience.rest(flaps)
  if flaps <= 1 then
    return 0
  end
  return math.min(FIRST_REST_S * 2 ^ (flaps - 2), LONGEST_REST_S)
end

--- Return whole seconds for Retry-After: once to twice the time to wait, so that the refused do not come back together.
function patience.retry_after(wait_s, jitter)
  return math.min(LONGEST_RETRY_S, math.max(1, math.floor(wait_s * (1 + jitter) + 0.5)))
end

return patience
