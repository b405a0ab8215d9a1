-- What a request is told that can't be served: never that nothing was done when it may have been.
local boots = require("mercadito.boots")
local counters = require("mercadito.counters")
local problem = require("mercadito.problem")

local SLUGS = { [500] = "internal", [502] = "bad-gateway", [504] = "timeout" }

local refusal = {}

local function count(metric, visit, more)
  counters.add(metric, string.format('upstream="%s"%s', visit.upstream.name, more or ""))
end

--- It was sent and may have run, and nobody can tell.
function refusal.unknown(visit)
  count("gateway_unknown_outcomes_total", visit)
  ngx.var.gateway_outcome = "unknown"
  ngx.header["X-Gateway-Outcome"] = "unknown"
  return problem.answer(502, "outcome-unknown")
end

--- Give up on a request; what was sent before and may have run is not called undone.
function refusal.refuse(visit, reason)
  if visit.in_doubt then
    return refusal.unknown(visit)
  end
  count("gateway_refused_total", visit, string.format(',reason="%s"', reason))
  ngx.var.gateway_outcome = reason
  return problem.answer(503, "unavailable", { retry_after = boots.retry_after(visit.upstream.name) })
end

--- Pass on that the service itself said 500 to a handshake, 502, 503 or 504; nginx has dropped its words.
function refusal.pass_on(visit, status)
  if status == 503 then
    local theirs = ngx.var.upstream_http_retry_after
    local retry_after = theirs and theirs:find("^%d+$") and theirs or boots.retry_after(visit.upstream.name)
    return problem.answer(503, "unavailable", { words = "declined", retry_after = retry_after })
  end
  return problem.answer(status, SLUGS[status])
end

--- No answer came in time, from a request that changed nothing.
function refusal.timed_out()
  return problem.answer(504, "timeout")
end

function refusal.too_many_headers()
  return problem.answer(431, "headers-too-large")
end

return refusal
