local replay = require("mercadito.replay")
local runner = require("runner")

local UNSENT = { sent = 0, received = 0, answered = false, status = 502 }
local SLOW_CONNECT = { sent = 0, received = 0, answered = false, status = 504 }
local LOST = { sent = 200, received = 0, answered = false, status = 502 }
local HUNG = { sent = 200, received = 0, answered = false, status = 504 }
local PARTIAL = { sent = 200, received = 20, answered = false, status = 502 }
local SAID_503 = { sent = 200, received = 90, answered = true, status = 503 }

local SAFE, UNSAFE = { "GET", "HEAD", "OPTIONS" }, { "POST", "PUT", "PATCH", "DELETE", "PROPFIND" }

local function each(methods, keyed, attempts, wanted)
  for _, method in ipairs(methods) do
    local case = { method = method, keyed = keyed, attempts = attempts }
    runner.same(replay.verdict(case), wanted, method)
  end
end

return {
  ["never sent: again, any method, keyed or not"] = function()
    for _, attempts in ipairs({ { UNSENT }, { SLOW_CONNECT }, { UNSENT, SLOW_CONNECT, UNSENT } }) do
      each(SAFE, false, attempts, "again")
      each(UNSAFE, false, attempts, "again")
    end
  end,
  ["sent without an answer: reads again, others unknown"] = function()
    for _, attempts in ipairs({ { LOST }, { HUNG }, { UNSENT, LOST } }) do
      each(SAFE, false, attempts, "again")
      each(UNSAFE, false, attempts, "unknown")
    end
  end,
  ["a refused try does not hide an earlier sent one"] = function()
    each(UNSAFE, false, { LOST, UNSENT }, "unknown")
  end,
  ["with a key: again"] = function()
    each({ "POST", "PUT", "PATCH", "DELETE" }, true, { LOST, UNSENT, LOST }, "again")
  end,
  ["some of an answer seen: never again"] = function()
    each(SAFE, false, { PARTIAL }, "failed")
    each(UNSAFE, true, { PARTIAL }, "unknown")
    each(UNSAFE, true, { PARTIAL, UNSENT }, "unknown")
  end,
  ["the service's own refusal is passed on"] = function()
    each(SAFE, false, { SAID_503 }, "answered")
    each(UNSAFE, true, { LOST, SAID_503 }, "answered")
  end,
  ["not processed: again, any method"] = function()
    runner.same(replay.verdict({ method = "POST", not_processed = true, attempts = {} }), "again")
  end,
  ["only what was sent and changes something may have run"] = function()
    runner.same(replay.may_have_run({ method = "GET", attempts = { LOST } }), false)
    runner.same(replay.may_have_run({ method = "POST", attempts = { UNSENT } }), false)
    runner.same(replay.may_have_run({ method = "POST", attempts = { LOST, UNSENT } }), true)
  end,
  ["a service is away when it refuses, breaks off or says so, not when it is slow or says no"] = function()
    runner.same(replay.sign_of_absence(UNSENT), "connect failed")
    runner.same(replay.sign_of_absence(SLOW_CONNECT), "connect failed")
    runner.same(replay.sign_of_absence(LOST), "closed without an answer")
    runner.same(replay.sign_of_absence(PARTIAL), nil)
    runner.same(replay.sign_of_absence(SAID_503, true), "answered 503, not processed")
    runner.same(replay.sign_of_absence(HUNG), nil)
    runner.same(replay.sign_of_absence(SAID_503), nil)
  end,
  ["half an answer is a reason to ask the service, and nothing else is"] = function()
    runner.same(replay.is_doubtful(PARTIAL), true)
    for _, attempt in ipairs({ UNSENT, SLOW_CONNECT, LOST, HUNG, SAID_503 }) do
      runner.same(replay.is_doubtful(attempt), false)
    end
  end,
  ["a key counts where it is honoured, 1 to 255 printable characters"] = function()
    local function keyed(method, path, header, query)
      local request = { method = method, path = path, header_key = header, query = query }
      return replay.is_keyed(request, { "/api/v1/orders" }, { "/form" })
    end
    runner.same(keyed("POST", "/api/v1/orders", "k"), true)
    runner.same(keyed("DELETE", "/api/v1/orders/1", string.rep("k", 255)), true)
    runner.same(keyed("POST", "/form", nil, "idempotency_key=k"), true)
    runner.same(keyed("POST", "/form/1", nil, "a=b&c&idempotency_key=k&d=e"), true)
    runner.same(keyed("POST", "/api/v1/orders", nil, "idempotency_key=k"), true)
    runner.same(keyed("POST", "/api/v1/tokens", nil, "idempotency_key=k"), false)
    runner.same(keyed("POST", "/form", nil, "IDEMPOTENCY_KEY=k"), false)
    runner.same(keyed("POST", "/form", nil, "x_idempotency_key=k"), false)
    runner.same(keyed("POST", "/form", nil, "idempotency_key=&idempotency_key=k"), false)
    runner.same(keyed("POST", "/form", nil, "idempotency_key"), false)
    runner.same(keyed("POST", "/form", nil, "idempotency_key=" .. string.rep("k", 256)), false)
    runner.same(keyed("POST", "/form", "k"), false)
    runner.same(keyed("POST", "/api/v1/ordersome", "k"), false)
    runner.same(keyed("POST", "/api/v1/orders", ""), false)
    runner.same(keyed("POST", "/api/v1/orders", string.rep("k", 256)), false)
    runner.same(keyed("POST", "/api/v1/orders", "a\tb"), false)
    runner.same(keyed("PROPFIND", "/api/v1/orders", "k"), false)
  end,
}
