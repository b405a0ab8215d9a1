-- What /metrics tells besides the services: this container's memory, and when the certificate ends. Read from small files
-- at each scrape; what is not there is not told.
local ffi = require("ffi")
local settings = require("mercadito.settings")

ffi.cdef("int getpagesize(void);")

-- Version 2 of control groups, else 1: the limit, and what counts towards it that the kernel can't give back by itself.
local GROUPS = {
  { limit = "/sys/fs/cgroup/memory.max", stat = "/sys/fs/cgroup/memory.stat", parts = { "anon", "shmem" } },
  {
    limit = "/sys/fs/cgroup/memory/memory.limit_in_bytes",
    stat = "/sys/fs/cgroup/memory/memory.stat",
    parts = { "rss", "shmem" },
  },
}
local NO_LIMIT = 2 ^ 60 -- beyond it a limit is version 1's way to say that there is none

local levels = {}

local function read(path)
  local file = io.open(path)
  if not file then
    return nil
  end
  local text = file:read("*a")
  file:close()
  return text
end

local function add(lines, metric, value)
  lines[#lines + 1] = "# TYPE " .. metric .. " gauge"
  lines[#lines + 1] = string.format("%s %s", metric, value)
end

local function add_memory(lines)
  for _, group in ipairs(GROUPS) do
    local limit, stat = tonumber(read(group.limit) or ""), read(group.stat)
    if stat and limit and limit < NO_LIMIT then
      local used = 0
      for _, part in ipairs(group.parts) do
        used = used + tonumber(("\n" .. stat):match("\n" .. part .. " (%d+)") or 0)
      end
      add(lines, "mercadito_memory_bytes", string.format("%.0f", used))
      return add(lines, "mercadito_memory_limit_bytes", string.format("%.0f", limit))
    end
  end
  local resident = (read("/proc/self/statm") or ""):match("^%d+ (%d+)")
  add(lines, "mercadito_memory_bytes", string.format("%.0f", tonumber(resident or 0) * ffi.C.getpagesize()))
  local machine = (read("/proc/meminfo") or ""):match("MemTotal:%s+(%d+) kB")
  return add(lines, "mercadito_memory_limit_bytes", string.format("%.0f", tonumber(machine or 0) * 1024))
end

--- Add lines of the exposition.
function levels.add(lines)
  add_memory(lines)
  local ends = tonumber(read(settings.state_dir .. "/certificate-end") or "")
  if ends then
    add(lines, "gateway_certificate_end_timestamp_seconds", string.format("%.0f", ends))
  end
end

return levels
