-- The gateway's own spans: noted as answers end, sent now and then by OTLP over HTTP. Nobody waits for a collector: what it
-- does not take in time, and what is beyond the bound, is dropped and counted.
local counters = require("mercadito.counters")
local guard = require("mercadito.guard")
local json = require("mercadito.json")
local resolve = require("mercadito.resolve")
local settings = require("mercadito.settings")

local MOST = 512 -- spans that wait in a worker, some 300 bytes each
local EVERY_S = 1
local TIMEOUT_MS = 1000
local SERVER, FAULT = 2, 2 -- opentelemetry.proto.trace.v1: Span.SpanKind, Status.StatusCode

local spans = {}
local waiting = {}

local function dropped(number)
  if number > 0 then
    counters.add("gateway_spans_dropped_total", "", number)
  end
end

--- The log phase of a request: note its span, if its trace is recorded.
function spans.note()
  if settings.collector_host == "" then
    return
  end
  local var = ngx.var
  if var.trace_flag ~= "01" then
    return
  elseif #waiting >= MOST then
    return dropped(1)
  end
  waiting[#waiting + 1] = {
    trace = var.request_id,
    span = var.gateway_span,
    method = var.request_method,
    path = var.logged_path,
    service = var.gateway_service,
    held_ms = tonumber(var.held_ms),
    status = ngx.status,
    begins = ngx.req.start_time(),
    ends = ngx.now(),
  }
end

local function nanoseconds(seconds)
  return string.format("%.0f000000", seconds * 1000)
end

local function text(key, value)
  return { key = key, value = { stringValue = value } }
end

local function number(key, value)
  return { key = key, value = { intValue = string.format("%.0f", value) } }
end

local function encoded(noted)
  local attributes = {
    text("http.request.method", noted.method),
    text("url.path", noted.path),
    number("http.response.status_code", noted.status),
  }
  if noted.held_ms then
    attributes[#attributes + 1] = number("mercadito.held_ms", noted.held_ms)
  end
  return {
    traceId = noted.trace,
    spanId = noted.span,
    name = noted.method .. " " .. (noted.service == "" and "gateway" or noted.service),
    kind = SERVER,
    startTimeUnixNano = nanoseconds(noted.begins),
    endTimeUnixNano = nanoseconds(noted.ends),
    attributes = attributes,
    status = noted.status >= 500 and { code = FAULT } or nil,
  }
end

--- Return the body of an ExportTraceServiceRequest in JSON.
function spans.request(batch)
  local made = {}
  for index, noted in ipairs(batch) do
    made[index] = encoded(noted)
  end
  local who = { attributes = { text("service.name", "gateway"), text("service.namespace", "mercadito") } }
  return json.encode({ resourceSpans = { { resource = who, scopeSpans = { { spans = made } } } } })
end

local function post(body)
  local address, problem = resolve.host(settings.collector_host)
  if not address then
    return nil, problem
  end
  local socket = ngx.socket.tcp()
  socket:settimeout(TIMEOUT_MS)
  local fine, cause = socket:connect(address, settings.collector_port)
  if not fine then
    return nil, cause
  end
  local head = "POST /v1/traces HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
  socket:send(string.format(head, settings.collector_host, #body) .. body)
  local line, silence = socket:receive("*l")
  socket:close()
  return line and line:match("^HTTP/1%.%d 2") and true, line or silence
end

local send = guard.background(function()
  if #waiting == 0 then
    return
  end
  local batch = waiting
  waiting = {}
  if not post(spans.request(batch)) then
    dropped(#batch)
  end
end)

--- Send now and then; called once in each worker.
function spans.start()
  if settings.collector_host ~= "" then
    ngx.timer.every(EVERY_S, send)
  end
end

return spans
