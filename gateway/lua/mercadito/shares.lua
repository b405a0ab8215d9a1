-- Who holds how much of a waiting room. A client is an address with the session or token that it shows; an address
-- with many of those counts as one of its own, with a few shares.
local ledger = require("mercadito.ledger").of("gateway_clients")
local settings = require("mercadito.settings")

local shares = {}

--- Note in a visit who sends it: its holders `address` and `client`, short texts that tell nobody who that is.
function shares.identify(visit)
  local address = ngx.encode_base64(ngx.var.client_network)
  local shown = ngx.var.cookie_mercadito_session or ngx.var.http_authorization
  visit.address = "a" .. address
  -- 32 bits are enough: a collision can only make two sessions of the same address one client.
  visit.client = "c" .. address .. (shown and ngx.crc32_long(shown) or "")
end

local function accounts(upstream, holder)
  return upstream.name .. ":n:" .. holder, upstream.name .. ":b:" .. holder
end

local here = {} -- {service = {holder = {number, bytes} in this worker}}

local function add_here(upstream, holder, number, bytes)
  local holders = here[upstream.name] or {}
  here[upstream.name] = holders
  local sum = holders[holder] or { number = 0, bytes = 0 }
  sum.number, sum.bytes = sum.number + number, sum.bytes + bytes
  holders[holder] = sum.number > 0 and sum or nil
end

local function add(upstream, holder, number, bytes)
  local n, b = accounts(upstream, holder)
  ledger:add(n, number)
  ledger:add(b, bytes)
  add_here(upstream, holder, number, bytes)
end

--- Count a visit that waits, or no longer does.
function shares.enter(upstream, visit)
  add(upstream, visit.address, 1, visit.body_bytes)
  add(upstream, visit.client, 1, visit.body_bytes)
end

function shares.leave(upstream, visit)
  add(upstream, visit.address, -1, -visit.body_bytes)
  add(upstream, visit.client, -1, -visit.body_bytes)
end

local function is_over(upstream, holder, times, more, more_bytes)
  local n, b = accounts(upstream, holder)
  local share = settings.share_percent / 100 * times
  return ledger:sum(n) + more > upstream.seats * share or ledger:sum(b) + more_bytes > settings.hold_bytes * share
end

--- Return whether somebody who waits here holds more than a share. Who is over it in all holds his part of it here, or
-- more in another worker, which will say so.
function shares.has_greedy_here(upstream)
  local part = settings.share_percent / 100 / settings.workers
  for holder, sum in pairs(here[upstream.name] or {}) do
    local times = holder:sub(1, 1) == "a" and settings.address_shares or 1
    local may_be = sum.number > upstream.seats * part * times or sum.bytes > settings.hold_bytes * part * times
    if may_be and is_over(upstream, holder, times, 0, 0) then
      return true
    end
  end
  return false
end

--- Return whether a visit's client holds more than its share, counting the visit itself when it is `new`.
function shares.is_greedy(upstream, visit, new)
  local more, more_bytes = new and 1 or 0, new and visit.body_bytes or 0
  return is_over(upstream, visit.client, 1, more, more_bytes)
    or is_over(upstream, visit.address, settings.address_shares, more, more_bytes)
end

return shares
