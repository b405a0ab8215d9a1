-- The operator's listener: look, pause, resume.
local clock = require("mercadito.clock")
local guard = require("mercadito.guard")
local heartbeat = require("mercadito.heartbeat")
local json = require("mercadito.json")
local boots = require("mercadito.boots")
local ledger = require("mercadito.ledger").of("gateway_ledger")
local pauses = require("mercadito.pauses")
local settings = require("mercadito.settings")
local standing = require("mercadito.standing")
local states = require("mercadito.states")
local token = require("mercadito.token")
local upstreams = require("mercadito.upstreams")
local view = require("mercadito.view")

local DRAIN_SLICE_S = 0.005
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

local function describe(upstream)
  local row = standing.of(upstream.name)
  row.waiting = ledger:sum(upstream.waiting_account)
  row.in_flight = ledger:sum(upstream.inside_account)
  row.outage_s = boots.estimate(upstream.name)
  return row
end

--- GET /status
admin.status = guard.request(function()
  local rows = {}
  for _, upstream in ipairs(upstreams.all()) do
    rows[upstream.name] = describe(upstream)
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

-- A worker that has not seen the pause yet may still let one in; one that has only gets emptier. Once the pause is over,
-- nothing that is seen here says that the next moment is like this one.
local function drained(upstream, version, drain_s)
  local deadline = clock.now() + drain_s
  while states.pause_left(upstream.name) do
    if view.is_seen_by_all(version) and ledger:sum(upstream.inside_account) == 0 then
      return true
    elseif clock.now() >= deadline then
      return false
    end
    ngx.sleep(DRAIN_SLICE_S)
  end
  return false
end

local function pause(upstream)
  local max_s = seconds("max_s", DEFAULT_PAUSE_S, settings.pause_max_s)
  local drain_s = seconds("drain_s", DEFAULT_DRAIN_S, settings.pause_max_s)
  if not max_s or not drain_s or max_s <= 0 then
    local detail = "max_s and drain_s are seconds, " .. settings.pause_max_s .. " at most"
    return complain(400, "bad-request", "Not a pause", detail)
  end
  local version, why = pauses.start(upstream.name, max_s)
  if not version then
    return complain(500, "internal", "The pause could not be written down", why)
  end
  if not drained(upstream, version, drain_s) then
    local number = ledger:sum(upstream.inside_account)
    local stands = states.pause_left(upstream.name) and "Still paused until it expires: go on, wait, or resume."
      or "It is paused no more: the pause ended, or was ended, before it had drained."
    local detail = stands .. " In flight: " .. number
    return complain(409, "not-drained", "Requests are still under way", detail)
  end
  return say(200, describe(upstream))
end

local function resume(upstream)
  pauses.stop(upstream.name)
  heartbeat.wake()
  return say(200, describe(upstream))
end

local ACTIONS = { pause = pause, resume = resume }

--- POST /upstreams/{name}/{pause|resume}
admin.act = guard.request(function()
  local name, action = ngx.var.uri:match("^/upstreams/([%w-]+)/(%a+)$")
  local upstream = name and upstreams.get(name)
  if not (upstream and ACTIONS[action]) then
    return complain(404, "not-found", "No such upstream or action", "POST /upstreams/{name}/{pause|resume}")
  elseif ngx.req.get_method() ~= "POST" then
    return complain(405, "method-not-allowed", "POST only", "POST /upstreams/{name}/{pause|resume}")
  elseif not token.is_shown(ngx.var.http_authorization) then
    ngx.header["WWW-Authenticate"] = 'Bearer realm="gateway admin"'
    return complain(401, "unauthenticated", "The operator's token is missing or wrong", "Authorization: Bearer …")
  end
  return ACTIONS[action](upstream)
end)

return admin
