local attempts = require("mercadito.attempts")
local runner = require("runner")

return {
  ["nothing tried yet is no attempt"] = function()
    runner.same(attempts.read({}), {})
  end,
  ["a refused connection sent nothing"] = function()
    local list = attempts.read({
      upstream_status = "502", upstream_bytes_sent = "0", upstream_bytes_received = "0", upstream_header_time = "-",
    })
    runner.same(list, { { sent = 0, received = 0, answered = false, status = 502 } })
  end,
  ["groups of several passes and of one are all counted"] = function()
    local list = attempts.read({
      upstream_status = "502, 502 : 503", upstream_bytes_sent = "0, 156 : 90",
      upstream_bytes_received = "0, 0 : 40", upstream_header_time = "-, - : 0.004",
    })
    runner.same(list, {
      { sent = 0, received = 0, answered = false, status = 502 },
      { sent = 156, received = 0, answered = false, status = 502 },
      { sent = 90, received = 40, answered = true, status = 503 },
    })
  end,
  ["what nginx does not tell counts as sent"] = function()
    runner.same(attempts.read({ upstream_status = "502" })[1].sent, 1)
  end,
  ["only a head that came is an answer, and only the last attempt's"] = function()
    local function was_answered(statuses, head_times)
      return attempts.was_answered({ upstream_status = statuses, upstream_header_time = head_times })
    end
    runner.same(was_answered("200", "0.004"), true)
    runner.same(was_answered("502 : 500", "- : 0.000"), true)
    runner.same(was_answered("503 : -", "0.004 : -"), false) -- the 500 of its client is nginx's own
    runner.same(was_answered(nil, nil), false)
  end,
}
