-- What two workers see of a service at the same moment, with every interleaving that chance finds.
local runner = require("runner")
local world = require("world")

local SEEDS = 400

local function begin()
  local this = world.new({
    ["mercadito.workers"] = function() return { pids = function() return { "1", "2" } end } end,
    ["mercadito.journal"] = function() return { write = function() end } end,
  })
  local first, second = this:worker(1)("mercadito.states"), this:worker(2)("mercadito.states")
  first.begin({ "orders" })
  first.probe_failed("orders", "refused")
  first.probe_succeeded("orders", first.failures("orders"))
  runner.same(first.phase("orders"), "ramp")
  return this, first, second
end

local function falls_whatever_ends_its_ramp(finish)
  for seed = 1, SEEDS do
    math.randomseed(seed)
    local this, first, second = begin()
    this.clock = this.clock + 2
    this:interleave({
      function() finish(first) end,
      function() second.request_failed("orders", "reset") end,
    })
    runner.same(first.phase("orders") == "down" or first.phase("orders") == "suspect", true, seed)
  end
end

return {
  ["a service that falls as its ramp has grown is away"] = function()
    falls_whatever_ends_its_ramp(function(states) states.answered_in_ramp("orders", 2) end)
  end,
  ["a service that falls as its ramp ends for want of visitors is away"] = function()
    falls_whatever_ends_its_ramp(function(states) states.end_quiet_ramp("orders") end)
  end,
}
