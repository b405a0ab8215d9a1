-- Pauses on disk, a file per service with the time it ends, so that a restarted gateway keeps them.
local settings = require("mercadito.settings")
local states = require("mercadito.states")

local pauses = {}

local function file_of(name)
  return settings.state_dir .. "/pauses/" .. name
end

-- Return true, or nil and why not. A full disk is met with in writing, or only in closing.
local function write(path, text)
  local file, problem = io.open(path, "w")
  if not file then
    return nil, problem
  end
  local written, write_problem = file:write(text)
  local closed, close_problem = file:close()
  return written and closed, write_problem or close_problem
end

--- Pause a service for at most `seconds`; written first, so that no crash forgets a pause that was granted.
-- Return the version of the truth that says so, or nil and why not.
function pauses.start(name, seconds)
  local temporary = file_of(name) .. ".new"
  local done, problem = write(temporary, string.format("%.3f\n", ngx.now() + seconds))
  if done then
    done, problem = os.rename(temporary, file_of(name))
  end
  if not done then
    os.remove(temporary)
    return nil, problem
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
    -- What a reload finds in memory knows better: what is on disk goes by the time of day.
    if left > 0 and left <= settings.pause_max_s and not states.pause_left(name) then
      states.pause(name, left)
    end
  end
end

return pauses
