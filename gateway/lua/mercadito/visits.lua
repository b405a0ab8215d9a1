-- What this worker remembers of each request under way. ngx.ctx is wiped by every internal redirect (a held request
-- makes several), the request id is not.
local visits = {}
local open = {}

--- Begin remembering a request; `fields.name` is its service.
function visits.begin(fields)
  fields.entries = 0
  fields.attempts_seen = 0
  fields.cleared = {}
  fields.held_ms = 0
  open[ngx.var.request_id] = fields
  return fields
end

--- Return this request's record, or nil when it never got as far as a service.
function visits.current()
  return open[ngx.var.request_id]
end

--- Forget this request, which is over.
function visits.finish()
  open[ngx.var.request_id] = nil
end

return visits
