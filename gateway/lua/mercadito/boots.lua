-- How long a service's outages last: learned from the last ones, because no setting could know how long a boot takes.
local patience = require("mercadito.patience")
local settings = require("mercadito.settings")
local states = require("mercadito.states")

local shared = ngx.shared.gateway_upstreams

local REMEMBERED = 20 -- outages; 19 of 20 then lasted no longer than the estimate

local boots = {}

local function key(name)
  return name .. ":boots"
end

local function file_of(name)
  return settings.state_dir .. "/boots/" .. name
end

local function parse(text)
  local list = {}
  for part in (text or ""):gmatch("[%d.]+") do
    list[#list + 1] = tonumber(part)
  end
  return list
end

--- Return the 95th percentile (nearest rank) of a list of seconds, or nil. Pure.
function boots.percentile(list)
  local sorted = { unpack(list) }
  table.sort(sorted)
  return sorted[math.ceil(0.95 * #sorted)]
end

--- Note an outage that has ended; on disk too, so that a restarted gateway knows.
function boots.learn(name, seconds)
  local list = parse(shared:get(key(name)))
  list[#list + 1] = string.format("%.2f", seconds)
  while #list > REMEMBERED do
    table.remove(list, 1)
  end
  local text = table.concat(list, " ")
  shared:set(key(name), text)
  local file = io.open(file_of(name), "w")
  if file then
    file:write(text, "\n")
    file:close()
  end
end

--- Take up what an earlier gateway learned; what can't be read counts as nothing.
function boots.restore(names)
  for _, name in ipairs(names) do
    local file = io.open(file_of(name))
    local list = parse(file and file:read("*l"))
    if file then
      file:close()
    end
    shared:add(key(name), table.concat(list, " "))
  end
end

--- Return how long an outage of a service takes, in seconds; nil while none was seen.
function boots.estimate(name)
  return boots.percentile(parse(shared:get(key(name))))
end

--- Return seconds for Retry-After: what is left of the outage as far as can be known, spread.
function boots.retry_after(name)
  local expected = boots.estimate(name) or settings.retry_after_s
  local left = expected - (states.away_for(name) or 0)
  return patience.retry_after(left > 0 and left or settings.retry_after_s, math.random())
end

return boots
