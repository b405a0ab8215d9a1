-- The outermost frame of our Lua: an error of ours is written down, and a request gets a 500 in its own form.
local journal = require("mercadito.journal")
local problem = require("mercadito.problem")

local guard = {}

local function traced(what)
  return debug.traceback(tostring(what), 2)
end

--- Return `work` for a phase that can answer.
function guard.request(work)
  return function(...)
    local fine, why = xpcall(work, traced, ...)
    if not fine then
      journal.write("error", "lua_error", { reason = why, request_id = ngx.var.request_id })
      return problem.answer(500, "internal")
    end
  end
end

--- Return `work` for timers and the log phase, where nobody waits for an answer. What it returns is returned; nil after
-- an error.
function guard.background(work)
  return function(...)
    local fine, result = xpcall(work, traced, ...)
    if not fine then
      journal.write("error", "lua_error", { reason = result })
      return nil
    end
    return result
  end
end

return guard
