-- The way in: what a client may not say is dropped, the body is read to its end, the visit begins.
-- Reading first is what lets a held request notice that its client has gone, and lets the body be sent again.
local guard = require("mercadito.guard")
local replay = require("mercadito.replay")
local settings = require("mercadito.settings")
local visits = require("mercadito.visits")

local gate = {}

local MAX_HEADERS = 200

local function is_ours_to_say(name)
  return name:find("^x%-gateway%-") or name:find("^x%-forwarded%-") or name:find("^x%-accel%-") or name == "forwarded"
end

local function drop_claims(headers)
  for name in pairs(headers) do
    if is_ours_to_say(name) then
      ngx.req.clear_header(name)
    end
  end
end

local function one(value)
  return type(value) == "string" and value or nil
end

local function body_bytes(headers)
  local length = tonumber(one(headers["content-length"]))
  if length then
    return length
  end
  return headers["transfer-encoding"] and tonumber(ngx.var.request_length) or 0
end

--- Let a request for the service `name` in. `uncounted` marks connections that stay open, which hold no place.
gate.enter = guard.request(function(name, uncounted)
  local headers, problem = ngx.req.get_headers(MAX_HEADERS)
  if problem == "truncated" then
    return ngx.exit(431)
  end
  drop_claims(headers)
  ngx.req.read_body()
  local request = {
    method = ngx.req.get_method(),
    path = ngx.var.uri,
    header_key = one(headers["idempotency-key"]),
    query_key = ngx.var.arg_idempotency_key,
  }
  visits.begin({
    name = name,
    uncounted = uncounted,
    method = request.method,
    keyed = name == "orders" and replay.is_keyed(request, settings.keyed_paths),
    body_bytes = body_bytes(headers),
  })
  ngx.var.gateway_service = name
end)

return gate
