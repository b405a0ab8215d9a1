-- What this worker remembers of each request that had to wait or to come back. Thousands may wait: a record holds texts and
-- numbers rather than tables, and most of its fields (`cleared`, `keyed`, `in_doubt`, ...) only once they say something.
local visits = {}
local open = {}

--- Return a request's record, or nil when it went straight through so far.
function visits.get(id)
  return open[id]
end

--- Begin remembering a request; `fields.upstream` is the service it is for.
function visits.begin(id, fields)
  fields.id = id
  fields.entries = 0 -- times it came to the waiting room
  fields.seen = 0 -- attempts looked at
  open[id] = fields
  return fields
end

--- Return a series of numbers with one more, as the access log has it.
function visits.add(series, number)
  return series and series .. " : " .. number or number
end

--- Forget a request, which is over; return its record.
function visits.finish(id)
  local visit = open[id]
  open[id] = nil
  return visit
end

return visits
