-- What happens when the master reads its configuration and when a worker comes, lives and goes.
local guard = require("mercadito.guard")
local journal = require("mercadito.journal")
local ledger = require("mercadito.ledger")
local page = require("mercadito.page")
local pauses = require("mercadito.pauses")
local prober = require("mercadito.prober")
local process = require("mercadito.process")
local settings = require("mercadito.settings")
local upstreams = require("mercadito.upstreams")
local workers = require("mercadito.workers")

local TICK_S = 0.025
local BURY_EVERY_S = 0.5

local lifecycle = {}

--- In the master, at start and after each reload.
function lifecycle.master(values)
  settings.load(values)
  page.load()
  upstreams.begin()
  pauses.restore()
end

local tick = guard.background(function(premature)
  if not premature then
    prober.round()
  end
end)

local bury = guard.background(function()
  for _, pid in ipairs(workers.bury()) do
    journal.write("warning", "worker_died", { pid = pid })
    ledger.forget(pid)
  end
end)

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
  ledger.forget(ngx.worker.pid())
  workers.enter()
  bury()
  ngx.timer.at(0, tick)
  ngx.timer.every(TICK_S, tick)
  ngx.timer.every(BURY_EVERY_S, bury)
  ngx.timer.at(0, relieve)
end

--- In each worker that leaves in an orderly way.
function lifecycle.worker_ends()
  local pid = tostring(ngx.worker.pid())
  workers.leave(pid)
  ledger.forget(pid)
end

return lifecycle
