-- Asks a service whether it can serve, so that no user's request has to find out. One worker at a time asks.
local addresses = require("mercadito.addresses")
local boots = require("mercadito.boots")
local counters = require("mercadito.counters")
local guard = require("mercadito.guard")
local resolve = require("mercadito.resolve")
local settings = require("mercadito.settings")
local silence = require("mercadito.silence")
local states = require("mercadito.states")
local upstreams = require("mercadito.upstreams")
local wants = require("mercadito.wants")

local ANSWER_TIMEOUT_MS = 2000
local LEASE_S = 10 -- longer than a whole probe
local MAX_HEADER_LINES = 64

local prober = {}

local function connect_once(host, port)
  local socket = ngx.socket.tcp()
  socket:settimeouts(settings.connect_ms, ANSWER_TIMEOUT_MS, ANSWER_TIMEOUT_MS)
  local connected, problem = socket:connect(host, port)
  if not connected then
    return nil, problem
  end
  return socket
end

-- Behind one address may be several, each new connection to another.
local function connect(host, port)
  local socket, problem
  for _ = 1, settings.connect_tries do
    socket, problem = connect_once(host, port)
    if socket then
      break
    end
  end
  return socket, problem
end

local function read_answer(socket)
  local line, problem = socket:receive("*l")
  local status = line and tonumber(line:match("^HTTP/1%.[01] (%d%d%d)"))
  if not status then
    return nil, problem or "not HTTP"
  end
  local service
  for _ = 1, MAX_HEADER_LINES do
    line, problem = socket:receive("*l")
    if not line then
      return nil, problem
    elseif line == "" then
      break
    end
    service = line:lower():match("^x%-service:%s*(%S+)") or service
  end
  return status, service
end

--- Ask /readyz at an address; true, or nil and why not.
local function ask(name, host, port)
  local socket, problem = connect(host, port)
  if not socket then
    return nil, problem
  end
  socket:send("GET /readyz HTTP/1.1\r\nHost: " .. name .. "\r\nUser-Agent: mercadito-gateway\r\nConnection: close\r\n\r\n")
  local status, service = read_answer(socket)
  socket:close()
  if not status then
    return nil, service
  elseif service ~= name then
    return nil, "another service answers there: " .. (service or "unnamed")
  elseif status ~= 200 then
    return nil, "not ready (" .. status .. ")"
  end
  return true
end

-- A name server that is silent, away or out of order takes no service away: that is looked for where it was last, and
-- /readyz says whose that is now. Only a name that is known to lead nowhere does.
local function find(listener, name)
  local host, problem, has_none = resolve.host(name)
  if not host and not has_none then
    host = addresses.find(listener)
  end
  return host, problem
end

--- Check every listener of a service; return their addresses, or nil and why not.
local function check(name)
  local found = {}
  for listener, target in pairs(settings.upstreams[name].listeners) do
    local host, problem = find(listener, target.host)
    if not host then
      return nil, problem
    end
    local fine, why
    if target.readiness then
      fine, why = ask(name, host, target.port)
    else
      fine, why = connect(host, target.port)
      if fine then
        fine:close()
      end
    end
    if not fine then
      -- Of a container that has gone some name servers say so, by an error: that is no busy service then.
      return nil, problem and problem:find(resolve.SERVER_ERROR, 1, true) and problem or why
    end
    found[listener] = { host = host, port = target.port }
  end
  return found
end

-- A busy service may be slow to answer; that alone is no reason to stop sending, and whoever waits for it is told in time
-- (GATEWAY_ANSWER_S). In a lane nobody would be, since its connections may be silent for long.
local function is_busy(upstream, problem)
  if problem ~= "timeout" then
    silence.finish(upstream.name)
    return false
  end
  local is_long = silence.note(upstream.name)
  return states.phase(upstream.name) == "up" and not (upstream.rate and is_long)
end

local function judge(upstream, found, problem, failures)
  local name = upstream.name
  if problem and wants.are_ours(name, problem) then
    return
  end
  counters.add("gateway_probes_total", string.format('upstream="%s",result="%s"', name, found and "ready" or "not"))
  local busy = is_busy(upstream, problem)
  if found then
    for listener, address in pairs(found) do
      addresses.publish(listener, address.host, address.port)
    end
    local outage_s = states.probe_succeeded(name, failures, upstream.rate ~= nil)
    if outage_s then
      boots.learn(name, outage_s)
    end
  elseif not busy then
    states.probe_failed(name, problem)
  end
end

local after_probe = function() end

local function probe(name)
  local upstream, failures = upstreams.get(name), states.failures(name)
  local found, problem = check(name)
  judge(upstream, found, problem, failures)
  local pause_ms = states.phase(name) == "up" and settings.probe_up_ms or settings.probe_ms
  addresses.probe_again_in(name, pause_ms / 1000)
  after_probe()
end

--- Say what to do after each probe: whoever waits here need not wait for the next beat.
function prober.afterwards(action)
  after_probe = action
end

--- Probe a service here and now, unless it is not due or somebody else is at it.
function prober.visit(name)
  if addresses.may_probe(name, LEASE_S) then
    probe(name)
  end
end

local in_background = guard.background(function(premature, name)
  if not premature then
    probe(name)
  end
end)

--- Probe a service in a timer of its own, unless it is not due: one that hangs does not keep others waiting.
function prober.at_once(name)
  if addresses.may_probe(name, LEASE_S) and not ngx.timer.at(0, in_background, name) then
    addresses.probe_again_in(name, 0.001)
  end
end

--- Probe every service that is due.
function prober.round()
  for _, name in ipairs(upstreams.names) do
    prober.at_once(name)
  end
end

return prober
