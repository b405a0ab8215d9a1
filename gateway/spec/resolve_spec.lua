local resolve = require("mercadito.resolve")
local runner = require("runner")

local QUESTION = resolve.question(0x1234, "orders-web")
-- The question again with the answer bit, then records.
local function reply(code, count, records)
  return "\18\52\129" .. string.char(128 + code) .. "\0\1\0" .. string.char(count) .. "\0\0\0\0" .. QUESTION:sub(13) .. records
end
local A = "\192\12\0\1\0\1\0\0\0\60\0\4\10\1\2\3"
local CNAME = "\192\12\0\5\0\1\0\0\0\60\0\3\1x\0"

return {
  ["a question is one for an address"] = function()
    runner.same(QUESTION, "\18\52\1\0\0\1\0\0\0\0\0\0" .. "\10orders-web\0" .. "\0\1\0\1")
  end,
  ["the address is read, also behind an alias"] = function()
    runner.same(resolve.parse(reply(0, 1, A), 0x1234), "10.1.2.3")
    runner.same(resolve.parse(reply(0, 2, CNAME .. A), 0x1234), "10.1.2.3")
  end,
  ["answers to other questions and refusals are no addresses"] = function()
    runner.same({ resolve.parse(reply(0, 1, A), 0x4321) }, { nil, "not the answer to our question" })
    runner.same({ resolve.parse(reply(3, 0, ""), 0x1234) }, { nil, "no such name", true })
    runner.same({ resolve.parse(reply(2, 0, ""), 0x1234) }, { nil, "name server error 2", false })
    runner.same({ resolve.parse(reply(0, 1, CNAME), 0x1234) }, { nil, "no IPv4 address", true })
  end,
  ["a cut or lying answer is refused, not read past its end"] = function()
    local whole = reply(0, 9, CNAME .. A)
    for length = 0, #whole - 1 do
      runner.same(resolve.parse(whole:sub(1, length), 0x1234), nil)
    end
  end,
  ["numbers and localhost need no name server"] = function()
    runner.same(resolve.host("10.0.0.1"), "10.0.0.1")
    runner.same(resolve.host("localhost"), "127.0.0.1")
  end,
}
