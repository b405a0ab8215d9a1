local patience = require("mercadito.patience")
local runner = require("runner")

return {
  ["a slice is never longer than 50 ms, and 10 ms at first"] = function()
    for _, jitter in ipairs({ 0, 0.5, 1 }) do
      assert(patience.slice(0, jitter) <= 0.010)
      assert(patience.slice(100, jitter) <= 0.050)
      assert(patience.slice(0, jitter) > 0)
    end
  end,
  ["the first two passes go as soon as they may, later ones stay away longer, up to 2 s"] = function()
    runner.same(patience.before(1), 0)
    runner.same(patience.before(2), 0)
    runner.same(patience.before(3), 0.1)
    runner.same(patience.before(4), 0.2)
    runner.same(patience.before(9), 2)
    runner.same(patience.before(100), 2)
  end,
  ["Retry-After is spread over twice its base"] = function()
    runner.same(patience.retry_after(3, 0), 3)
    runner.same(patience.retry_after(3, 1), 6)
  end,
}
