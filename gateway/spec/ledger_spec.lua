local runner = require("runner")
local world = require("world")

return {
  ["an account that was forgotten while it was held is not owed anything"] = function()
    local this = world.new({ ["mercadito.workers"] = function(pid)
      return { pids = function() return { tostring(pid) } end }
    end })
    local ledger = this:worker(1)("mercadito.ledger").of("gateway_clients")
    ledger:add("orders:n:a", 2)
    this.shared.gateway_clients:delete("orders:n:a:1")
    ledger:add("orders:n:a", -2)
    runner.same(ledger:sum("orders:n:a"), 0)
    ledger:add("orders:n:a", 1)
    runner.same(ledger:sum("orders:n:a"), 1)
  end,
}
