-- Holding: before each attempt a request waits here until its service is up and has room; after a failed attempt
-- nginx brings it back (error_page), and it waits again or is told why not.
local attempts = require("mercadito.attempts")
local counters = require("mercadito.counters")
local guard = require("mercadito.guard")
local patience = require("mercadito.patience")
local prober = require("mercadito.prober")
local problem = require("mercadito.problem")
local replay = require("mercadito.replay")
local room = require("mercadito.room")
local settings = require("mercadito.settings")
local upstreams = require("mercadito.upstreams")
local visits = require("mercadito.visits")

local MAX_ENTRIES = 9 -- 8 of them after a failure; nginx itself ends a request with a 500 at its 11th redirect

local hold = {}

local function count(metric, visit, more)
  counters.add(metric, string.format('upstream="%s"%s', visit.name, more or ""))
end

local function note_wait(visit, seconds)
  visit.held_ms = visit.held_ms + math.floor(seconds * 1000 + 0.5)
  ngx.var.held_ms = visit.held_ms
end

local function unknown(visit)
  count("gateway_unknown_outcomes_total", visit)
  ngx.var.gateway_outcome = "unknown"
  ngx.header["X-Gateway-Outcome"] = "unknown"
  return problem.answer(502, "outcome-unknown")
end

--- Give up on a request; what was sent before and may have run is not called undone.
local function refuse(visit, reason)
  if visit.in_doubt then
    return unknown(visit)
  end
  count("gateway_refused_total", visit, string.format(',reason="%s"', reason))
  ngx.var.gateway_outcome = reason
  return problem.answer(503, "unavailable", { retry = true })
end

--- Wait in slices until there is room or time is up. An exiting worker's timers are dead already, so its waiting
-- requests see to the probing.
local function wait_in_queue(visit)
  local started = ngx.now()
  local entered
  repeat
    ngx.sleep(patience.slice(ngx.now() - started, math.random()))
    if ngx.worker.exiting() then
      prober.visit(visit.name)
    end
    entered = room.enter(visit)
  until entered or ngx.now() >= visit.deadline
  room.leave_queue(visit)
  note_wait(visit, ngx.now() - started)
  return entered
end

local function wait_for_room(visit)
  if room.enter(visit) then
    return
  end
  if not room.queue(visit) then
    return refuse(visit, "queue-full")
  end
  count("gateway_held_total", visit)
  if not wait_in_queue(visit) then
    return refuse(visit, "waited-too-long")
  end
end

--- Look at the attempts made since the last time; note which are known not to have been processed.
local function examine(visit)
  local list = attempts.read(ngx.var)
  local not_processed = ngx.var.upstream_http_x_gateway_not_processed == "1"
  local last = list[#list]
  if #list > visit.attempts_seen and last then
    visit.cleared[#list] = not_processed and last.status == 503 or nil
    local absence = replay.sign_of_absence(last, visit.cleared[#list])
    if absence then
      upstreams.hold(visit.name, absence)
    end
  end
  visit.attempts_seen = #list
  local open = {}
  for index, attempt in ipairs(list) do
    if not visit.cleared[index] then
      open[#open + 1] = attempt
    end
  end
  return open, last, visit.cleared[#list]
end

local function pass_on(last)
  if last.status == 503 then
    local retry_after = ngx.var.upstream_http_retry_after
    return problem.answer(503, "unavailable", { words = "declined", retry_after = retry_after, retry = true })
  end
  return problem.answer(last.status, last.status == 504 and "timeout" or "bad-gateway")
end

local function give_up(visit, last)
  if last and last.status == 504 and not visit.in_doubt then
    return problem.answer(504, "timeout")
  end
  return refuse(visit, "tries-used-up")
end

local function after_failure(visit)
  room.leave(visit)
  local open, last, not_processed = examine(visit)
  local case = { method = visit.method, keyed = visit.keyed, not_processed = not_processed, attempts = open }
  local verdict = replay.verdict(case)
  visit.in_doubt = replay.may_have_run(case)
  if verdict == "unknown" then
    return unknown(visit)
  elseif verdict == "answered" then
    return pass_on(last)
  elseif verdict == "failed" then
    return refuse(visit, "broken-answer")
  elseif visit.entries > MAX_ENTRIES or ngx.now() >= visit.deadline then
    return give_up(visit, last)
  end
  count("gateway_replayed_total", visit)
end

--- The access phase of every proxying location.
hold.enter = guard.request(function()
  local visit = visits.current()
  visit.entries = visit.entries + 1
  visit.deadline = visit.deadline or ngx.now() + settings.hold_s
  if visit.entries > 1 then
    after_failure(visit)
    local away = patience.before(visit.entries)
    if away > 0 then
      ngx.sleep(away)
      note_wait(visit, away)
    end
  end
  wait_for_room(visit)
end)

--- The log phase, which always runs: gives back whatever the request still holds.
hold.leave = guard.background(function()
  local visit = visits.current()
  if visit then
    room.leave(visit)
    room.leave_queue(visit)
    counters.add("gateway_requests_total", string.format('upstream="%s",class="%dxx"', visit.name, ngx.status / 100))
    if visit.held_ms > 0 then
      counters.add("gateway_held_ms_total", string.format('upstream="%s"', visit.name), visit.held_ms)
    end
    visits.finish()
  end
end)

return hold
