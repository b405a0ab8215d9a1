-- Which nginx workers are alive: in shared memory for the ledger, as files for the next bin/start.
local journal = require("mercadito.journal")
local process = require("mercadito.process")
local settings = require("mercadito.settings")

local shared = ngx.shared.gateway_workers
local VERSION = "version"

local workers = {}
local seen_version, seen_pids

local function file_of(pid)
  return settings.state_dir .. "/workers/" .. pid
end

local function others()
  local pids = {}
  for _, key in ipairs(shared:get_keys(0)) do
    if key ~= VERSION then
      pids[#pids + 1] = key
    end
  end
  return pids
end

--- Return the pids (as text) whose counters count. The list is only built anew when a worker came or went.
function workers.pids()
  local version = shared:get(VERSION)
  if version ~= seen_version then
    seen_pids, seen_version = others(), version
  end
  return seen_pids
end

--- Return whether a worker has not died yet, as far as this machine knows: one that can't be looked at has not.
function workers.is_alive(pid)
  pid = tostring(pid)
  local entered = shared:get(pid)
  if not entered then
    return false
  end
  local started, unseen = process.started(pid)
  return started == entered or unseen ~= nil
end

--- Return whether a worker stands on the list.
function workers.is_entered(pid)
  return shared:get(tostring(pid)) ~= nil
end

--- Enter this worker; the file lets bin/start find it when a killed master leaves it behind. One that can't see its own
-- start time is not entered, and tries again (lifecycle.lua).
function workers.enter()
  local pid = tostring(ngx.worker.pid())
  local started = process.started(pid)
  if not started then
    return
  end
  shared:set(pid, started)
  shared:incr(VERSION, 1, 0)
  local file, problem = io.open(file_of(pid), "w")
  if not file then
    journal.write("error", "worker_file_not_written", { reason = problem })
    return
  end
  file:write(started, "\n")
  file:close()
end

--- Strike a worker off the list.
function workers.leave(pid)
  shared:delete(pid)
  shared:incr(VERSION, 1, 0)
  os.remove(file_of(pid))
end

--- Strike off the workers that died without leaving; return their pids, so that their counters can go too.
function workers.bury()
  local dead = {}
  for _, pid in ipairs(others()) do
    if not workers.is_alive(pid) then
      workers.leave(pid)
      dead[#dead + 1] = pid
    end
  end
  return dead
end

return workers
