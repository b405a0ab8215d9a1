-- What nginx says of each attempt to get an answer, read from its $upstream_* variables. Groups are joined with
-- ", " within one pass and with " : " between passes; every one counts, not only the last.
local attempts = {}

local function split(text)
  local parts = {}
  for part in (text or ""):gmatch("[^,%s:]+") do
    parts[#parts + 1] = part
  end
  return parts
end

--- Return a list of {sent, received, answered, status}: bytes each way, and whether a whole response head came.
function attempts.read(variables)
  local sent, received = split(variables.upstream_bytes_sent), split(variables.upstream_bytes_received)
  local head_times, statuses = split(variables.upstream_header_time), split(variables.upstream_status)
  local list = {}
  for index, status in ipairs(statuses) do
    list[index] = {
      -- What nginx does not tell is taken for the worse: sent.
      sent = tonumber(sent[index]) or 1,
      received = tonumber(received[index]) or 0,
      answered = tonumber(head_times[index]) ~= nil,
      status = tonumber(status),
    }
  end
  return list
end

--- Return whether the last attempt got an answer, so that a status is the service's rather than nginx's own.
function attempts.was_answered(variables)
  local list = attempts.read(variables)
  return #list > 0 and list[#list].answered
end

return attempts
