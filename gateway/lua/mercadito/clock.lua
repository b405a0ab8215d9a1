-- Seconds on a clock that nobody sets, the same for all workers of a machine: how long something lasts must not depend on
-- what is done to the time of day. That (ngx.now) is for what people and other machines read: logs, spans, pauses on disk.
local ffi = require("ffi")

-- Under a name of our own, in case another module declares it too.
ffi.cdef([[
typedef struct { long seconds; long nanoseconds; } mercadito_moment;
int mercadito_clock_gettime(int clock, mercadito_moment *moment) asm("clock_gettime");
]])

local CLOCK_MONOTONIC = 1

local C, moment = ffi.C, ffi.new("mercadito_moment")

local clock = {}

function clock.now()
  C.mercadito_clock_gettime(CLOCK_MONOTONIC, moment)
  return tonumber(moment.seconds) + tonumber(moment.nanoseconds) / 1e9
end

return clock
