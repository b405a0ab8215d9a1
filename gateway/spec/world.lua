-- Several workers in one Lua: each has its own copy of the modules, all share the dictionaries, and a scheduler may
-- switch between them at every touch of shared memory, as the real machine does.
local world = {}
world.__index = world

local HOME = package.path:match("([^;]-)/lua/%?%.lua")

local function dictionary(this)
  local values, ends, methods = {}, {}, {}
  -- Before each operation another worker may run; the operation itself is atomic.
  local function atomic(operation)
    return function(_, ...)
      this.switch()
      return operation(...)
    end
  end
  local function set(key, value, lasts_s)
    values[key], ends[key] = value, lasts_s and this:time_of_day() + lasts_s
    return true
  end
  local function get(key)
    if ends[key] and this:time_of_day() >= ends[key] then
      values[key], ends[key] = nil, nil
    end
    return values[key]
  end
  methods.get = atomic(get)
  methods.set = atomic(set)
  methods.delete = atomic(function(key) values[key], ends[key] = nil, nil end)
  methods.add = atomic(function(key, value, lasts_s)
    if get(key) ~= nil then
      return false, "exists"
    end
    return set(key, value, lasts_s)
  end)
  methods.incr = atomic(function(key, amount, first)
    values[key] = (values[key] or first) + amount
    return values[key]
  end)
  methods.get_keys = atomic(function()
    local keys = {}
    for key in pairs(values) do
      keys[#keys + 1] = key
    end
    return keys
  end)
  methods.values = values
  return methods
end

local function ngx_of(this, pid)
  return setmetatable({
    shared = this.shared,
    now = function() return this:time_of_day() end,
    time = function() return math.floor(this:time_of_day()) end,
    worker = { pid = function() return pid end, exiting = function() return false end },
  }, { __index = ngx })
end

--- Make a world. `stubs` are modules that every worker gets instead of the real ones, `{name = function(pid) -> module}`.
function world.new(stubs)
  local this = setmetatable({ clock = 1000, ahead = 0, stubs = stubs, shared = {}, switch = function() end }, world)
  setmetatable(this.shared, { __index = function(all, name)
    all[name] = dictionary(this)
    return all[name]
  end })
  return this
end

--- What clocks on the wall show; a test sets them by `ahead`, while `clock` goes on as time does.
function world:time_of_day()
  return self.clock + self.ahead
end

--- Return a worker: a function that requires modules as that worker sees them.
function world:worker(pid)
  local loaded, worker = {}
  local environment = setmetatable({ ngx = ngx_of(self, pid) }, { __index = _G })
  function worker(name)
    if not loaded[name] then
      local file = name:match("^mercadito%.([%w_]+)$")
      if name == "mercadito.clock" then
        loaded[name] = { now = function() return self.clock end }
      elseif self.stubs[name] then
        loaded[name] = self.stubs[name](pid)
      elseif file then
        local chunk = assert(loadfile(HOME .. "/lua/mercadito/" .. file .. ".lua"))
        loaded[name] = setfenv(chunk, environment)()
      else
        return require(name)
      end
    end
    return loaded[name]
  end
  environment.require = worker
  return worker
end

--- Run tasks, a function each, switching between them at random wherever they touch shared memory.
function world:interleave(tasks)
  local threads = {}
  for index, task in ipairs(tasks) do
    threads[index] = coroutine.create(task)
  end
  self.switch = function()
    if coroutine.running() then
      coroutine.yield()
    end
  end
  while #threads > 0 do
    local at = math.random(#threads)
    local fine, why = coroutine.resume(threads[at])
    assert(fine, why)
    if coroutine.status(threads[at]) == "dead" then
      table.remove(threads, at)
    end
  end
  self.switch = function() end
end

return world
