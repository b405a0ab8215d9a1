-- The time of day is set by a minute, forth or back, as by a machine that wakes up or a time server that was wrong.
local runner = require("runner")
local world = require("world")

local it = { concurrency = 16, listeners = { it = { host = "127.0.0.1" } } }
local settings = {
  workers = 1, hold_requests = 100, hold_s = 25, upstreams = { orders = it, usda = it, notify = it, realtime = it },
}

local function begin()
  local this = world.new({
    ["mercadito.workers"] = function() return { pids = function() return { "1" } end, is_alive = function() return true end } end,
    ["mercadito.journal"] = function() return { write = function() end } end,
    ["mercadito.settings"] = function() return settings end,
  })
  return this, this:worker(1)
end

local function each_way(check)
  for _, step in ipairs({ -60, 60 }) do
    check(step)
  end
end

-- Tries as the heart does: whoever finds that it is over takes it at the next beat.
local function may_probe(addresses)
  return addresses.may_probe("orders", 10) or addresses.may_probe("orders", 10)
end

return {
  ["a probe that is due comes when it is due"] = function()
    each_way(function(step)
      local this, worker = begin()
      local addresses = worker("mercadito.addresses")
      addresses.probe_again_in("orders", 0.5)
      this.ahead = step
      this.clock = this.clock + 0.6
      runner.same(may_probe(addresses), true, step)
      runner.same(addresses.may_probe("orders", 10), false, step)
      this.ahead = 0
      this.clock = this.clock + 11
      runner.same(may_probe(addresses), true, step)
    end)
  end,
  ["the next of a lane goes when an interval has passed"] = function()
    each_way(function(step)
      local this, worker = begin()
      local pace, lane = worker("mercadito.pace"), { pace_key = "realtime:pace", rate = 10 }
      pace.mark(lane)
      this.ahead = step
      runner.same(pace.is_due(lane), false, step)
      this.clock = this.clock + 0.11
      runner.same(pace.is_due(lane), true, step)
    end)
  end,
  ["a service rests as long as it should, and its outage is as long as it was"] = function()
    each_way(function(step)
      local this, worker = begin()
      local states = worker("mercadito.states")
      states.begin({ "orders" })
      states.probe_succeeded("orders", 0)
      for _ = 1, 3 do
        states.request_failed("orders", "reset")
        this.clock = this.clock + 3
        runner.same(states.phase("orders") ~= "up", true)
        states.probe_succeeded("orders", states.failures("orders"))
      end
      states.request_failed("orders", "reset")
      this.ahead = step
      this.clock = this.clock + 2.5
      runner.same(states.away_for("orders"), 2.5, step)
      runner.same(states.probe_succeeded("orders", states.failures("orders")), 2.5, step)
    end)
  end,
  ["a pause lasts as long as it should, and its end is told by the time of day"] = function()
    each_way(function(step)
      local this, worker = begin()
      local states, view, upstreams = worker("mercadito.states"), worker("mercadito.view"), worker("mercadito.upstreams")
      states.begin(upstreams.names)
      states.probe_succeeded("orders", 0)
      states.pause("orders", 30)
      view.refresh()
      this.ahead = step
      this.clock = this.clock + 29
      view.refresh()
      runner.same({ states.is_sending("orders"), upstreams.get("orders").paused }, { false, true }, step)
      runner.same(states.paused_until("orders"), this:time_of_day() + 1, step)
      this.clock = this.clock + 1
      view.refresh()
      runner.same({ states.is_sending("orders"), upstreams.get("orders").paused }, { true, false }, step)
    end)
  end,
  ["the real clock goes on"] = function()
    local clock = require("mercadito.clock")
    local before = clock.now()
    runner.same(clock.now() >= before and clock.now() - before < 1, true)
  end,
}
