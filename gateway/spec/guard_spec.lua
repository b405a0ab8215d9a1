local guard = require("mercadito.guard")
local journal = require("mercadito.journal")
local runner = require("runner")

return {
  ["an error in the background is written down and goes no further"] = function()
    local lines, write = {}, journal.write
    journal.write = function(level, event, fields)
      lines[#lines + 1] = { level = level, event = event, found = fields.reason:find("broken", 1, true) ~= nil }
    end
    guard.background(function(word)
      error(word)
    end)("broken")
    journal.write = write
    runner.same(lines, { { level = "error", event = "lua_error", found = true } })
  end,
}
