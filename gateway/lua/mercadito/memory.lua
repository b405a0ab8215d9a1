-- Memory after a crowd has waited. Lua's collector and the allocator both keep what was once needed; after an outage that
-- would be most of what the worker has, until the next one.
local clock = require("mercadito.clock")
local ffi = require("ffi")

ffi.cdef("int malloc_trim(size_t keep);")

local CROWD = 200 -- waiting requests in a worker; fewer leave nothing worth the milliseconds
local QUIET_S = 1

local memory = {}
local most, quiet_since = 0, nil

local function give_back()
  collectgarbage("collect")
  -- A C library other than glibc has no such function, and does not keep as much.
  pcall(function()
    ffi.C.malloc_trim(0)
  end)
end

--- Called again and again with the number of requests that wait here: gives memory back a while after a crowd has gone.
function memory.watch(waiting)
  most = math.max(most, waiting)
  if waiting > 0 or most < CROWD then
    quiet_since = nil
    return
  end
  quiet_since = quiet_since or clock.now()
  if clock.now() - quiet_since >= QUIET_S then
    most, quiet_since = 0, nil
    give_back()
  end
end

return memory
