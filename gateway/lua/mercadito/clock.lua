-- Seconds on a clock that nobody sets, the same for all workers of a machine, as nginx last looked at it: how long something
-- lasts must not depend on what is done to the time of day. That (ngx.now) is for what people and other machines read: logs,
-- spans, pauses on disk.
local ffi = require("ffi")

-- nginx's own, by which its timers go. A look at it is one at memory, which LuaJIT can compile.
ffi.cdef("extern uintptr_t ngx_current_msec;")

local C = ffi.C

local clock = {}

function clock.now()
  return tonumber(C.ngx_current_msec) / 1000
end

return clock
