-- Order of release over several workers, with every interleaving that chance finds: newcomers, requests that come back,
-- requests that leave, places that come and go. Of two waits that overlap, the earlier arrival is released first.
local runner = require("runner")
local world = require("world")

local CAP, STEPS, SEEDS = 3, 40, 60
local PIDS = { "11", "12", "13" }

local function make(pids)
  local gate_stub = { admit = function() end }
  local journal_stub = { write = function() end }
  local this = world.new({
    ["mercadito.gate"] = function() return gate_stub end,
    ["mercadito.journal"] = function() return journal_stub end,
    ["mercadito.workers"] = function() return { pids = function() return pids end, is_alive = function() return true end } end,
    ["mercadito.settings"] = function()
      local one = { concurrency = CAP, listeners = { it = { host = "127.0.0.1" } } }
      local realtime = { concurrency = 0, rate = 1000000, listeners = { it = { host = "127.0.0.1" } } }
      return {
        workers = #pids, hold_requests = 100000, hold_s = 25, hold_bytes = 1e9, share_percent = 5, address_shares = 4, pause_max_s = 60,
        upstreams = { orders = one, usda = one, notify = one, realtime = realtime },
      }
    end,
  })
  local workers = {}
  for index, pid in ipairs(pids) do
    workers[index] = this:worker(pid)
  end
  local states = workers[1]("mercadito.states")
  states.begin({ "orders", "usda", "notify", "realtime" })
  return this, workers, states
end

local serial = 0

local function newcomer(upstream)
  serial = serial + 1
  return {
    id = serial, upstream = upstream, body_bytes = 1, address = "a" .. serial, client = "c" .. serial,
    semaphore = { post = function() end },
  }
end

local Worker = {}
Worker.__index = Worker

local function worker_of(require_in, all)
  local get = require_in("mercadito.upstreams").get
  return setmetatable({
    room = require_in("mercadito.room"), release = require_in("mercadito.release"),
    places = require_in("mercadito.places"), view = require_in("mercadito.view"), turn = require_in("mercadito.turn"),
    upstream = get("orders"), inside = {}, waiting = {}, all = all,
  }, Worker)
end

function Worker:collect()
  for index = #self.waiting, 1, -1 do
    local visit = self.waiting[index]
    if visit.released_now then
      table.remove(self.waiting, index)
      visit.released_now = nil
      self.inside[#self.inside + 1] = visit
    end
  end
end

function Worker:queue(visit)
  assert(self.room.enter(self.upstream, visit))
  self.waiting[#self.waiting + 1] = visit
  self.release.round(self.upstream)
  self:collect()
end

function Worker:step()
  local dice = math.random()
  self.view.refresh()
  if dice < 0.35 then
    local visit = newcomer(self.upstream)
    self.all[#self.all + 1] = visit
    self:queue(visit)
  elseif dice < 0.75 and #self.inside > 0 then
    local visit = table.remove(self.inside, math.random(#self.inside))
    self.places.leave(self.upstream)
    if dice < 0.5 then
      self.places.answered(self.upstream)
    else
      self:queue(visit)
    end
  elseif dice < 0.8 and #self.waiting > 0 then
    self.room.leave(self.upstream, table.remove(self.waiting, math.random(#self.waiting)))
  end
  self.release.round(self.upstream)
  self:collect()
end

local function numbers(series)
  local list = {}
  for number in tostring(series or ""):gmatch("%d+") do
    list[#list + 1] = tonumber(number)
  end
  return list
end

local function inversions(visits)
  local waits, number = {}, 0
  for _, visit in ipairs(visits) do
    local queued = numbers(visit.queued)
    for at, released in ipairs(numbers(visit.released)) do
      waits[#waits + 1] = { arrival = visit.arrival, queued = queued[at], released = released }
    end
  end
  for _, one in ipairs(waits) do
    for _, other in ipairs(waits) do
      local together = one.queued < other.released and other.queued < one.released
      if together and one.arrival < other.arrival and one.released > other.released then
        number = number + 1
      end
    end
  end
  return number, #waits
end

-- Nobody new, everybody answered: the queues must empty themselves.
local function drain(workers)
  for _ = 1, 10000 do
    local left = 0
    for _, worker in ipairs(workers) do
      worker.view.refresh()
      while #worker.inside > 0 do
        table.remove(worker.inside)
        worker.places.leave(worker.upstream)
        worker.places.answered(worker.upstream)
      end
      worker.release.round(worker.upstream)
      worker:collect()
      left = left + #worker.waiting + #worker.inside
    end
    if left == 0 then
      return
    end
  end
  error("somebody waits for ever")
end

local function play(seed, pids)
  math.randomseed(seed)
  local this, requires, states = make(pids)
  local all, workers, tasks = {}, {}, {}
  for index, require_in in ipairs(requires) do
    workers[index] = worker_of(require_in, all)
    tasks[index] = function()
      for _ = 1, STEPS do
        workers[index]:step()
      end
    end
  end
  tasks[#tasks + 1] = function()
    states.probe_succeeded("orders", 0, false)
    for _ = 1, 3 do
      states.request_failed("orders", "as if")
      this.clock = this.clock + 3
      states.probe_failed("orders", "as if")
      states.probe_succeeded("orders", states.failures("orders"), false)
      this.clock = this.clock + 3
    end
  end
  this:interleave(tasks)
  drain(workers)
  return this, workers, all
end

local function gauge(this, account, pids)
  local total = 0
  for _, pid in ipairs(pids) do
    total = total + (this.shared.gateway_ledger.values[account .. ":" .. pid] or 0)
  end
  return total
end

return {
  ["no inversion, nobody forgotten, nothing left over"] = function()
    local waits = 0
    for seed = 1, SEEDS do
      local pids = { unpack(PIDS, 1, 2 + seed % 2) }
      local this, _, all = play(seed, pids)
      local inverted, of = inversions(all)
      assert(inverted == 0, inverted .. " inversions with seed " .. seed)
      waits = waits + of
      for _, account in ipairs({ "orders:waiting", "orders:bytes", "orders:head" }) do
        runner.same(gauge(this, account, pids), 0, account .. " with seed " .. seed)
      end
      runner.same(next(this.shared.gateway_clients.values), nil, "clients")
    end
    assert(waits > 1000, "too few waits to say anything: " .. waits)
  end,
  ["never more inside than the cap"] = function()
    for seed = 1, SEEDS do
      math.randomseed(seed)
      local this, requires, states = make(PIDS)
      states.probe_succeeded("orders", 0, false)
      local tasks, inside, most = {}, 0, 0
      for index, require_in in ipairs(requires) do
        local places, view = require_in("mercadito.places"), require_in("mercadito.view")
        local upstream = require_in("mercadito.upstreams").get("orders")
        tasks[index] = function()
          for _ = 1, STEPS do
            view.refresh()
            if upstream.inside > 0 and math.random() < 0.5 then
              inside = inside - 1
              places.leave(upstream)
            elseif places.take(upstream) then
              inside = inside + 1
              most = math.max(most, inside)
            end
          end
        end
      end
      this:interleave(tasks)
      assert(most <= CAP, most .. " inside with seed " .. seed)
    end
  end,
}
