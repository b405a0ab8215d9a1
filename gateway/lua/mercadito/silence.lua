-- Services that accept and say nothing, as their probes meet them: a busy one may be slow to answer, one that hangs is for
-- ever.
local journal = require("mercadito.journal")

local shared = ngx.shared.gateway_upstreams

local MAX_SILENCES = 5 -- probes in a row that time out before that is written down, and before a lane counts as away

local silence = {}

--- A probe met with silence. Return whether it has lasted for long; the first to see that writes it down.
function silence.note(name)
  local number = shared:incr(name .. ":silences", 1, 0)
  if number == MAX_SILENCES then
    journal.write("warning", "upstream_silent", { upstream = name })
  end
  return number >= MAX_SILENCES
end

--- A probe was answered, or refused.
function silence.finish(name)
  if (shared:get(name .. ":silences") or 0) > 0 then
    shared:set(name .. ":silences", 0)
  end
end

return silence
