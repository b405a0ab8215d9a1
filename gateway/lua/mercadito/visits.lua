-- What this worker remembers of each request that had to wait or to come back.
local visits = {}
local open = {}

--- Return a request's record, or nil when it went straight through so far.
function visits.get(id)
  return open[id]
end

--- Begin remembering a request; `fields.upstream` is the service it is for.
function visits.begin(id, fields)
  fields.id = id
  fields.entries = 0
  fields.seen = 0 -- attempts looked at
  fields.cleared = {} -- {attempt = true}: known not to have been processed
  fields.held_s = 0
  fields.queued, fields.released = {}, {}
  open[id] = fields
  return fields
end

--- Forget a request, which is over; return its record.
function visits.finish(id)
  local visit = open[id]
  open[id] = nil
  return visit
end

return visits
