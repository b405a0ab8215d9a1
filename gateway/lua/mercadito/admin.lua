-- The operator's listener: look, pause, resume.
local guard = require("mercadito.guard")
local json = require("mercadito.json")
local ledger = require("mercadito.ledger")
local pauses = require("mercadito.pauses")
local settings = require("mercadito.settings")
local token = require("mercadito.token")
local upstreams = require("mercadito.upstreams")

local DRAIN_SLICE_S = 0.02
local DEFAULT_PAUSE_S, DEFAULT_DRAIN_S = 60, 10

local admin = {}

local function say(status, body)
  ngx.status = status
  ngx.header["Content-Type"] = status < 400 and "application/json" or "application/problem+json"
  ngx.say(json.encode(body))
  return ngx.exit(ngx.HTTP_OK)
end

local function complain(status, slug, title, detail)
  return say(status, {
    type = "https://mercadito.example/problems/" .. slug, title = title, status = status, detail = detail,
    instance = ngx.var.uri, request_id = ngx.var.request_id,
  })
end

local function describe(name)
  local row = upstreams.describe(name)
  row.waiting = ledger.sum(name .. ":waiting")
  row.in_flight = ledger.sum(name .. ":in_flight")
  return row
end

--- GET /status
admin.status = guard.request(function()
  local rows = {}
  for _, name in ipairs(upstreams.names) do
    rows[name] = describe(name)
  end
  return say(200, { upstreams = rows, now = ngx.time() })
end)

local function seconds(name, default, maximum)
  local text = ngx.var["arg_" .. name]
  if not text then
    return math.min(default, maximum)
  end
  local value = text:find("^%d+%.?%d*$") and tonumber(text)
  return value and value <= maximum and value or nil
end

local function drained(name, drain_s)
  local deadline = ngx.now() + drain_s
  while ledger.sum(name .. ":in_flight") > 0 do
    if ngx.now() >= deadline then
      return false
    end
    ngx.sleep(DRAIN_SLICE_S)
  end
  return true
end

local function pause(name)
  local max_s = seconds("max_s", DEFAULT_PAUSE_S, settings.pause_max_s)
  local drain_s = seconds("drain_s", DEFAULT_DRAIN_S, settings.pause_max_s)
  if not max_s or not drain_s or max_s <= 0 then
    local detail = "max_s and drain_s are seconds, " .. settings.pause_max_s .. " at most"
    return complain(400, "bad-request", "Not a pause", detail)
  end
  local paused, why = pauses.start(name, max_s)
  if not paused then
    return complain(500, "internal", "The pause could not be written down", why)
  end
  if not drained(name, drain_s) then
    local detail = "Still paused until it expires: go on, wait, or resume. In flight: " .. ledger.sum(name .. ":in_flight")
    return complain(409, "not-drained", "Requests are still under way", detail)
  end
  return say(200, describe(name))
end

local function resume(name)
  pauses.stop(name)
  return say(200, describe(name))
end

local ACTIONS = { pause = pause, resume = resume }

--- POST /upstreams/{name}/{pause|resume}
admin.act = guard.request(function()
  local name, action = ngx.var.uri:match("^/upstreams/([%w-]+)/(%a+)$")
  if not (name and settings.upstreams[name] and ACTIONS[action]) then
    return complain(404, "not-found", "No such upstream or action", "POST /upstreams/{name}/{pause|resume}")
  elseif ngx.req.get_method() ~= "POST" then
    return complain(405, "method-not-allowed", "POST only", "POST /upstreams/{name}/{pause|resume}")
  elseif not token.is_shown(ngx.var.http_authorization) then
    ngx.header["WWW-Authenticate"] = 'Bearer realm="gateway admin"'
    return complain(401, "unauthenticated", "The operator's token is missing or wrong", "Authorization: Bearer …")
  end
  return ACTIONS[action](name)
end)

return admin
