-- One DNS question over UDP. Debian's Lua packages have no resolver library, and the balancer phase cannot resolve,
-- so the prober asks each time it probes and publishes the address.
local settings = require("mercadito.settings")

local TIMEOUT_MS = 500
local MAX_ANSWERS = 32
local TYPE_A, CLASS_IN = 1, 1
local NO_SUCH_NAME = 3

local resolve = { SERVER_ERROR = "name server error " }

local function u16(text, at)
  local high, low = text:byte(at, at + 1)
  return high and low and high * 256 + low
end

--- Return the bytes of a recursive question for the IPv4 address of `name`.
function resolve.question(id, name)
  local labels = {}
  for label in name:gmatch("[^.]+") do
    labels[#labels + 1] = string.char(#label) .. label
  end
  local head = string.char(math.floor(id / 256), id % 256, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0)
  return head .. table.concat(labels) .. string.char(0, 0, TYPE_A, 0, CLASS_IN)
end

--- Return the position after a name, which may end in a compression pointer.
local function after_name(message, at)
  while true do
    local length = message:byte(at)
    if not length then
      return nil
    elseif length >= 192 then
      return at + 2
    elseif length == 0 then
      return at + 1
    end
    at = at + 1 + length
  end
end

--- Return the first IPv4 address of an answer to question `id`, or nil, why, and whether the answer says that there is none.
function resolve.parse(message, id)
  if #message < 12 or u16(message, 1) ~= id then
    return nil, "not the answer to our question"
  end
  local code = message:byte(4) % 16
  if code ~= 0 then
    return nil, code == NO_SUCH_NAME and "no such name" or resolve.SERVER_ERROR .. code, code == NO_SUCH_NAME
  end
  local at = after_name(message, 13)
  at = at and at + 4
  for _ = 1, math.min(u16(message, 7), MAX_ANSWERS) do
    at = at and after_name(message, at)
    local kind, length = at and u16(message, at), at and u16(message, at + 8)
    if not (kind and length) then
      break
    end
    if kind == TYPE_A and length == 4 and #message >= at + 13 then
      return table.concat({ message:byte(at + 10, at + 13) }, ".")
    end
    at = at + 10 + length
  end
  return nil, "no IPv4 address", true
end

local function ask(name)
  local socket = ngx.socket.udp()
  socket:settimeout(TIMEOUT_MS)
  local connected, problem = socket:setpeername(settings.resolver_host, settings.resolver_port)
  if not connected then
    return nil, problem
  end
  local id = math.random(0, 65535)
  socket:send(resolve.question(id, name))
  local message, receive_problem = socket:receive()
  socket:close()
  if not message then
    return nil, receive_problem
  end
  return resolve.parse(message, id)
end

--- Return the address of a host that is one, or nil.
function resolve.literal(name)
  return name == "localhost" and "127.0.0.1" or name:match("^%d+%.%d+%.%d+%.%d+$")
end

--- Return the IPv4 address of a host as it is now, or nil, why, and whether it is known to have none.
function resolve.host(name)
  local known = resolve.literal(name)
  if known then
    return known
  end
  local address, problem, has_none = ask(name)
  return address, problem and name .. ": " .. problem, has_none
end

return resolve
