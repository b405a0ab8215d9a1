-- Seconds since the epoch as nginx last looked. ngx.now() itself returns by a tail call that LuaJIT can't compile, and takes
-- whatever calls it often along.
require("resty.core.time")

local C = require("ffi").C

local clock = {}

function clock.now()
  local now = C.ngx_http_lua_ffi_now()
  return now
end

return clock
