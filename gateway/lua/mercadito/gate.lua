-- The hot path. In normal running a request goes straight through: nginx has read its body and asks here, in the
-- balancer phase, for an address; a place at the service is a comparison of two numbers. Whoever can't go through is
-- turned away (502), and error_page takes it to the waiting room (hold.lua).
local balancer = require("ngx.balancer")
local clock = require("mercadito.clock")
local journal = require("mercadito.journal")
local places = require("mercadito.places")
local request = require("mercadito.request")
local settings = require("mercadito.settings")
local turn = require("mercadito.turn")
local upstreams = require("mercadito.upstreams")
local view = require("mercadito.view")

local gate = {}

local place_of = {} -- {request = service it has a place at}
local arrival_of = {} -- {request = arrival number}, of those that went straight through
local placed_at = {} -- {request = time}; nil of one that has lost its place to others
local turned_away = {} -- {request = true}

--- Give a request its place: it may pass once.
function gate.admit(upstream, id)
  place_of[id], placed_at[id] = upstream, clock.now()
end

--- Return whether a request has a place, or had one until it was taken for others.
function gate.is_inside(id)
  return place_of[id] ~= nil
end

--- A request has come back from its attempt, so it no longer counts as gone straight through: its log phase must not
-- take the short way, which would leave behind what is remembered of it, for the next request that nginx gives its number.
-- Return its arrival number if it had gone straight through.
function gate.came_back(id)
  local arrival = arrival_of[id]
  arrival_of[id] = nil
  return arrival
end

local function free_place(id)
  local upstream, since = place_of[id], placed_at[id]
  place_of[id], placed_at[id] = nil, nil
  if upstream and not upstream.rate then
    if since then
      places.leave(upstream)
    else
      places.leave_displaced(upstream)
    end
  end
  return upstream
end

--- Take a request's place back after an attempt; return the service at which it had one.
function gate.take_back(id)
  arrival_of[id] = nil
  return free_place(id)
end

--- The log phase of whoever went straight through and was answered; false for all others. In normal running this and
-- `pass` are all the Lua that runs, so they call nothing that LuaJIT can't compile.
function gate.leave(id)
  local upstream = place_of[id]
  if not upstream or not arrival_of[id] or not placed_at[id] or not upstream.open or not upstream.is_proven then
    return false
  end
  local status = ngx.status
  if status == 500 then -- perhaps nginx's own
    return false
  end
  place_of[id], arrival_of[id], placed_at[id] = nil, nil, nil
  places.leave(upstream)
  upstream.answered[status] = (upstream.answered[status] or 0) + 1
  return true
end

--- While others wait, take the places of those who have had one for long: the service has answered them, and their
-- clients read slowly, or a few of those could stop it. Nobody can tell those from one that the service still works on, so
-- they count as under way until they are through: a pause must not call drained what still runs.
function gate.reclaim(upstream)
  local latest = clock.now() - settings.place_s
  for id, since in pairs(placed_at) do
    if since <= latest and place_of[id] == upstream then
      if upstream.rate then
        free_place(id)
      else
        placed_at[id] = nil
        places.displace(upstream)
      end
    end
  end
end

--- Return whether a request was turned away since the last time, so that its last attempt was none.
function gate.was_turned_away(id)
  local was = turned_away[id]
  turned_away[id] = nil
  return was ~= nil
end

local function turn_away(id)
  turned_away[id] = true
  return ngx.exit(ngx.DECLINED)
end

local function goes_straight(upstream, id)
  if not upstream.open or view.is_stale() then
    view.refresh()
  end
  if not upstream.open or request.has_too_many_headers() or not places.take(upstream) then
    return false
  end
  place_of[id], placed_at[id], arrival_of[id] = upstream, clock.now(), turn.arrival()
  return true
end

local function set_address(upstream, listener)
  local address = upstream.addresses[listener]
  local fine, problem = balancer.set_current_peer(address.host, address.port)
  if not fine then
    journal.write("error", "no_peer", { listener = listener, reason = problem })
  end
  return fine
end

--- The balancer phase of a listener (`orders`, `realtime_ws`, ...) of a service.
function gate.pass(name, listener)
  local id, upstream = request.id(), upstreams.get(name)
  if not place_of[id] and not goes_straight(upstream, id) then
    return turn_away(id)
  end
  -- What has an address rather than a name stands in nginx's own configuration.
  if upstream.is_named[listener] and not set_address(upstream, listener) then
    return turn_away(id)
  end
end

return gate
