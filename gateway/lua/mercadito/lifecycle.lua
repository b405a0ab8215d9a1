-- What happens when the master reads its configuration and when a worker comes, lives and goes.
local boots = require("mercadito.boots")
local counters = require("mercadito.counters")
local heartbeat = require("mercadito.heartbeat")
local journal = require("mercadito.journal")
local ledger = require("mercadito.ledger")
local page = require("mercadito.page")
local places = require("mercadito.places")
local pauses = require("mercadito.pauses")
local process = require("mercadito.process")
local room = require("mercadito.room")
local settings = require("mercadito.settings")
local spans = require("mercadito.spans")
local states = require("mercadito.states")
local upstreams = require("mercadito.upstreams")
local workers = require("mercadito.workers")

local lifecycle = {}

--- In the master, at start and after each reload.
function lifecycle.master(values)
  settings.load(values)
  page.load()
  states.begin(upstreams.names)
  boots.restore(upstreams.names)
  pauses.restore(upstreams.names)
end

local function forget(pid)
  ledger.of("gateway_ledger"):forget(pid)
  ledger.of("gateway_clients"):forget(pid)
  states.touch()
end

-- Struck off by mistake, a worker would count for nobody: its places, and whoever waits in it.
local function enter_again()
  journal.write("error", "worker_not_entered", { pid = ngx.worker.pid() })
  workers.enter()
  for _, upstream in ipairs(upstreams.all()) do
    places.declare(upstream)
    room.declare(upstream)
  end
  states.touch()
end

local function bury()
  if not workers.is_entered(ngx.worker.pid()) then
    enter_again()
  end
  for _, pid in ipairs(workers.bury()) do
    journal.write("warning", "worker_died", { pid = pid })
    forget(pid)
  end
end

--- Let go the workers of a killed master: they served until now, and from here on this one does.
local function relieve(premature)
  for _, orphan in ipairs(premature and {} or settings.orphans) do
    if process.quit(orphan.pid, orphan.started) then
      journal.write("warning", "orphan_relieved", { pid = orphan.pid })
    end
  end
end

--- In each worker, before it takes requests.
function lifecycle.worker_begins()
  math.randomseed(ngx.worker.pid() + ngx.now() * 1000)
  forget(ngx.worker.pid())
  workers.enter()
  bury()
  heartbeat.start(bury)
  spans.start()
  ngx.timer.at(0, relieve)
end

--- In each worker that leaves in an orderly way.
function lifecycle.worker_ends()
  local pid = tostring(ngx.worker.pid())
  counters.flush()
  workers.leave(pid)
  forget(pid)
end

return lifecycle
