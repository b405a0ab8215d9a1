-- Which request this is: a number that stays the same through internal redirects, where ngx.ctx is wiped.
local ffi = require("ffi")
local get_request = require("resty.core.base").get_request

local MAX_HEADERS = 200

local request = {}
local as_integer, truncated = ffi.typeof("uintptr_t"), ffi.new("int[1]")

--- Return this request's number, its own until its log phase is over.
function request.id()
  -- Not as a tail call: those of tonumber can't be compiled.
  local id = tonumber(ffi.cast(as_integer, get_request()))
  return id
end

--- Return whether it has more header fields than any service should have to look at.
function request.has_too_many_headers()
  truncated[0] = 0
  ffi.C.ngx_http_lua_ffi_req_get_headers_count(get_request(), MAX_HEADERS, truncated)
  return truncated[0] ~= 0
end

--- Return the bytes of a body that has been read. Where nobody said how many, those of the head are counted with them.
function request.body_bytes()
  local length = tonumber(ngx.var.content_length)
  local is_said = ngx.req.http_version() < 2 and not ngx.var.http_transfer_encoding
  return length or (is_said and 0) or tonumber(ngx.var.request_length)
end

return request
