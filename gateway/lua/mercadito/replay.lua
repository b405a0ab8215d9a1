-- May a request that got no answer run again? Pure: the rules of design/gateway.md as one table to read and test.
local replay = {}

local SAFE = { GET = true, HEAD = true, OPTIONS = true }
local KEYED = { POST = true, PUT = true, PATCH = true, DELETE = true }
local MAX_KEY_LENGTH = 255 -- interfaces.md: 1-255 printable characters

local function is_key(value)
  return type(value) == "string" and #value <= MAX_KEY_LENGTH and value:find("^[\33-\126]+$") ~= nil
end

-- As the service reads it: by its exact name, the first if there are several.
local function key_in(query)
  for name, value in (query or ""):gmatch("([^&=]*)=?([^&]*)") do
    if name == "idempotency_key" then
      return value
    end
  end
  return nil
end

local function starts_with_any(path, prefixes)
  for _, prefix in ipairs(prefixes) do
    if path == prefix or path:sub(1, #prefix + 1) == prefix .. "/" then
      return true
    end
  end
  return false
end

--- Return whether the service will recognise this request when it comes twice.
--
-- `request` is {method, path, header_key, query}; `keyed_paths` lists the prefixes where the Idempotency-Key header and
-- the parameter of the query are honoured, `keyed_forms` those of forms, which have the parameter alone.
function replay.is_keyed(request, keyed_paths, keyed_forms)
  if not KEYED[request.method] then
    return false
  elseif starts_with_any(request.path, keyed_paths) then
    return is_key(request.header_key) or is_key(key_in(request.query))
  end
  return starts_with_any(request.path, keyed_forms) and is_key(key_in(request.query))
end

local function worst(list)
  local sent, partial = false, false
  for _, attempt in ipairs(list) do
    sent = sent or attempt.sent > 0
    partial = partial or (attempt.received > 0 and not attempt.answered)
  end
  return sent, partial
end

--- Decide about a request whose last attempt failed.
--
-- `case` is {method, keyed, not_processed, attempts}; `attempts` holds those not known to have been refused unread.
-- Returns "again" (hold and send it again), "answered" (the service's own 502, 503 or 504: pass it on), "unknown"
-- (it may have run) or "failed" (it changed nothing, but sending again is not right either).
function replay.verdict(case)
  local last = case.attempts[#case.attempts]
  if not last or case.not_processed then
    return "again"
  elseif last.answered then
    return "answered"
  end
  local sent, partial = worst(case.attempts)
  if not sent then
    return "again"
  elseif SAFE[case.method] then
    return partial and "failed" or "again"
  elseif partial or not case.keyed then
    return "unknown"
  end
  return "again"
end

--- Return whether a request that changes something was sent, so that nobody can say it was not done.
function replay.may_have_run(case)
  local sent = worst(case.attempts)
  return sent and not SAFE[case.method]
end

--- Return why an attempt means that the service is away, or nil when it only was slow or said no.
function replay.sign_of_absence(attempt, not_processed)
  if not_processed then
    return "answered " .. attempt.status .. ", not processed"
  elseif attempt.answered then
    return nil
  elseif attempt.sent == 0 then
    return "connect failed"
  elseif attempt.status == 502 and attempt.received == 0 then
    return "closed without an answer"
  end
  return nil
end

--- Return whether an attempt met with half an answer, or one that nginx cannot read. The service is there, and what went
-- wrong may be that request's own (its answer's head may be too long): no reason to hold the others, but one to ask.
function replay.is_doubtful(attempt)
  return attempt.status == 502 and not attempt.answered and attempt.received > 0
end

return replay
