-- What this machine wants itself before it can ask anybody: such a probe was not made, and says nothing of the service.
local clock = require("mercadito.clock")
local journal = require("mercadito.journal")

local OURS = {
  "too many open files", "cannot allocate memory", "no buffer space available",
  "resource temporarily unavailable", -- no connection is left (GATEWAY_CONNECTIONS): it is what nginx met with last
}
local TELL_EVERY_S = 1

local wants = {}
local told_at = 0

--- Return whether a probe failed for a want of our own; once a second that is written down.
function wants.are_ours(name, problem)
  for _, want in ipairs(OURS) do
    if problem:lower():find(want, 1, true) then
      if clock.now() >= told_at + TELL_EVERY_S then
        told_at = clock.now()
        journal.write("error", "probe_not_made", { upstream = name, reason = problem })
      end
      return true
    end
  end
  return false
end

return wants
