-- Pauses on disk, a file per service with the time it ends, so that a restarted gateway keeps them.
local settings = require("mercadito.settings")
local states = require("mercadito.states")

local pauses = {}

local function file_of(name)
  return settings.state_dir .. "/pauses/" .. name
end

--- Pause a service for at most `seconds`; written first, so that no crash forgets a pause that was granted.
-- Return the version of the truth that says so, or nil and why not.
function pauses.start(name, seconds)
  local temporary = file_of(name) .. ".new"
  local file, problem = io.open(temporary, "w")
  if not file then
    return nil, problem
  end
  file:write(string.format("%.3f\n", ngx.now() + seconds))
  file:close()
  local renamed, rename_problem = os.rename(temporary, file_of(name))
  if not renamed then
    return nil, rename_problem
  end
  return states.pause(name, seconds)
end

function pauses.stop(name)
  os.remove(file_of(name))
  states.resume(name)
end

--- Take up the pauses that have not ended; what cannot be read counts as none.
function pauses.restore(names)
  for _, name in ipairs(names) do
    local file = io.open(file_of(name))
    local ends = file and tonumber(file:read("*l"))
    if file then
      file:close()
    end
    local left = ends and ends - ngx.now() or 0
    if left > 0 and left <= settings.pause_max_s then
      states.pause(name, left)
    end
  end
end

return pauses
