-- Other processes of this machine, known by pid and start time, so that a pid used again is never mistaken.
local ffi = require("ffi")

ffi.cdef("int kill(int pid, int signal);")

local SIGQUIT = 3
local ENOENT, ESRCH = 2, 3

local process = {}

--- Return the start time (clock ticks since boot, as text) of a process; nil when it is gone or only a zombie; nil and why
-- when that can't be seen, as by a worker that may open no more files.
function process.started(pid)
  local file, problem, code = io.open("/proc/" .. pid .. "/stat")
  if not file then
    return nil, code ~= ENOENT and code ~= ESRCH and problem or nil
  end
  local stat = file:read("*a") or ""
  file:close()
  -- The name in parentheses may hold spaces and parentheses: count fields from the last one on.
  local state, rest = stat:match("^.*%) (%a) (.*)$")
  if not state or state == "Z" or state == "X" then
    return nil
  end
  local field = 3
  for value in rest:gmatch("%S+") do
    field = field + 1
    if field == 22 then
      return value
    end
  end
  return nil
end

--- Ask exactly this nginx worker to finish what it has and leave.
function process.quit(pid, started)
  if process.started(pid) ~= started then
    return false
  end
  return ffi.C.kill(pid, SIGQUIT) == 0
end

return process
