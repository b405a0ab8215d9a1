-- Several workers in one Lua: each has its own copy of the modules, all share the dictionaries, and a scheduler may
-- switch between them at every touch of shared memory, as the real machine does.
local world = {}
world.__index = world

local HOME = package.path:match("([^;]-)/lua/%?%.lua")

local function dictionary(this)
  local values, methods = {}, {}
  -- Before each operation another worker may run; the operation itself is atomic.
  local function atomic(operation)
    return function(_, ...)
      this.switch()
      return operation(...)
    end
  end
  methods.get = atomic(function(key) return values[key] end)
  methods.set = atomic(function(key, value) values[key] = value return true end)
  methods.delete = atomic(function(key) values[key] = nil end)
  methods.add = atomic(function(key, value)
    if values[key] ~= nil then
      return false, "exists"
    end
    values[key] = value
    return true
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
    now = function() return this.clock end,
    time = function() return math.floor(this.clock) end,
    worker = { pid = function() return pid end, exiting = function() return false end },
  }, { __index = ngx })
end

--- Make a world. `stubs` are modules that every worker gets instead of the real ones, `{name = function(pid) -> module}`.
function world.new(stubs)
  local this = setmetatable({ clock = 1000, stubs = stubs, shared = {}, switch = function() end }, world)
  setmetatable(this.shared, { __index = function(all, name)
    all[name] = dictionary(this)
    return all[name]
  end })
  return this
end

--- Return a worker: a function that requires modules as that worker sees them.
function world:worker(pid)
  local loaded, worker = {}
  local environment = setmetatable({ ngx = ngx_of(self, pid) }, { __index = _G })
  function worker(name)
    if not loaded[name] then
      local file = name:match("^mercadito%.([%w_]+)$")
      if self.stubs[name] then
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
