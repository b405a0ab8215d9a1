-- What to do about a request whose attempt failed: wait and try again, or tell its client.
local addresses = require("mercadito.addresses")
local attempts = require("mercadito.attempts")
local bit = require("bit")
local clock = require("mercadito.clock")
local counters = require("mercadito.counters")
local prober = require("mercadito.prober")
local refusal = require("mercadito.refusal")
local replay = require("mercadito.replay")
local settings = require("mercadito.settings")
local states = require("mercadito.states")

local MAX_ENTRIES = 8 -- to the waiting room; nginx itself ends a request with a 500 at its 11th redirect
local MAX_LOST = 3 -- sent without an answer: whatever kills a service must not be fed to it for ever

local failures = {}

local function is_keyed(visit)
  return visit.upstream.name == "orders" and replay.is_keyed({
    method = ngx.req.get_method(),
    path = ngx.var.uri,
    -- A list when it was said twice, which is no key.
    header_key = ngx.req.get_headers()["idempotency-key"],
    query = ngx.var.args,
  }, settings.keyed_paths, settings.keyed_forms)
end

-- Attempts known not to have been processed, a bit each.
local function clear(visit, attempt)
  visit.cleared = bit.bor(visit.cleared or 0, bit.lshift(1, attempt))
end

local function is_clear(visit, attempt)
  return bit.band(visit.cleared or 0, bit.lshift(1, attempt)) ~= 0
end

--- The gate turned it away: nginx counts that as an attempt, but nothing was tried.
function failures.overlook_last(visit)
  visit.seen = #attempts.read(ngx.var)
  clear(visit, visit.seen)
end

-- Behind one address may be several, each new connection to another: a few in a row must fail before that is absence.
local function may_connect_elsewhere(visit, attempt)
  local is_unconnected = attempt.sent == 0 and not attempt.answered
  local failed = (visit.unconnected or 0) + 1
  local goes_on = is_unconnected and failed < settings.connect_tries
  visit.unconnected = goes_on and failed or 0 -- released again, it may fail as often before that says anything
  return goes_on
end

local function note_absence(visit, attempt, not_processed)
  if may_connect_elsewhere(visit, attempt) then
    return
  end
  local absence = replay.sign_of_absence(attempt, not_processed)
  if absence and states.request_failed(visit.upstream.name, absence) or replay.is_doubtful(attempt) then
    addresses.hurry(visit.upstream.name, settings.probe_ms / 1000)
    prober.at_once(visit.upstream.name)
  end
end

-- The service lost its database while that was committing: as good as no answer at all.
local function forget_answer_in_doubt(attempt)
  if attempt.status == 503 and ngx.var.upstream_http_x_gateway_outcome == "unknown" then
    attempt.answered, attempt.received = false, 0
  end
end

-- uvicorn answers a handshake that it is interrupted in with 500 when it stops: nothing has run, and the next process
-- will do better. Once; a second 500 is what the service means.
local function is_interrupted_handshake(visit, attempt)
  local is_first = visit.upstream.rate and attempt.status == 500 and not visit.was_interrupted
  visit.was_interrupted = visit.was_interrupted or is_first
  return is_first
end

--- Look at the attempt made last. Return those that may have run, the last one, and whether the service refused it unread.
local function look(visit)
  local list = attempts.read(ngx.var)
  local last = list[#list]
  if last and #list > visit.seen then
    local not_processed = last.status == 503 and ngx.var.upstream_http_x_gateway_not_processed == "1"
      or is_interrupted_handshake(visit, last)
    if not_processed then
      clear(visit, #list)
    end
    forget_answer_in_doubt(last)
    note_absence(visit, last, not_processed)
  end
  visit.seen = #list
  local open = {}
  for index, attempt in ipairs(list) do
    if not is_clear(visit, index) then
      open[#open + 1] = attempt
    end
  end
  return open, last, is_clear(visit, #list)
end

local function lost(open)
  local number = 0
  for _, attempt in ipairs(open) do
    number = number + (attempt.sent > 0 and 1 or 0)
  end
  return number
end

local function is_exhausted(visit, open)
  return visit.entries > MAX_ENTRIES or lost(open) >= MAX_LOST or clock.now() >= visit.deadline
end

--- Return whether there was an attempt since the last look: whoever waits on the way in had none. That it has a place
-- would not say so, since one that the service works on for long may have lost it to others.
function failures.has_news(visit)
  return #attempts.read(ngx.var) > visit.seen
end

--- Decide; returns when the request is to wait and be sent again.
function failures.examine(visit)
  local open, last, not_processed = look(visit)
  visit.keyed = visit.keyed or is_keyed(visit)
  local case = { method = ngx.req.get_method(), keyed = visit.keyed, not_processed = not_processed, attempts = open }
  local verdict = replay.verdict(case)
  visit.in_doubt = replay.may_have_run(case)
  if verdict == "unknown" then
    return refusal.unknown(visit)
  elseif verdict == "answered" then
    return refusal.pass_on(visit, last.status)
  elseif verdict == "failed" then
    return refusal.refuse(visit, "broken-answer")
  elseif is_exhausted(visit, open) then
    if last and last.status == 504 and not visit.in_doubt then
      return refusal.timed_out()
    end
    return refusal.refuse(visit, "tries-used-up")
  end
  counters.add("gateway_replayed_total", string.format('upstream="%s"', visit.upstream.name))
end

return failures
