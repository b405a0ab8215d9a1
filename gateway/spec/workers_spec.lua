-- Who counts as alive, and what becomes of a worker that was struck off and lives.
local runner = require("runner")
local world = require("world")

local UNSEEN = "too many open files"

local function begin(started)
  local beat = {}
  local nothing = function() end
  local one = { concurrency = 16, listeners = { it = { host = "127.0.0.1" } } }
  local stubs = {
    heartbeat = { start = function(bury) beat.bury = bury end }, spans = { start = nothing }, boots = {}, page = {}, pauses = {},
    eviction = {}, journal = { write = nothing }, process = { started = started },
    settings = {
      workers = 2, hold_requests = 100, hold_s = 25, hold_bytes = 1e9, share_percent = 5, address_shares = 4, orphans = {},
      state_dir = "/nowhere", upstreams = { orders = one, usda = one, notify = one, realtime = one },
    },
  }
  local named = {}
  for name, stub in pairs(stubs) do
    named["mercadito." .. name] = function() return stub end
  end
  local this = world.new(named)
  local worker = this:worker(1)
  worker("mercadito.lifecycle").worker_begins()
  return this, worker, beat
end

return {
  ["whoever cannot be looked at is not dead"] = function()
    local unseen
    local _, worker = begin(function(pid) return not unseen and "began " .. pid or nil, unseen end)
    local workers = worker("mercadito.workers")
    unseen = UNSEEN
    runner.same(workers.bury(), {})
    runner.same(workers.pids(), { "1" })
  end,
  ["whoever is gone, or another with its number, is struck off"] = function()
    for _, found in ipairs({ false, "later" }) do
      local gone
      local _, worker = begin(function() return not gone and "before" or found or nil end)
      gone = true
      runner.same(worker("mercadito.workers").bury(), { "1" })
    end
  end,
  ["a worker that was struck off and lives counts again, with all that it holds"] = function()
    local this, worker, beat = begin(function(pid) return "began " .. pid end)
    local upstream, places = worker("mercadito.upstreams").get("orders"), worker("mercadito.places")
    local ledger = worker("mercadito.ledger").of("gateway_ledger")
    worker("mercadito.states").begin({ "orders" })
    places.take(upstream)
    worker("mercadito.turn").join(upstream, { body_bytes = 7 })
    local head = this.shared.gateway_ledger.values["orders:head:1"]
    worker("mercadito.workers").leave("1")
    ledger:forget("1")
    beat.bury()
    runner.same(worker("mercadito.workers").pids(), { "1" })
    runner.same(ledger:sum(upstream.lease_account), 1)
    runner.same(ledger:sum(upstream.inside_account), 1)
    runner.same(ledger:sum(upstream.waiting_account), 1)
    runner.same(ledger:sum(upstream.bytes_account), 7)
    runner.same(ledger:sum(upstream.head_account), head)
  end,
}
