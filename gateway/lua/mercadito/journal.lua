-- What the gateway has to say of itself: one JSON line each on standard error. nginx's own error log is silent while it
-- serves (unless LOG_LEVEL is debug), because its lines carry client addresses and whole request lines, secrets of mailed
-- links included.
local json = require("mercadito.json")

local journal = {}

--- Write a line; `event` is a static name, everything else a field.
function journal.write(level, event, fields)
  fields.ts = os.date("!%Y-%m-%dT%H:%M:%SZ")
  fields.level, fields.service, fields.event = level, "gateway", event
  io.stderr:write(json.encode(fields), "\n")
end

return journal
