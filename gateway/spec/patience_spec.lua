local patience = require("mercadito.patience")
local runner = require("runner")

return {
  ["a first opening that came to nothing costs no rest, further ones ever longer, up to 2 s"] = function()
    runner.same(patience.rest(0), 0)
    runner.same(patience.rest(1), 0)
    runner.same(patience.rest(2), 0.1)
    runner.same(patience.rest(3), 0.2)
    runner.same(patience.rest(7), 2)
    runner.same(patience.rest(1000), 2)
  end,
  ["Retry-After is spread over twice its base"] = function()
    runner.same(patience.retry_after(3, 0), 3)
    runner.same(patience.retry_after(3, 1), 6)
    runner.same(patience.retry_after(0.2, 0), 1)
    runner.same(patience.retry_after(1000, 1), 120)
  end,
}
