-- The truth about each service, in shared memory, where it outlives workers and reloads:
--
--   up -> suspect -> down -> ramp -> up        paused: beside them, by the operator, with an end
--
-- One failure makes it suspect. A probe that succeeds at once takes that back; otherwise it is down until a probe
-- succeeds, and then released with a window that grows with the answers (ramp).
local clock = require("mercadito.clock")
local counters = require("mercadito.counters")
local journal = require("mercadito.journal")
local rests = require("mercadito.rests")

local shared = ngx.shared.gateway_upstreams

local CHANGE_REMEMBERED_S = 60
local STEADY_AFTER_S = 1

local states = {}

local SENDING = { up = true, ramp = true }

--- Return a number that grows with every change of anything here.
function states.version()
  return shared:get("version") or 0
end

function states.touch()
  return shared:incr("version", 1, 0)
end

-- By both clocks: one is shown, the other one measured by.
local function note_move(name)
  shared:set(name .. ":since", ngx.now())
  shared:set(name .. ":moved_at", clock.now())
end

local function move(name, phase, reason)
  shared:set(name .. ":phase", phase)
  note_move(name)
  states.touch()
  counters.add("gateway_transitions_total", string.format('upstream="%s",to="%s"', name, phase))
  journal.write("warning", "upstream_" .. phase, { upstream = name, reason = reason })
end

--- Hold everything for services never seen yet: the first probe, a moment later, opens them.
function states.begin(names)
  for _, name in ipairs(names) do
    if shared:add(name .. ":phase", "suspect") then
      note_move(name)
    end
  end
end

function states.phase(name)
  return shared:get(name .. ":phase")
end

function states.is_sending(name)
  return SENDING[shared:get(name .. ":phase")] and not states.pause_left(name)
end

--- Return the number of failures so far: a probe opens a service only if none came while it asked.
function states.failures(name)
  return shared:get(name .. ":failures") or 0
end

local function note(name, reason)
  shared:incr(name .. ":failures", 1, 0)
  shared:set(name .. ":error", reason)
  shared:set(name .. ":error_at", ngx.time())
end

--- Return how often it was opened.
function states.opening(name)
  return shared:get(name .. ":opening") or 0
end

-- Many requests meet with the same change since the last opening; only the first may act on it.
local function is_first_to_see(name, change)
  return shared:add(name .. ":" .. change .. ":" .. states.opening(name), true, CHANGE_REMEMBERED_S)
end

local function has_served(name, phase)
  local steady = phase == "up" and clock.now() - shared:get(name .. ":moved_at") >= STEADY_AFTER_S
  return steady or shared:get(name .. ":proven") == states.opening(name)
end

local function fall(name, to, reason)
  local phase = states.phase(name)
  note(name, reason)
  if not SENDING[phase] or not is_first_to_see(name, "fell") then
    return false
  end
  local flaps = rests.begin(name, has_served(name, phase))
  shared:set(name .. ":fell_at", clock.now())
  shared:delete(name .. ":probe")
  move(name, (phase == "ramp" or flaps > 1) and "down" or to, reason)
  return true
end

--- A request got no answer: stop sending at once. True for the one whose failure did it.
function states.request_failed(name, reason)
  return fall(name, "suspect", reason)
end

--- A probe found the service away.
function states.probe_failed(name, reason)
  if states.phase(name) == "suspect" then
    note(name, reason)
    move(name, "down", reason)
  elseif not fall(name, "down", reason) then
    shared:set(name .. ":error", reason)
  end
end

--- A probe found it ready, and none failed since `failures` was read: send again. Return seconds since it fell if that
-- ended an outage.
function states.probe_succeeded(name, failures, paced)
  local phase = states.phase(name)
  if SENDING[phase] or states.failures(name) ~= failures or not rests.is_over(name) then
    return nil
  end
  shared:set(name .. ":window", 1)
  shared:incr(name .. ":opening", 1, 0)
  move(name, (phase == "suspect" or paced) and "up" or "ramp", "ready")
  local fell_at = shared:get(name .. ":fell_at")
  shared:delete(name .. ":fell_at")
  return phase == "down" and fell_at and clock.now() - fell_at or nil
end

--- A request was answered since a service was opened: if others are not, it is not the service that comes to nothing.
function states.prove(name)
  shared:set(name .. ":proven", states.opening(name))
end

--- Return how many requests a service in its ramp may have at once.
function states.window(name)
  return shared:get(name .. ":window") or 1
end

-- A fall that another worker sees at the same moment may have been written before: then it is that which holds, and it must
-- not be forgotten, because nobody else would act on it until the next opening.
local function end_ramp(name, reason)
  local fell = name .. ":fell:" .. states.opening(name)
  if is_first_to_see(name, "grown") then
    move(name, "up", reason)
    if shared:get(fell) then
      move(name, "down", "fell as its ramp ended")
    end
  end
end

--- A request of the ramp was answered: the window grows by one, which doubles it with every round of answers.
function states.answered_in_ramp(name, target)
  local window = shared:incr(name .. ":window", 1, 1)
  if window >= target and states.phase(name) == "ramp" then
    end_ramp(name, "answers as usual")
  end
end

--- End a ramp that nobody needs: nothing is left to release, and it has served for a while.
function states.end_quiet_ramp(name)
  if states.phase(name) == "ramp" and clock.now() - shared:get(name .. ":moved_at") >= STEADY_AFTER_S then
    end_ramp(name, "nobody waits")
  end
end

--- Return how long an outage has lasted, or nil when there is none.
function states.away_for(name)
  local fell_at = not SENDING[states.phase(name)] and shared:get(name .. ":fell_at")
  return fell_at and clock.now() - fell_at or nil
end

--- Return how many seconds a pause still lasts, or nil when there is none. It ends by the clock that nobody sets; an end of
-- the key itself would go by the time of day.
function states.pause_left(name)
  local ends = shared:get(name .. ":pause_ends")
  local left = ends and ends - clock.now() or 0
  return left > 0 and left or nil
end

function states.pause(name, seconds)
  if not states.pause_left(name) then
    shared:set(name .. ":paused_since", ngx.time())
  end
  shared:set(name .. ":pause_ends", clock.now() + seconds)
  return states.touch()
end

function states.resume(name)
  shared:delete(name .. ":pause_ends")
  states.touch()
end

--- Return the time of day at which a pause ends by itself, for people; nil when there is none.
function states.paused_until(name)
  local left = states.pause_left(name)
  return left and ngx.now() + left
end

return states
