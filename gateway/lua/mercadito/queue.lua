-- Requests of this worker that wait for one service, in order of arrival. Pure: a doubly linked list through the
-- visits themselves (fields `before`, `after`), because most leave at the front but any may leave at any time.
local queue = {}
queue.__index = queue

function queue.new()
  return setmetatable({ size = 0 }, queue)
end

--- Return whoever came first, or nil.
function queue:first()
  return self.head
end

--- Put a visit in by its `arrival`. Newcomers go to the end; one that comes back is near the front, whence it is sought.
function queue:insert(visit)
  local before, after = self.tail, nil
  if before and before.arrival > visit.arrival then
    before, after = nil, self.head
    while after.arrival <= visit.arrival do
      before, after = after, after.after
    end
  end
  visit.before, visit.after, visit.queue = before, after, self
  if before then before.after = visit else self.head = visit end
  if after then after.before = visit else self.tail = visit end
  self.size = self.size + 1
end

--- Take a visit out, wherever it stands; one that is not in changes nothing.
function queue:remove(visit)
  if visit.queue ~= self then
    return false
  end
  local before, after = visit.before, visit.after
  if before then before.after = after else self.head = after end
  if after then after.before = before else self.tail = before end
  visit.before, visit.after, visit.queue = nil, nil, nil
  self.size = self.size - 1
  return true
end

--- Return the newest that `claim` is true of, or nil.
function queue:newest(claim)
  local visit = self.tail
  while visit and not claim(visit) do
    visit = visit.before
  end
  return visit
end

return queue
