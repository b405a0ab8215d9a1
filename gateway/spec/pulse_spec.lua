-- A worker that stands still has the lowest number, and places: nobody waits for it for long.
local runner = require("runner")
local world = require("world")

local it = { concurrency = 4, listeners = { it = { host = "127.0.0.1" } } }
local settings = {
  workers = 2, hold_requests = 100, hold_s = 25, upstreams = { orders = it, usda = it, notify = it, realtime = it },
}

local function begin()
  local this = world.new({
    ["mercadito.workers"] = function() return { pids = function() return { "1", "2" } end } end,
    ["mercadito.journal"] = function() return { write = function() end } end,
    ["mercadito.settings"] = function() return settings end,
  })
  local still, other = this:worker(1), this:worker(2)
  still("mercadito.pulse").beat()
  return this, still, other
end

local function after(this, seconds, other)
  this.clock = this.clock + seconds
  other("mercadito.pulse").beat()
end

return {
  ["its turn is passed over after a while, and is its own again when it moves"] = function()
    local this, still, other = begin()
    still("mercadito.turn").join(still("mercadito.upstreams").get("orders"), { body_bytes = 0 })
    local turn, upstream = other("mercadito.turn"), other("mercadito.upstreams").get("orders")
    after(this, 2.9, other)
    runner.same({ turn.is_ours(upstream, 100), turn.others_wait(upstream) }, { false, true })
    after(this, 0.1, other)
    runner.same({ turn.is_ours(upstream, 100), turn.others_wait(upstream) }, { true, false })
    still("mercadito.pulse").beat()
    runner.same(turn.is_ours(upstream, 100), false)
  end,
  ["its places do not keep a ramp from beginning"] = function()
    local this, still, other = begin()
    still("mercadito.states").begin({ "orders" })
    local of_still, upstream = still("mercadito.upstreams").get("orders"), other("mercadito.upstreams").get("orders")
    runner.same({ still("mercadito.places").take(of_still), still("mercadito.places").take(of_still) }, { true, true })
    this.shared.gateway_upstreams:set("orders:phase", "ramp")
    runner.same(other("mercadito.places").take(upstream), false)
    after(this, 3, other)
    runner.same(other("mercadito.places").take(upstream), true)
    runner.same(other("mercadito.places").take(upstream), false)
  end,
  ["a worker that never said anything does not stand still"] = function()
    local this, _, other = begin()
    after(this, 100, other)
    runner.same({ other("mercadito.pulse").is_still("1"), other("mercadito.pulse").is_still("3") }, { true, false })
  end,
}
