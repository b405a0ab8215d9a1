-- One loop per worker: it learns what others changed, probes what is due, and releases who may go. It is a timer that
-- never ends rather than one that fires again and again, because nginx kills pending timers in a worker that is to
-- leave, while that worker's waiting requests still need all this.
local clock = require("mercadito.clock")
local counters = require("mercadito.counters")
local eviction = require("mercadito.eviction")
local guard = require("mercadito.guard")
local gate = require("mercadito.gate")
local ledger = require("mercadito.ledger").of("gateway_ledger")
local memory = require("mercadito.memory")
local places = require("mercadito.places")
local prober = require("mercadito.prober")
local pulse = require("mercadito.pulse")
local release = require("mercadito.release")
local room = require("mercadito.room")
local semaphore = require("ngx.semaphore")
local states = require("mercadito.states")
local upstreams = require("mercadito.upstreams")
local view = require("mercadito.view")

local IDLE_S = 0.1 -- while nobody waits here; requests look for themselves then (gate.lua)
local WAITING_S = 0.005 -- while somebody waits here for a service that is away
local RELEASING_S = 0.001 -- while somebody waits here for his turn
local TIDY_EVERY_S = 0.1 -- places that nobody needed for this long go back, and dead workers are struck off

local heartbeat = {}
local woken, bury
local stopped, tidied_at = false, 0

local function count_answers(upstream)
  for status, number in pairs(upstream.answered) do
    local class = math.floor(status / 100)
    counters.add("gateway_requests_total", string.format('upstream="%s",class="%dxx"', upstream.name, class), number)
    upstream.answered[status] = nil
  end
end

local function tell_inside(upstream)
  if upstream.told_inside ~= upstream.inside + upstream.displaced then
    places.tell(upstream)
  end
end

local function probe()
  if not ngx.worker.exiting() then
    return prober.round()
  end
  -- No timer can be had any more; one service after the other then.
  for _, upstream in ipairs(upstreams.all()) do
    if upstream.queue.size > 0 then
      pulse.beat()
      prober.visit(upstream.name)
    end
  end
end

local function tidy()
  if clock.now() < tidied_at + TIDY_EVERY_S then
    return
  end
  tidied_at = clock.now()
  bury()
  local waiting = 0
  for _, upstream in ipairs(upstreams.all()) do
    waiting = waiting + upstream.queue.size
    places.give_back_unused(upstream)
    if not upstream.open and not upstream.paused then
      gate.reclaim(upstream)
    end
    if upstream.phase == "ramp" and ledger:sum(upstream.waiting_account) == 0 then
      states.end_quiet_ramp(upstream.name)
    end
  end
  memory.watch(waiting)
end

--- Do everything once; return seconds until it should be done again.
function heartbeat.beat()
  probe()
  pulse.beat()
  view.refresh()
  tidy()
  local pause = IDLE_S
  for _, upstream in ipairs(upstreams.all()) do
    room.give_seats(upstream)
    release.round(upstream)
    eviction.show(upstream)
    count_answers(upstream)
    tell_inside(upstream)
    if upstream.queue.size > 0 then
      pause = math.min(pause, states.is_sending(upstream.name) and RELEASING_S or WAITING_S)
    end
  end
  counters.flush()
  return pause
end

local beat = guard.background(heartbeat.beat)

local function is_needed()
  for _, upstream in ipairs(upstreams.all()) do
    if upstream.queue.size > 0 or upstream.inside > 0 or upstream.displaced > 0 then
      return true
    end
  end
  return not ngx.worker.exiting()
end

--- Start the loop; called once in each worker. `strike_off` is what to do about workers that died.
function heartbeat.start(strike_off)
  bury, woken = strike_off, semaphore.new()
  prober.afterwards(heartbeat.wake)
  ngx.timer.at(0, function(premature)
    while not premature and is_needed() do
      woken:wait(beat() or IDLE_S)
    end
    stopped = true
    view.close()
  end)
end

--- Beat now rather than when it is time.
function heartbeat.wake()
  if woken:count() <= 0 then
    woken:post(1)
  end
end

--- Return whether this worker's loop has ended, because the worker is about to leave.
function heartbeat.has_stopped()
  return stopped
end

return heartbeat
