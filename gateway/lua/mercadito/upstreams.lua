-- The services as this worker sees them: what the hot path reads and nothing else changes under its hands.
-- states.lua holds the truth, view.lua copies it here.
local queue = require("mercadito.queue")
local resolve = require("mercadito.resolve")
local settings = require("mercadito.settings")

local upstreams = { names = { "orders", "realtime", "usda", "notify" } }
local by_name, in_order

local function find_named(listeners)
  local is_named = {}
  for listener, target in pairs(listeners) do
    is_named[listener] = not resolve.literal(target.host)
  end
  return is_named
end

-- In a lane nobody sits who could not be let out in time.
local function seats_of(given)
  return given.rate and math.min(settings.hold_requests, math.max(1, given.rate * settings.hold_s)) or settings.hold_requests
end

local function make(name, given, workers)
  return {
    name = name,
    cap = given.concurrency, -- requests at the service at once; 0: no bound
    fair = given.concurrency > 0 and math.max(1, math.floor(given.concurrency / workers)) or math.huge,
    rate = given.rate, -- of a lane whose connections stay open: releases a second, which hold no place
    seats = seats_of(given), -- in its waiting room
    listeners = given.listeners,
    is_named = find_named(given.listeners),
    addresses = {}, -- {listener = {host, port}} as last probed
    queue = queue.new(),
    open = false, -- whether a request may go straight through
    phase = "suspect",
    paused = false,
    is_proven = false, -- whether it has answered here since it was opened
    inside = 0, -- places in use here
    displaced = 0, -- requests under way here that have lost their places
    leased = 0, -- places this worker may use without asking
    peak = 0,
    answered = {}, -- {status = number} since they were last counted
    head_account = name .. ":head",
    lease_account = name .. ":leased",
    inside_account = name .. ":in_flight",
    waiting_account = name .. ":waiting",
    bytes_account = name .. ":bytes",
    pace_key = name .. ":pace",
  }
end

local function load()
  by_name, in_order = {}, {}
  for at, name in ipairs(upstreams.names) do
    by_name[name] = make(name, settings.upstreams[name], settings.workers)
    in_order[at] = by_name[name]
  end
end

--- Return a service by its name, or nil.
function upstreams.get(name)
  if not by_name then
    load()
  end
  return by_name[name]
end

--- Return the services as a list, always in the same order.
function upstreams.all()
  if not in_order then
    load()
  end
  return in_order
end

return upstreams
