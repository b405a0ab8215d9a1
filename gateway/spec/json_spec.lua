local json = require("mercadito.json")
local runner = require("runner")

return {
  ["objects, lists, numbers and truth"] = function()
    local value = { b = { 1, 2.5, "x" }, a = true, c = {} }
    runner.same(json.encode(value), '{"a": true, "b": [1, 2.5, "x"], "c": {}}')
  end,
  ["text is quoted, control characters too"] = function()
    runner.same(json.encode('a"b\\c\n\1é'), '"a\\"b\\\\c\\n\\u0001é"')
  end,
}
