-- The waiting room's own access phase. Whoever was turned away at the gate, or whose attempt failed (error_page brings
-- both here), waits until it is released, or is told why not.
local attempts = require("mercadito.attempts")
local clock = require("mercadito.clock")
local counters = require("mercadito.counters")
local failures = require("mercadito.failures")
local gate = require("mercadito.gate")
local guard = require("mercadito.guard")
local heartbeat = require("mercadito.heartbeat")
local journal = require("mercadito.journal")
local places = require("mercadito.places")
local refusal = require("mercadito.refusal")
local release = require("mercadito.release")
local request = require("mercadito.request")
local room = require("mercadito.room")
local semaphore = require("ngx.semaphore")
local settings = require("mercadito.settings")
local upstreams = require("mercadito.upstreams")
local visits = require("mercadito.visits")

local SHORTEST_WAIT_S = 0.001 -- less would be none at all, and time would stand still for whoever looks again and again
local SLICE_S = 0.01 -- between looks, in a worker whose heart has stopped: one that is about to leave

local TELL_EVERY_S = 1

local hold = {}
local told_at = 0

local function begin(id)
  local name = ngx.var.gateway_service
  -- The time that a first attempt took counts as waited.
  local spent_s = tonumber(ngx.var.upstream_response_time) or 0
  return visits.begin(id, {
    upstream = upstreams.get(name),
    body_bytes = request.body_bytes(),
    deadline = clock.now() + settings.hold_s - spent_s,
  })
end

local function wait(visit)
  local left = visit.deadline - clock.now()
  while not visit.released_now and not visit.evicted and left > 0 do
    local stopped = heartbeat.has_stopped()
    visit.semaphore:wait(math.max(SHORTEST_WAIT_S, stopped and math.min(SLICE_S, left) or left))
    if stopped then
      heartbeat.beat()
    end
    left = visit.deadline - clock.now()
  end
end

local function note_wait(visit, began)
  visit.held_s = (visit.held_s or 0) + clock.now() - began
  ngx.var.held_ms = math.floor(visit.held_s * 1000 + 0.5)
end

--- Wait until the visit may go. What it says to the client otherwise ends the request.
local function wait_for_release(visit)
  local upstream, began = visit.upstream, clock.now()
  visit.released_now = nil
  if not room.enter(upstream, visit) then
    return refusal.refuse(visit, "queue-full")
  end
  -- Only now: with its place free before it waits again, one that came later could go first, in another worker.
  gate.take_back(visit.id)
  release.round(upstream)
  if visit.released_now then
    return
  end
  counters.add("gateway_held_total", string.format('upstream="%s"', upstream.name))
  visit.semaphore = semaphore.new()
  heartbeat.wake()
  wait(visit)
  room.leave(upstream, visit)
  note_wait(visit, began)
  if not visit.released_now then
    return refusal.refuse(visit, visit.evicted and "over-its-share" or "waited-too-long")
  end
end

--- The access phase of every location that error_page leads to.
hold.enter = guard.request(function()
  local id = request.id()
  local visit = visits.get(id) or begin(id)
  visit.entries = visit.entries + 1
  local arrival = gate.came_back(id)
  visit.arrival = visit.arrival or arrival
  if request.has_too_many_headers() then
    return refusal.too_many_headers()
  elseif gate.was_turned_away(id) then
    failures.overlook_last(visit)
  elseif failures.has_news(visit) then
    failures.examine(visit)
  end
  wait_for_release(visit)
end)

local function write_down(visit)
  if visit.semaphore then
    ngx.var.gateway_arrival = visit.arrival
    ngx.var.gateway_queued = visit.queued
    ngx.var.gateway_released = visit.released or ""
    counters.add("gateway_held_ms_total", string.format('upstream="%s"', visit.upstream.name), math.floor((visit.held_s or 0) * 1000 + 0.5))
  end
end

-- What nginx could not do by itself, such as to write a body to a full disk, or to connect. Its own log would say why, and by
-- whose request.
local function note_internal_error()
  counters.add("gateway_internal_errors_total", "")
  if clock.now() >= told_at + TELL_EVERY_S then
    told_at = clock.now()
    journal.write("error", "internal_error", { reason = "nginx could not serve a request: is the disk full, or is no connection left?" })
  end
end

local NOT_AN_ANSWER = { [499] = true, [502] = true, [503] = true, [504] = true }

-- What nginx says by itself (a 500 for want of connections) says nothing of the service.
local function is_answer(status)
  return not NOT_AN_ANSWER[status] and attempts.was_answered(ngx.var)
end

--- The header filter of the waiting room's locations: the service has answered. A ramp grows by that, not when the
-- client has read it, or a few that read slowly would keep everybody from a service that is back.
hold.note_answer = guard.background(function()
  local id = request.id()
  local visit = visits.get(id)
  if visit and not visit.was_answered and gate.is_inside(id) and is_answer(ngx.status) then
    visit.was_answered = true
    places.answered(visit.upstream)
  end
end)

local leave_slowly = guard.background(function(id)
  local status, visit = ngx.status, visits.finish(id)
  local upstream = gate.take_back(id)
  if upstream and not (visit and visit.was_answered) and is_answer(status) then
    places.answered(upstream)
  end
  gate.was_turned_away(id)
  if visit then
    room.leave(visit.upstream, visit)
    write_down(visit)
  end
  upstream = upstream or visit and visit.upstream
  if status == 500 and not attempts.was_answered(ngx.var) then
    note_internal_error()
  end
  if upstream then
    upstream.answered[status] = (upstream.answered[status] or 0) + 1
    release.round(upstream)
  end
end)

--- The log phase, which always runs: counts the answer and gives back whatever the request still holds.
function hold.leave()
  local id = request.id()
  if not gate.leave(id) then
    leave_slowly(id)
  end
end

return hold
